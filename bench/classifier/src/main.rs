// SPDX-License-Identifier: GPL-2.0

//! Counts the instructions that each reader takes for each input, where the time stamp counter counts
//! them: under QEMU's `-icount`. Prints a JSON object for each.

use classifier_bench::{inputs, Reader, READERS};
use std::{arch::x86_64, hint::black_box};

/// How often each is counted, for the least: an interrupt may come between.
const ROUNDS: usize = 20;

fn count(reader: Reader, input: &[u8]) -> u64 {
    // SAFETY: Each x86-64 processor has these.
    let now = || unsafe {
        x86_64::_mm_lfence();
        x86_64::_rdtsc()
    };
    let round = |_| {
        let begin = now();
        black_box(reader(black_box(input)));
        now() - begin
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn main() {
    for (input, bytes) in inputs() {
        let call = count(|_| true, &bytes);
        for (name, reader) in READERS {
            let instructions = count(reader, &bytes) - call;
            let says_http = reader(&bytes);
            println!(
                r#"{{"reader":"{name}","input":"{input}","instructions":{instructions},"http":{says_http}}}"#
            );
        }
    }
}
