// SPDX-License-Identifier: GPL-2.0
//! Fast Open, fragments, extension headers, small segments, fields of IP.

use super::{cut, send, Case, Row, BENIGN, REQUEST};
use crate::plan::{Action, Encapsulation, Fault, Segment, Socket};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for stream in [REQUEST, BENIGN, b"SSH-2.0-OpenSSH_10.0\r\n"] {
        cases.extend(fast_open(stream));
    }
    for stream in [REQUEST, BENIGN] {
        for (row, name) in [(Row::Ipv4Fragments, "IPv4"), (Row::Ipv6Headers, "IPv6")] {
            cases.extend(fragments(row, name, stream));
        }
        cases.extend(extension_headers(stream));
        cases.extend(small_segments(stream));
        cases.extend(identifications(stream));
    }
    cases
}

fn fast_open(stream: &[u8]) -> Vec<Case> {
    let carrying = |name: &str, size: usize| {
        let mut case = Case::new(
            Row::FastOpen,
            name,
            stream,
            send(cut(stream, &[size.min(stream.len() - 1)])),
        );
        case.plan.opening.syn_data = stream[..size].to_vec();
        case.fast_open = true;
        case
    };
    vec![
        carrying("Fast Open, the SYN carries all", stream.len()),
        carrying("Fast Open, the SYN carries the first bytes", 3),
    ]
}

fn fragments(row: Row, name: &str, stream: &[u8]) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [8, 24, 40] {
        for (reversed, order) in [(false, ""), (true, ", in reverse order")] {
            let segment = Segment::new(0, stream)
                .with_encapsulation(Encapsulation::Fragments { size, reversed });
            cases.push(Case::new(
                row,
                format!("{name} fragments of {size} bytes{order}"),
                stream,
                send([segment]),
            ));
        }
    }
    let pieces = cut(stream, &[3, 20]).into_iter();
    let encapsulation = Encapsulation::Fragments {
        size: 16,
        reversed: true,
    };
    let pieces = pieces.map(|piece| piece.with_encapsulation(encapsulation));
    cases.push(Case::new(
        row,
        format!("cut, and each segment in {name} fragments"),
        stream,
        send(pieces),
    ));
    cases
}

fn extension_headers(stream: &[u8]) -> Vec<Case> {
    let headers = [
        (Encapsulation::HopByHop, "hop-by-hop"),
        (Encapsulation::DestinationOptions, "destination"),
    ];
    let mut cases = Vec::new();
    for (encapsulation, name) in headers {
        let whole = Segment::new(0, stream).with_encapsulation(encapsulation);
        cases.push(Case::new(
            Row::Ipv6Headers,
            format!("behind {name} options"),
            stream,
            send([whole]),
        ));
        let mut pieces = cut(stream, &[3]);
        pieces[1].encapsulation = encapsulation;
        cases.push(Case::new(
            Row::Ipv6Headers,
            format!("cut, the second segment behind {name} options"),
            stream,
            send(pieces),
        ));
    }
    cases
}

fn small_segments(stream: &[u8]) -> Vec<Case> {
    // Shorter than any word that a filter could search for in a segment.
    let places: Vec<usize> = (3..stream.len()).step_by(3).collect();
    let mut small = Case::new(
        Row::SmallSegments,
        "a maximum segment size of 88, segments of 3 bytes",
        stream,
        send(cut(stream, &places)),
    );
    small.plan.options.segment_size = 88;
    let settled = cut(stream, &places)
        .into_iter()
        .flat_map(|segment| [Action::Send(segment), Action::Settle]);
    let small_window = Case::new(
        Row::SmallSegments,
        "a small receive window, segments of 3 bytes",
        stream,
        settled.collect(),
    );
    vec![small, small_window.with_socket(Socket::SmallBuffer)]
}

fn identifications(stream: &[u8]) -> Vec<Case> {
    let same = cut(stream, &[3])
        .into_iter()
        .map(|piece| piece.with_encapsulation(Encapsulation::Identification(0)));
    let decoy = Segment::new(0, "xxx")
        .with_fault(Fault::Checksum)
        .with_encapsulation(Encapsulation::Identification(7));
    let true_one = Segment::new(0, stream).with_encapsulation(Encapsulation::Identification(7));
    vec![
        Case::new(
            Row::Identifications,
            "all packets of one IP identification",
            stream,
            send(same),
        ),
        Case::new(
            Row::Identifications,
            "decoy duplicates of one IP identification",
            stream,
            send([decoy.clone(), decoy, true_one]),
        ),
    ]
}
