// SPDX-License-Identifier: GPL-2.0

//! Whether an RCU grace period has passed since a moment, without waiting for one.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::bindings;
use kernel::ffi::c_ulong;

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
    /// interrupts are on.
    pub(crate) fn hurry() {
        // SAFETY: An FFI call without requirements but the context.
        let _ = unsafe { bindings::start_poll_synchronize_rcu() };
    }
}
