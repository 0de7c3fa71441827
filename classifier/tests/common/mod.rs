// SPDX-License-Identifier: GPL-2.0
//! Strings that are HTTP or nearly so, for the property tests.
#![allow(dead_code, unreachable_pub)]

pub mod second_opinion;

use classifier::{Classifier, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, Index};

/// Enough cases to meet every branch many times, few enough for a debug build.
pub fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The verdict on `stream` and how many bytes it took.
pub fn classify(stream: &[u8]) -> Option<(Verdict, usize)> {
    let mut classifier = Classifier::new();
    let verdict = classifier.feed(stream)?;
    Some((verdict, classifier.offset() as usize))
}

/// Some of `pieces`, one after another.
fn some_of(
    pieces: &'static [&'static str],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    vec(select(pieces), count).prop_map(|pieces| pieces.concat())
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(" ".to_owned()),
        1 => some_of(&[" ", "\t", "\x0b", "\x0c", "\r"], 0..4),
    ]
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        select(
            &["GET", "PRI", "HTTP", "POST", "GETS", "get", "M-SEARCH", "UPDATE", "propFind", "30"]
                [..]
        )
        .prop_map(str::to_owned),
        "[A-Z!#$%&'*+.^_`|~-]{0,34}",
    ]
}

fn target() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "/", "*", "a", "?q=1", "#", "@", ":", "http://", "user:pass@", "host", " ", "\r", "\t",
        " HTTP", " HTTP/", " HTTP/x", "HTTP/1.1", "\0", "\"", "\\", "é",
        "0123456789abcdef0123456789abcdef",
    ];
    prop_oneof![
        1 => select(&["/", "*", "http://h/", "a+b-c.d9://", "http:/", "h:80", "key"][..])
            .prop_map(str::to_owned),
        2 => some_of(PIECES, 0..8),
        1 => some_of(PIECES, 0..8).prop_map(|rest| format!("/{rest}")),
    ]
}

/// A first line put together from parts that are right, nearly right or missing.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let blank = prop_oneof![
        3 => Just(String::new()),
        1 => some_of(&["\r\n", "\n", " ", "\t", "\r"], 1..4),
    ];
    let version = prop_oneof![
        3 => select(&["HTTP/1.1", "HTTP/2.0", "HTTP/0.9"][..]),
        2 => select(&["HTTP/", "HTTP/x", "http/1.1", "HHTTP/1.1", "RTSP/1.0", ""][..]),
    ];
    let end = select(&["\r\n", "\n", "\r", "", " 200 OK\r\n", "\r\nHost: h\r\n\r\n"][..]);
    (blank, method(), space(), target(), space(), version, end).prop_map(
        |(blank, method, gap, target, space, version, end)| {
            [&blank, &method, &gap, &target, &space, version, end]
                .concat()
                .into_bytes()
        },
    )
}

/// A first line of any kind.
fn start() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&[u8]] = &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"GET /x\r\n",
    ];
    prop_oneof![3 => line(), 1 => select(KNOWN).prop_map(<[u8]>::to_vec)]
}

/// A stream that is HTTP, nearly so, or arbitrary.
pub fn stream() -> impl Strategy<Value = Vec<u8>> {
    // A replacement, an insertion or a deletion, of bytes that matter or of any.
    let byte = prop_oneof![select(&b" \r\n\t/?@:HPG12\0"[..]), any::<u8>()];
    let change = (any::<Index>(), 0..3, byte);
    let mutant = (start(), vec(change, 1..4)).prop_map(|(mut stream, changes)| {
        for (at, kind, byte) in changes {
            let at = at.index(stream.len() + 1);
            match (kind, stream.get_mut(at)) {
                (0, Some(old)) => *old = byte,
                (1, Some(_)) => drop(stream.remove(at)),
                _ => stream.insert(at, byte),
            }
        }
        stream
    });
    prop_oneof![4 => start(), 4 => mutant, 1 => vec(any::<u8>(), 0..200)]
}

/// A stream and where to cut it.
pub fn cut_stream() -> impl Strategy<Value = Vec<Vec<u8>>> {
    (stream(), vec(any::<Index>(), 0..8)).prop_map(|(stream, cuts)| {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|ends| stream[ends[0]..ends[1]].to_vec())
            .collect()
    })
}
