// SPDX-License-Identifier: GPL-2.0
//! Streams of other protocols, as people ship them, are no HTTP, whole and in the making. The guest's
//! tests send the same ones.

use classifier::{Classifier, Verdict};

/// A name and a stream a line.
const STREAMS: &str = include_str!("../../tests/other_protocols.tsv");

/// These stay undecided to their end.
const UNDECIDED: [&str; 2] = ["Gopher's root", "ZooKeeper's four letters"];

/// The names and the streams.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let lines = STREAMS.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, text)| (name, unescaped(text)))
        .collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    // Two backslashes have an empty part between them.
    while let Some(part) = parts.next() {
        let (byte, rest) = match part.as_bytes() {
            [] => (b'\\', parts.next().unwrap_or_default()),
            [b'x', ..] => (u8::from_str_radix(&part[1..3], 16).unwrap(), &part[3..]),
            [b'r', ..] => (b'\r', &part[1..]),
            [b'n', ..] => (b'\n', &part[1..]),
            [b't', ..] => (b'\t', &part[1..]),
            _ => panic!("{text}"),
        };
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

#[test]
fn none_is_taken_for_http() {
    let streams = streams();
    assert!(streams.len() > 250, "only {}", streams.len());
    for (name, stream) in &streams {
        let expected = (!UNDECIDED.contains(name)).then_some(Verdict::Other);
        assert_eq!(Classifier::new().feed(stream), expected, "{name}");
        for cut in 0..stream.len() {
            let mut classifier = Classifier::new();
            classifier.feed(&stream[..cut]);
            assert_eq!(classifier.feed(&stream[cut..]), expected, "{name} at {cut}");
        }
    }
}

/// As long as a stream is undecided, the filter keeps something of it.
#[test]
fn they_are_decided_within_64_bytes() {
    for (name, stream) in &streams() {
        let mut classifier = Classifier::new();
        classifier.feed(stream);
        assert!(classifier.offset() <= 64, "{name}: {}", classifier.offset());
    }
}

/// So a search for it would find it in them.
#[test]
fn most_mention_http() {
    let mentions = |stream: &[u8]| stream.windows(4).any(|bytes| bytes == b"HTTP");
    let count = streams()
        .iter()
        .filter(|(_, stream)| mentions(stream))
        .count();
    assert!(count > 200, "only {count}");
}
