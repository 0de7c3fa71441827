// SPDX-License-Identifier: GPL-2.0

//! Counters, one instance a CPU, summed on read.
//!
//! C header: [`include/linux/percpu-defs.h`](srctree/include/linux/percpu-defs.h)

use super::bindings;

/// How many counters there are.
pub(crate) const COUNTERS: usize = bindings::HF_COUNTERS as usize;

/// Adds one. Any context; neither locks nor shares a cache line.
#[inline]
pub(crate) fn count(counter: usize) {
    // SAFETY: The function ignores a counter that does not exist.
    unsafe { bindings::hf_count(counter as u32) }
}

/// The sum over all CPUs. Not a snapshot: CPUs count on while they are added up.
pub(crate) fn sum(counter: usize) -> u64 {
    // SAFETY: The function returns 0 for a counter that does not exist.
    unsafe { bindings::hf_count_sum(counter as u32) }
}
