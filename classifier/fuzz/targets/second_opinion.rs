// SPDX-License-Identifier: GPL-2.0
//! `httparse` agrees, or differs for a reason that is known.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/second_opinion.rs"]
mod second_opinion;

fuzz_target!(|stream: &[u8]| second_opinion::check(stream));
