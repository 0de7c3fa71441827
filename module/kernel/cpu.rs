// SPDX-License-Identifier: GPL-2.0

//! Processors.
//!
//! C header: [`include/linux/cpumask.h`](srctree/include/linux/cpumask.h)

use super::bindings;

/// How many are online now. Any context.
pub(crate) fn online() -> u32 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_online_cpus() }
}
