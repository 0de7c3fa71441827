// SPDX-License-Identifier: GPL-2.0
//! What holds for every stream.

mod common;

use classifier::{Classifier, Verdict, LIMIT};
use common::{classify, config, cut_stream, stream};
use proptest::collection::vec;
use proptest::prelude::*;

/// The classifier's answer in the reference matcher's terms.
fn named(answer: Option<(Verdict, usize)>) -> Option<(&'static str, usize)> {
    answer.map(|(verdict, offset)| (verdict.name(), offset))
}

/// Continuations of which one makes a request or a response of whatever is still undecided: in a
/// version or a target, before a target, in a method, before one, and behind `HTTP/`.
const COMPLETIONS: [&str; 5] = [" HTTP/1", "/ HTTP/1", " / HTTP/1", "A / HTTP/1", "1"];

/// Packed classifiers and what is none, most of them where a stream begins or the limit is.
fn word() -> impl Strategy<Value = u32> {
    let offset = prop_oneof![0..16_u32, LIMIT - 64..LIMIT + 2];
    let packed = (offset, any::<u8>()).prop_map(|(offset, low)| (offset << 8) | u32::from(low));
    prop_oneof![9 => packed, 1 => any::<u32>()]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_cutting_gives_the_same_answer(pieces in cut_stream()) {
        let mut whole = Classifier::new();
        whole.feed(&pieces.concat());
        let mut cut = Classifier::new();
        for piece in &pieces {
            cut.feed(piece);
        }
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn a_packed_classifier_goes_on_as_if_it_were_not(pieces in cut_stream()) {
        let mut packed = Classifier::new().pack();
        prop_assert_eq!(packed, 0);
        let mut kept = Classifier::new();
        for piece in &pieces {
            let mut classifier = Classifier::unpack(packed);
            prop_assert_eq!(classifier, kept);
            prop_assert_eq!(classifier.feed(piece), kept.feed(piece));
            packed = classifier.pack();
        }
        prop_assert_eq!(Classifier::unpack(packed), kept);
    }

    #[test]
    fn every_word_unpacks(word in word(), pieces in cut_stream()) {
        let start = Classifier::unpack(word);
        prop_assert_eq!(Classifier::unpack(start.pack()), start);
        let (mut whole, mut cut) = (start, start);
        let verdict = whole.feed(&pieces.concat());
        for piece in &pieces {
            cut.feed(piece);
        }
        prop_assert_eq!(cut, whole);
        prop_assert!(start.verdict().is_none() || whole == start);
        prop_assert!(whole.offset() <= LIMIT);
        prop_assert!(verdict.is_some() || whole.offset() < LIMIT);
    }

    #[test]
    fn bytes_behind_the_deciding_one_do_not_matter(stream in stream(), tail in vec(any::<u8>(), 0..40)) {
        let mut classifier = Classifier::new();
        let verdict = classifier.feed(&stream);
        let decided = classifier;
        if verdict.is_some() {
            prop_assert_eq!(classifier.feed(&tail), verdict);
            prop_assert_eq!(classifier, decided);
            let start = &stream[..decided.offset() as usize];
            prop_assert_eq!(classify(&[start, &tail].concat()), classify(&stream));
            prop_assert_eq!(classify(&start[..start.len() - 1]), None);
        } else {
            prop_assert_eq!(decided.offset() as usize, stream.len());
        }
    }

    #[test]
    fn what_is_undecided_can_still_become_http(stream in stream()) {
        if classify(&stream).is_none() {
            let becomes_http = |end: &str| {
                let answer = classify(&[&stream, end.as_bytes()].concat());
                answer.is_some_and(|(verdict, _)| verdict != Verdict::Other)
            };
            prop_assert!(COMPLETIONS.iter().any(|end| becomes_http(end)));
        }
    }

    #[test]
    fn the_reference_agrees(stream in stream()) {
        prop_assert_eq!(named(classify(&stream)), reference::classify(&stream));
    }

    #[test]
    fn the_reference_agrees_on_arbitrary_bytes(stream in vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(named(classify(&stream)), reference::classify(&stream));
    }
}

/// Every sequence of five tokens that mean something to the grammar.
#[test]
fn the_reference_agrees_on_every_short_sequence() {
    const TOKENS: [&str; 12] = [
        "GET", "PRI", "HTTP", "/", "*", " ", "\r", "\n", "1", "2", "x", "\0",
    ];
    const LENGTH: u32 = 5;
    for sequence in 0..TOKENS.len().pow(LENGTH) {
        let mut stream = String::new();
        let mut rest = sequence;
        for _ in 0..LENGTH {
            stream.push_str(TOKENS[rest % TOKENS.len()]);
            rest /= TOKENS.len();
        }
        let stream = stream.as_bytes();
        assert_eq!(
            named(classify(stream)),
            reference::classify(stream),
            "{}",
            stream.escape_ascii()
        );
    }
}
