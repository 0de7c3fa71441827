// SPDX-License-Identifier: GPL-2.0

//! The limit on lines that packets cause in the kernel log: 20 in 5 seconds.
//!
//! C header: [`include/linux/ratelimit.h`](srctree/include/linux/ratelimit.h)

use super::bindings;

/// Whether a line may be written now, and if so how many before it were not. Any context.
pub(crate) fn line_allowed() -> Option<u32> {
    let mut suppressed = 0;
    // SAFETY: `suppressed` is valid for a write.
    unsafe { bindings::hf_log_allowed(&mut suppressed) }.then_some(suppressed)
}

/// How many lines were suppressed since the last call that returned such a number.
pub(crate) fn take_suppressed() -> u32 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_log_suppressed() }
}
