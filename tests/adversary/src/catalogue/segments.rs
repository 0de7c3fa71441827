// SPDX-License-Identifier: GPL-2.0
//! Segmentation, order, repetition and overlap of a stream's segments, handshakes, urgent data.

use super::{cut, send, Case, Row, BENIGN, REQUEST};
use crate::plan::{Action, Fault, Kind, Segment, Socket};
use crate::stream::{decided_at, tls_hello};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for stream in [REQUEST, BENIGN] {
        cases.extend(cuts(stream));
        cases.extend(orders(stream));
        cases.extend(overlaps(stream));
        cases.extend(handshakes(stream));
    }
    cases.extend(urgent());
    cases.extend(swapped());
    cases
}

/// Starts as their clients send them, but for the order: what comes ahead can't be told from HTTP by
/// its place alone.
fn swapped() -> Vec<Case> {
    let ssh = b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n\0\0\x04\x9c\x06\x14mlkem768x25519-sha256";
    let redis = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    let sip = b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP a.example\r\n\r\n";
    let hellos = (0..8).map(|seed| {
        let hello = tls_hello(&mut ChaCha8Rng::seed_from_u64(seed));
        let place = hello.len().div_ceil(2);
        (format!("TLS {seed}"), hello, place)
    });
    let others = [
        ("SSH", &ssh[..], 33),
        ("Redis", redis, 14),
        ("SIP", sip, 34),
    ];
    let others = others.map(|(name, stream, place)| (name.into(), stream.to_vec(), place));
    let streams = hellos.chain(others).map(|(name, stream, place)| {
        let mut segments = cut(&stream, &[place]);
        segments.reverse();
        Case::new(Row::Swapped, name, &stream, send(segments))
    });
    streams.collect()
}

fn cuts(stream: &[u8]) -> Vec<Case> {
    let decided = decided_at(stream);
    let places: [(&str, Vec<usize>); 5] = [
        ("cut behind the first byte", vec![1]),
        ("cut within the method", vec![2]),
        ("cut within the version", vec![decided - 4]),
        ("cut before the byte that decides", vec![decided - 1]),
        ("cut in three", vec![2, decided - 1]),
    ];
    let mut cases: Vec<Case> = places
        .map(|(name, places)| Case::new(Row::Cut, name, stream, send(cut(stream, &places))))
        .into();
    let bytes: Vec<usize> = (1..stream.len()).collect();
    cases.push(Case::new(
        Row::Bytes,
        "segments of one byte",
        stream,
        send(cut(stream, &bytes)),
    ));
    let settled = cut(stream, &bytes)
        .into_iter()
        .flat_map(|segment| [Action::Send(segment), Action::Settle]);
    cases.push(Case::new(
        Row::Bytes,
        "segments of one byte, each acknowledged before the next",
        stream,
        settled.collect(),
    ));
    cases
}

fn orders(stream: &[u8]) -> Vec<Case> {
    let decided = decided_at(stream);
    let mut reversed = cut(stream, &[1, 4, 9, decided - 1, decided]);
    reversed.reverse();
    let mut swapped = cut(stream, &[decided - 3]);
    swapped.reverse();
    let mut last_first = cut(stream, &[1, 2, decided]);
    last_first.rotate_left(1);
    vec![
        Case::new(
            Row::Order,
            "all segments in reverse order",
            stream,
            send(reversed),
        ),
        Case::new(
            Row::Order,
            "two segments in reverse order",
            stream,
            send(swapped),
        ),
        Case::new(Row::Order, "the first byte last", stream, send(last_first)),
    ]
}

fn overlaps(stream: &[u8]) -> Vec<Case> {
    let original = |from: usize, to: usize| Segment::new(from as i32, &stream[from..to]);
    let altered = |from: usize, to: usize| Segment::new(from as i32, vec![b'x'; to - from]);
    let end = stream.len();
    let past = |from: usize, text: &[u8]| {
        let data = [text, &stream[from..]].concat();
        Segment::new(from as i32 - text.len() as i32, data)
    };
    vec![
        Case::new(
            Row::Repetition,
            "repeated with equal bytes",
            stream,
            send([
                original(0, 3),
                original(0, 3),
                original(3, end),
                original(3, end),
            ]),
        ),
        Case::new(
            Row::Repetition,
            "altered bytes, then the original ones, ahead of a gap",
            stream,
            send([altered(2, end), original(2, end), original(0, 2)]),
        ),
        Case::new(
            Row::Repetition,
            "the original bytes, then altered ones, ahead of a gap",
            stream,
            send([original(2, end), altered(2, end), original(0, 2)]),
        ),
        Case::new(
            Row::Repetition,
            "an altered first byte, then the whole",
            stream,
            send([altered(0, 1), original(0, end)]),
        ),
        Case::new(
            Row::Overlap,
            "overlapping segments",
            stream,
            send([
                original(0, 3),
                original(1, 8),
                original(4, 12),
                original(6, end),
            ]),
        ),
        Case::new(
            Row::Overlap,
            "bytes of the past before the first (seqovl)",
            stream,
            send([past(0, b"SSH-2.0-x\r\n")]),
        ),
        Case::new(
            Row::Overlap,
            "a request in the past before the first (seqovl)",
            stream,
            send([past(0, b"GET / HTTP/1.1\r\n\r\n")]),
        ),
        Case::new(
            Row::Overlap,
            "received bytes overlapped by altered ones",
            stream,
            send([
                original(0, 3),
                Segment::new(0, [b"xxx", &stream[3..]].concat()),
            ]),
        ),
        Case::new(
            Row::Overlap,
            "bytes ahead of a gap overlapped by altered ones, then the gap filled",
            stream,
            send([
                original(5, end),
                Segment::new(3, [&stream[3..5], b"xxxx"].concat()),
                original(0, 3),
            ]),
        ),
        Case::new(
            Row::Overlap,
            "two discarded segments whose original parts make the stream",
            stream,
            send([
                Segment::new(0, [&stream[..2], b"?"].concat()).with_fault(Fault::Checksum),
                Segment::new(0, [b"??", &stream[2..]].concat()).with_fault(Fault::Checksum),
                original(2, end),
                original(0, 2),
            ]),
        ),
    ]
}

fn handshakes(stream: &[u8]) -> Vec<Case> {
    let halves = cut(stream, &[3]);
    let opposite = if stream == REQUEST { BENIGN } else { REQUEST };
    let between = |decoy: Segment| send([halves[0].clone(), decoy, halves[1].clone()]);
    let mut cases = vec![
        Case::new(
            Row::Handshake,
            "the SYN again between halves",
            stream,
            between(Segment::new(-1, []).with_kind(Kind::Syn)),
        ),
        Case::new(
            Row::Handshake,
            "a SYN of another sequence number between halves",
            stream,
            between(Segment::new(9999, []).with_kind(Kind::Syn)),
        ),
        Case::new(
            Row::Handshake,
            "a SYN with other data between halves",
            stream,
            between(Segment::new(2, opposite).with_kind(Kind::Syn)),
        ),
        Case::new(
            Row::Handshake,
            "a SYN-ACK between halves (split handshake)",
            stream,
            between(Segment::new(-1, []).with_kind(Kind::SynAck)),
        ),
    ];
    let mut carried = Case::new(
        Row::Handshake,
        "the first SYN carries all, without Fast Open",
        stream,
        send([Segment::new(0, stream)]),
    );
    carried.plan.opening.syn_data = stream.to_vec();
    cases.push(carried);
    let mut partly = Case::new(
        Row::Handshake,
        "the first SYN carries a start, without Fast Open",
        stream,
        send(cut(stream, &[3])),
    );
    partly.plan.opening.syn_data = stream[..3].to_vec();
    cases.push(partly);
    for (name, places) in [("whole", &[][..]), ("cut", &[3])] {
        let mut third = Case::new(
            Row::Handshake,
            format!("the third acknowledgement carries the start, {name}"),
            stream,
            send(cut(stream, places)),
        );
        third.plan.opening.third_ack_carries = true;
        cases.push(third);
    }
    cases
}

fn urgent() -> Vec<Case> {
    let place = b"GET / HTT".len() as u16;
    let hidden = b"GET / HTTxP/1.1\r\n\r\n";
    let in_method = b"GE(T / HTTP/1.1\r\n\r\n";
    let late = |urgent: Segment| send([urgent, Segment::new(9, &b"xP/1.1\r\n\r\n"[..])]);
    vec![
        Case::new(
            Row::Urgent,
            "an urgent byte hides in the version",
            hidden,
            send([Segment::new(0, hidden).with_urgent(place + 1)]),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte hides in the method",
            in_method,
            send([Segment::new(0, in_method).with_urgent(3)]),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte hides in the version, announced before it is sent",
            hidden,
            late(Segment::new(0, &hidden[..9]).with_urgent(place + 1)),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte hides in the version, announced by a segment without data",
            hidden,
            send([
                Segment::new(0, "").with_urgent(place + 1),
                Segment::new(0, hidden),
            ]),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte of a request, read inline",
            REQUEST,
            send([Segment::new(0, REQUEST).with_urgent(1)]),
        )
        .with_socket(Socket::Inline),
        Case::new(
            Row::Urgent,
            "an urgent byte of a request, taken out",
            REQUEST,
            send([Segment::new(0, REQUEST).with_urgent(1)]),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte that is superseded by a later one",
            REQUEST,
            send([
                Segment::new(0, &REQUEST[..5]).with_urgent(2),
                Segment::new(5, &REQUEST[5..]).with_urgent(30),
            ]),
        ),
        Case::new(
            Row::Urgent,
            "an urgent byte at the end of the first line",
            BENIGN,
            send([Segment::new(0, BENIGN).with_urgent(44)]),
        ),
        Case::new(Row::Urgent, "an urgent byte past the start", BENIGN, {
            let [one, other] = [&BENIGN[..44], &BENIGN[44..]];
            vec![
                Action::Send(Segment::new(0, one)),
                Action::Settle,
                Action::Send(Segment::new(44, other).with_urgent(3)),
            ]
        }),
    ]
}
