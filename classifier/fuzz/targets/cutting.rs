// SPDX-License-Identifier: GPL-2.0
//! However a stream is cut, and packed where it is cut, each of its bytes leads to the same.
#![no_main]

use classifier::{Classifier, LogLine, Verdict};
use libfuzzer_sys::fuzz_target;

/// What people are shown of a line.
fn shown(line: &LogLine, verdict: Option<Verdict>) -> String {
    line.display(verdict.unwrap_or(Verdict::Other)).to_string()
}

// Where the stream is, which may be near the limit; the lengths of pieces; all that comes.
fuzz_target!(|input: (u32, Vec<u8>, &[u8])| {
    let (word, cuts, stream) = input;
    let start = Classifier::unpack(word);

    let (mut whole, mut whole_line) = (start, LogLine::new());
    whole_line.resume(start);
    let mut states = vec![start];
    for byte in stream {
        whole.feed(&[*byte]);
        whole_line.feed(&[*byte]);
        states.push(whole);
    }

    let (mut packed, mut line) = (start.pack(), LogLine::new());
    line.resume(start);
    let mut at = 0;
    for cut in cuts.into_iter().map(usize::from).chain([stream.len()]) {
        let end = stream.len().min(at + cut);
        let mut classifier = Classifier::unpack(packed);
        let verdict = classifier.feed(&stream[at..end]);
        line.feed(&stream[at..end]);
        assert_eq!(classifier, states[end]);
        assert_eq!(verdict, classifier.verdict());
        packed = classifier.pack();
        at = end;
    }
    let text = shown(&line, whole.verdict());
    assert_eq!(text, shown(&whole_line, whole.verdict()));
    assert!(text.len() <= LogLine::DISPLAY_MAX);
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
});
