// SPDX-License-Identifier: GPL-2.0
//! Rows 15, 17, 18, 30 and 31: Fast Open, fragments, extension headers, small segments, IP's own fields.

use super::{cut, send, Case, INNOCENT, REQUEST};
use crate::plan::{Action, Carriage, Fault, Segment, Socket};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for stream in [REQUEST, INNOCENT, b"SSH-2.0-OpenSSH_10.0\r\n"] {
        cases.extend(fast_open(stream));
    }
    for stream in [REQUEST, INNOCENT] {
        for (row, name) in [(17, "IPv4"), (18, "IPv6")] {
            cases.extend(fragments(row, name, stream));
        }
        cases.extend(extension_headers(stream));
        cases.extend(small_segments(stream));
        cases.extend(identifications(stream));
    }
    cases
}

/// Row 15.
fn fast_open(stream: &[u8]) -> Vec<Case> {
    let carrying = |name: &str, size: usize| {
        let mut case = Case::new(
            15,
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

/// Rows 17 and 18.
fn fragments(row: u8, name: &str, stream: &[u8]) -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [8, 24, 40] {
        for (reversed, order) in [(false, ""), (true, ", in reverse order")] {
            let segment =
                Segment::new(0, stream).with_carriage(Carriage::Fragments { size, reversed });
            cases.push(Case::new(
                row,
                format!("{name} fragments of {size} bytes{order}"),
                stream,
                send([segment]),
            ));
        }
    }
    let pieces = cut(stream, &[3, 20]).into_iter();
    let carriage = Carriage::Fragments {
        size: 16,
        reversed: true,
    };
    let pieces = pieces.map(|piece| piece.with_carriage(carriage));
    cases.push(Case::new(
        row,
        format!("cut, and each segment in {name} fragments"),
        stream,
        send(pieces),
    ));
    cases
}

/// Row 18.
fn extension_headers(stream: &[u8]) -> Vec<Case> {
    let headers = [
        (Carriage::HopByHop, "hop-by-hop"),
        (Carriage::DestinationOptions, "destination"),
    ];
    let mut cases = Vec::new();
    for (carriage, name) in headers {
        let whole = Segment::new(0, stream).with_carriage(carriage);
        cases.push(Case::new(
            18,
            format!("behind {name} options"),
            stream,
            send([whole]),
        ));
        let mut pieces = cut(stream, &[3]);
        pieces[1].carriage = carriage;
        cases.push(Case::new(
            18,
            format!("cut, the second segment behind {name} options"),
            stream,
            send(pieces),
        ));
    }
    cases
}

/// Row 30.
fn small_segments(stream: &[u8]) -> Vec<Case> {
    // Shorter than any word that a filter of segments looks for.
    let places: Vec<usize> = (3..stream.len()).step_by(3).collect();
    let mut small = Case::new(
        30,
        "a maximum segment size of 88, segments of 3 bytes",
        stream,
        send(cut(stream, &places)),
    );
    small.plan.options.segment_size = 88;
    let settled = cut(stream, &places)
        .into_iter()
        .flat_map(|segment| [Action::Send(segment), Action::Settle]);
    let narrow = Case::new(
        30,
        "a small receive window, segments of 3 bytes",
        stream,
        settled.collect(),
    );
    vec![small, narrow.with_socket(Socket::Narrow)]
}

/// Row 31.
fn identifications(stream: &[u8]) -> Vec<Case> {
    let same = cut(stream, &[3])
        .into_iter()
        .map(|piece| piece.with_carriage(Carriage::Identification(0)));
    let decoy = Segment::new(0, "xxx")
        .with_fault(Fault::Checksum)
        .with_carriage(Carriage::Identification(7));
    let true_one = Segment::new(0, stream).with_carriage(Carriage::Identification(7));
    vec![
        Case::new(
            31,
            "all packets of one IP identification",
            stream,
            send(same),
        ),
        Case::new(
            31,
            "decoy duplicates of one IP identification",
            stream,
            send([decoy.clone(), decoy, true_one]),
        ),
    ]
}
