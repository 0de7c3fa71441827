// SPDX-License-Identifier: GPL-2.0
//! Whatever a file holds, reading it ends, and tells the same however it is read.
#![no_main]

use std::io::{self, Read};

use capture::{Flow, Judge, Summary};
use libfuzzer_sys::fuzz_target;

/// Gives a byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// All that is told: connections, how the file ended, what it was made of.
fn judge(input: impl Read) -> (Vec<Flow>, Option<String>, Summary) {
    let mut judge = match Judge::open(input) {
        Ok(judge) => judge,
        Err(error) => return (Vec::new(), Some(error.to_string()), Summary::default()),
    };
    let (mut flows, mut end) = (Vec::new(), None);
    for told in judge.by_ref() {
        assert!(end.is_none(), "an error is the last thing that is told");
        match told {
            Ok(flow) => flows.push(flow),
            Err(error) => end = Some(error.to_string()),
        }
    }
    (flows, end, judge.summary().clone())
}

fuzz_target!(|file: &[u8]| {
    let told = judge(file);
    let (flows, _, summary) = &told;
    // No packet takes less than 16 bytes, and no connection less than a packet.
    assert!(summary.packets * 16 <= file.len() as u64);
    assert!(flows.len() as u64 <= summary.packets);
    assert!(summary.unknown.values().sum::<u64>() <= summary.packets);
    for flow in flows {
        let line = flow.line.as_deref().unwrap_or_default();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }
    assert_eq!(told, judge(Trickle(file)));
});
