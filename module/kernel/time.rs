// SPDX-License-Identifier: GPL-2.0

//! Time.

use super::bindings;

/// Seconds since 1970, `CLOCK_REALTIME`. Any context.
pub(crate) fn real_seconds() -> i64 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::ktime_get_real_seconds() }
}

/// Nanoseconds since 1970, `CLOCK_REALTIME`. Any context.
pub(crate) fn real_ns() -> u64 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_real_ns() }
}

/// Nanoseconds since the system started, `CLOCK_MONOTONIC`. Any context.
pub(crate) fn uptime_ns() -> u64 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_uptime_ns() }
}

/// Seconds since the system started, `CLOCK_MONOTONIC`. Any context.
pub(crate) fn uptime_seconds() -> u32 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::ktime_get_seconds() as u32 }
}
