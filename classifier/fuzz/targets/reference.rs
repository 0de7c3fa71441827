// SPDX-License-Identifier: GPL-2.0
//! The reference matcher, in C, gives the same answer for every stream.
#![no_main]

use classifier::Classifier;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let mut classifier = Classifier::new();
    let verdict = classifier.feed(stream);
    let answer = verdict.map(|verdict| (verdict.name(), classifier.offset() as usize));
    assert_eq!(answer, reference::classify(stream));
});
