// SPDX-License-Identifier: GPL-2.0

//! Grace periods of RCU: polled for in the hook, waited for when a setting changes.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::bindings;
use kernel::{
    ffi::c_ulong,
    sync::atomic::{ordering::Relaxed, Atomic},
};

/// A grace period, by the cookie of `get_state_synchronize_rcu()`. Once it has elapsed, every RCU
/// read-side critical section, and every section with bottom halves off, that was running when the
/// cookie was taken has ended.
#[derive(Clone, Copy)]
pub(crate) struct GracePeriod(c_ulong);

impl GracePeriod {
    /// None that anybody waits for.
    pub(crate) const NONE: Self = Self(0);

    /// The first one that begins after now. Any context.
    pub(crate) fn next() -> Self {
        // SAFETY: An FFI call without requirements.
        Self(unsafe { bindings::get_state_synchronize_rcu() })
    }

    /// Whether it is over. Any context.
    pub(crate) fn has_elapsed(self) -> bool {
        // SAFETY: An FFI call without requirements.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }

    /// Requests it: RCU starts none by itself while nobody needs one. Any context in which
    /// interrupts are on. Further requests for the same one cost a load.
    pub(crate) fn request(self) {
        let requested = REQUESTED.load(Relaxed);
        // Both count grace periods, and may wrap: `ULONG_CMP_GE()`. 0 stands for none.
        if requested != 0 && requested.wrapping_sub(self.0) <= usize::MAX / 2 {
            return;
        }
        // SAFETY: An FFI call without requirements but the context.
        REQUESTED.store(unsafe { bindings::start_poll_synchronize_rcu() }, Relaxed);
    }
}

/// The latest grace period that was requested.
static REQUESTED: Atomic<usize> = Atomic::new(0);

/// Waits for a grace period to elapse. Process context; may sleep.
pub(crate) fn synchronize() {
    // SAFETY: An FFI call without requirements but the context.
    unsafe { bindings::synchronize_rcu() }
}
