// SPDX-License-Identifier: GPL-2.0
//! However a stream is cut into segments, and in what order they come, once or more often: its verdict
//! and line are those of the bytes that came first for each position, up to the first gap.
#![no_main]

use capture::Reason;
use classifier::{Classifier, LogLine, Verdict};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/capture/support/mod.rs"]
mod support;

use support::{found, Connection};

/// As many as may wait before the connection's opening, and behind that.
const EARLY_MAX: usize = 4;
const SEGMENTS_MAX: usize = 200;

// How many segments come before the opening, where sequence numbers begin, and each segment's
// position and bytes.
fuzz_target!(|input: (u8, u32, Vec<(i8, &[u8])>)| {
    let (early, isn, pieces) = input;
    let pieces: Vec<_> = pieces.into_iter().take(SEGMENTS_MAX).collect();
    let early = usize::from(early).min(EARLY_MAX).min(pieces.len());
    // What comes before the opening must fit to its start.
    let early = if pieces[..early].iter().all(|&(position, _)| position >= 0) {
        early
    } else {
        0
    };

    let connection = Connection {
        client_isn: isn,
        ..Connection::v4()
    };
    let data = pieces.iter();
    let data = data.map(|&(position, bytes)| connection.of_client(position.into(), bytes));
    let mut segments: Vec<_> = data.collect();
    segments.splice(early..early, connection.opening());
    let findings = found(&segments);

    let mut first = Vec::new();
    for (position, bytes) in pieces {
        for (at, &byte) in (isize::from(position)..).zip(bytes) {
            let Ok(at) = usize::try_from(at) else {
                continue;
            };
            first.resize(first.len().max(at + 1), None);
            first[at].get_or_insert(byte);
        }
    }
    let (mut classifier, mut line) = (Classifier::new(), LogLine::new());
    let stream: Vec<u8> = first.iter().map_while(|&byte| byte).collect();
    classifier.feed(&stream);
    line.feed(&stream);
    let outcome = classifier.verdict().ok_or(if stream.len() < first.len() {
        Reason::Gap
    } else {
        Reason::TooLittle
    });
    let line = line.display(outcome.unwrap_or(Verdict::Other)).to_string();
    let line = (!line.is_empty()).then_some(line);

    let found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.outcome, finding.line.as_deref()))
        .collect();
    assert_eq!(found, [(outcome, line.as_deref())]);
    assert_eq!(findings[0].client, connection.client);
});
