// SPDX-License-Identifier: GPL-2.0
//! What holds for every stream.

mod common;

use classifier::{Classifier, Verdict, LIMIT};
use common::{classify, config, cut_stream, stream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The classifier's answer in the reference matcher's terms.
fn named(answer: Option<(Verdict, usize)>) -> Option<(&'static str, usize)> {
    answer.map(|(verdict, offset)| (verdict.name(), offset))
}

/// Continuations of which one makes a request or a response of whatever is still undecided: in a
/// target, before one, in a method, before one, in what must be a scheme, and in a version that must
/// be one.
const COMPLETIONS: [&str; 13] = [
    " HTTP/1",
    "/ HTTP/1",
    " / HTTP/1",
    "A / HTTP/1",
    ":// HTTP/1",
    "// HTTP/1",
    "HTTP/1",
    "TTP/1",
    "TP/1",
    "P/1",
    "/1",
    "1",
    "2",
];

/// Packed classifiers and what is none, most of them where a stream begins or the limit is.
fn word() -> impl Strategy<Value = u32> {
    let offset = prop_oneof![0..16_u32, LIMIT - 64..LIMIT + 2];
    let low = 0..1_u32 << 14;
    let packed = (offset, low).prop_map(|(offset, low)| (offset << 14) | low);
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

    /// To go on at another place, or to leave out what leaves all as it is, is to read as before.
    #[test]
    fn what_is_moved_or_skipped_decides_alike(
        stream in stream(),
        at in any::<Index>(),
        tail in vec(any::<u8>(), 0..40),
    ) {
        let at = at.index(stream.len() + 1);
        let rest = [&stream[at..], &tail].concat();
        let mut here = Classifier::new();
        here.feed(&stream[..at]);
        let mut plain = here;
        for byte in &rest {
            plain.feed(&[*byte]);
        }
        let mut skipping = here;
        let mut left = &rest[..];
        while let [_, ..] = left {
            let before = left.len();
            left = skipping.skip(left);
            let skipped = before - left.len();
            prop_assert!(skipped == 0 || skipping.moved(here.offset()) == Some(here));
            let (next, behind) = left.split_at(left.len().min(1));
            skipping.feed(next);
            here = skipping;
            left = behind;
        }
        prop_assert_eq!(skipping, plain);
    }

    #[test]
    fn what_was_before_is_told_only_if_it_is_so(stream in stream()) {
        let mut states = vec![Classifier::new()];
        for byte in &stream {
            let mut next = states[states.len() - 1];
            next.feed(&[*byte]);
            states.push(next);
        }
        for (end, state) in states.iter().enumerate() {
            prop_assert_eq!(state.earlier(end as u32), None);
            for (at, before) in states[..end].iter().enumerate() {
                let earlier = state.earlier(at as u32);
                prop_assert!(earlier.is_none() || earlier == Some(*before));
            }
        }
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

/// As far back as the white space before it, and no further.
#[test]
fn what_may_be_a_version_tells_what_was_before() {
    for (start, version) in [
        ("GET /a ", "HTTP/"),
        ("GET /a\r", "HT"),
        ("GET http://h ", "HTTP"),
        ("get /a b\t", "HTTP/"),
        ("OPTIONS * ", "H"),
        ("PRI * ", "HTTP/"),
        ("foo /a  ", "HTTP/"),
    ] {
        let state = |len: usize| {
            let mut state = Classifier::new();
            state.feed(format!("{start}{version}")[..len].as_bytes());
            state
        };
        let end = start.len() + version.len();
        for at in start.len()..end {
            assert_eq!(
                state(end).earlier(at as u32),
                Some(state(at)),
                "{start}{version}"
            );
        }
        assert_eq!(state(end).earlier(start.len() as u32 - 1), None);
        assert_eq!(state(start.len()).earlier(start.len() as u32 - 1), None);
    }
    for stream in [
        "",
        "\r\n",
        "GET",
        "GET ",
        "GET /a",
        "GET h",
        "HTTP/",
        "GET / HTTP/1",
    ] {
        let mut state = Classifier::new();
        state.feed(stream.as_bytes());
        assert!((0..20).all(|at| state.earlier(at).is_none()), "{stream}");
    }
}

/// Every sequence of five tokens that mean something to the grammar.
#[test]
fn the_reference_agrees_on_every_short_sequence() {
    const TOKENS: [&str; 14] = [
        "GET", "PRI", "HTTP", "/", "*", "://", " ", "\r", "\n", "1", "2", "x", "put", "\0",
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
