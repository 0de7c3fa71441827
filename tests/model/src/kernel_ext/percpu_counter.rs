// SPDX-License-Identifier: GPL-2.0

//! Counters.

use crate::world::{update_running, with};

/// How many counters there are.
pub(crate) const COUNTERS: usize = 64;

/// Adds one.
pub(crate) fn count(counter: usize) {
    with(|world| world.counters.0[counter] += 1);
    update_running(|running| running.counter = Some(counter));
}

/// The sum.
pub(crate) fn sum(counter: usize) -> u64 {
    with(|world| world.counters.0[counter])
}
