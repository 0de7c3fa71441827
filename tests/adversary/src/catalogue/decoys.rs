// SPDX-License-Identifier: GPL-2.0
//! Segments that TCP discards, and one with a low hop limit, which it takes.

use super::{cut, send, Case, Row, BENIGN, REQUEST};
use crate::plan::{Encapsulation, Fault, Kind, Segment};

pub(super) fn cases() -> Vec<Case> {
    let streams = [REQUEST, BENIGN].into_iter();
    streams
        .flat_map(|stream| [decoys(stream), closing_decoys(stream)].concat())
        .collect()
}

/// Decoys with the opposite kind of stream, before a stream and between its halves.
fn decoys(stream: &[u8]) -> Vec<Case> {
    let opposite = if stream == REQUEST { BENIGN } else { REQUEST };
    let faults: [(Row, Fault, &str); 11] = [
        (Row::Checksum, Fault::Checksum, "a wrong checksum"),
        (
            Row::Numbers,
            Fault::BehindWindow,
            "a sequence number behind the window",
        ),
        (
            Row::Numbers,
            Fault::BeforeWindow,
            "a sequence number before the window",
        ),
        (
            Row::Numbers,
            Fault::FutureAck,
            "an acknowledgement of what was never sent",
        ),
        (
            Row::Numbers,
            Fault::AncientAck,
            "an acknowledgement of the distant past",
        ),
        (Row::Signature, Fault::Md5, "an MD5 option"),
        (Row::Signature, Fault::Ao, "a TCP-AO option"),
        (Row::Timestamp, Fault::OldTimestamp, "an old timestamp"),
        (Row::NoAck, Fault::NoAck, "no ACK flag"),
        (
            Row::Header,
            Fault::ShortHeader,
            "a data offset that is too small",
        ),
        (
            Row::Header,
            Fault::LongHeader,
            "a data offset behind the segment's end",
        ),
    ];
    let half = 5;
    let mut cases = Vec::new();
    for (row, fault, name) in faults {
        let decoy =
            |offset: usize| Segment::new(offset as i32, &opposite[offset..]).with_fault(fault);
        let [first, second] = [&stream[..half], &stream[half..]];
        let halves = [Segment::new(0, first), Segment::new(half as i32, second)];
        let [one, other] = halves;
        cases.push(Case::new(
            row,
            format!("a decoy with {name}, then the whole"),
            stream,
            send([decoy(0), Segment::new(0, stream)]),
        ));
        cases.push(Case::new(
            row,
            format!("decoys with {name} around halves"),
            stream,
            send([decoy(0), one, decoy(half), other]),
        ));
        // Bytes that would decide the stream if they were taken for its own.
        let noise = Segment::new(0, "\0\0\0\0").with_fault(fault);
        cases.push(Case::new(
            row,
            format!("noise with {name} before each byte"),
            stream,
            {
                let bytes: Vec<usize> = (1..stream.len()).collect();
                send(cut(stream, &bytes).into_iter().flat_map(|segment| {
                    let mut decoy = noise.clone();
                    decoy.offset = segment.offset;
                    [decoy, segment]
                }))
            },
        ));
    }
    let low = Segment::new(0, stream).with_encapsulation(Encapsulation::HopLimit(1));
    cases.push(Case::new(
        Row::HopLimit,
        "a hop limit of 1: it arrives all the same",
        stream,
        send([low]),
    ));
    let mut wide = Case::new(
        Row::Header,
        "a window scale of 255 in the SYN",
        stream,
        send(cut(stream, &[half])),
    );
    wide.plan.options.window_scale = Some(255);
    cases.push(wide);
    cases
}

/// RST and FIN segments that TCP discards.
fn closing_decoys(stream: &[u8]) -> Vec<Case> {
    let halves = cut(stream, &[3]);
    let mut cases = Vec::new();
    let faults: [(Fault, &str); 4] = [
        (Fault::Checksum, "with a wrong checksum"),
        (Fault::Md5, "with an MD5 option"),
        (Fault::BehindWindow, "behind the window"),
        (Fault::BeforeWindow, "before the window"),
    ];
    for (kind, name) in [(Kind::Rst, "RST"), (Kind::Fin, "FIN")] {
        for (fault, how) in faults {
            let decoy = Segment::new(3, []).with_kind(kind).with_fault(fault);
            let actions = send([halves[0].clone(), decoy, halves[1].clone()]);
            cases.push(Case::new(
                Row::RstAndFin,
                format!("a {name} {how} between halves"),
                stream,
                actions,
            ));
        }
    }
    let ahead = Segment::new(stream.len() as i32 + 100, []).with_kind(Kind::Rst);
    let actions = send([halves[0].clone(), ahead, halves[1].clone()]);
    cases.push(Case::new(
        Row::RstAndFin,
        "a RST within the window, but not next, between halves",
        stream,
        actions,
    ));
    cases
}
