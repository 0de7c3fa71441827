// SPDX-License-Identifier: GPL-2.0

//! Whether an RCU grace period has passed since a moment, without waiting for one.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::bindings;
use kernel::{
    ffi::c_ulong,
    sync::atomic::{ordering::Relaxed, Atomic},
};

/// A moment. Once a grace period has passed since, all that was under way then in RCU read-side
/// sections, or with bottom halves off, has ended.
#[derive(Clone, Copy)]
pub(crate) struct Moment(c_ulong);

impl Moment {
    /// No moment that matters.
    pub(crate) const NEVER: Self = Self(0);

    /// Now. Any context.
    pub(crate) fn now() -> Self {
        // SAFETY: An FFI call without requirements.
        Self(unsafe { bindings::get_state_synchronize_rcu() })
    }

    /// Whether a grace period has passed since. Any context.
    pub(crate) fn has_passed(self) -> bool {
        // SAFETY: An FFI call without requirements.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }

    /// Sees to it that one passes soon, on a system too quiet to need any. Any context in which
    /// interrupts are on. Once that is seen to, the rest is a load.
    pub(crate) fn hurry(self) {
        let requested = REQUESTED.load(Relaxed);
        // Both count grace periods, and may wrap: `ULONG_CMP_GE()`. 0 stands for none.
        if requested != 0 && requested.wrapping_sub(self.0) <= usize::MAX / 2 {
            return;
        }
        // SAFETY: An FFI call without requirements but the context.
        REQUESTED.store(unsafe { bindings::start_poll_synchronize_rcu() }, Relaxed);
    }
}

/// The latest moment for which a grace period was requested.
static REQUESTED: Atomic<usize> = Atomic::new(0);

/// Waits until all that is under way in RCU read-side sections has ended. Process context; may sleep.
pub(crate) fn synchronize() {
    // SAFETY: An FFI call without requirements but the context.
    unsafe { bindings::synchronize_rcu() }
}
