// SPDX-License-Identifier: GPL-2.0

//! Spinlocks. To wait for one is a preemption point.

use crate::world::{preemption_point, update_running, Wait};
use core::cell::Cell;
use kernel::sync::lock;

/// A spinlock that is taken with bottom halves off.
pub(crate) type SpinLockBh<T> = lock::Lock<T, SpinLockBhBackend>;

/// The backend of [`SpinLockBh`].
#[derive(Debug)]
pub(crate) struct SpinLockBhBackend;

// SAFETY: It is held by one at a time.
unsafe impl lock::Backend for SpinLockBhBackend {
    // As wide as what it protects is aligned.
    type State = Cell<u64>;

    fn lock(state: &Self::State) {
        // SAFETY: A lock lives as long as its thread.
        preemption_point(Wait::Lock(core::ptr::from_ref(state)));
        assert_eq!(state.replace(1), 0, "a lock is taken that is held");
        update_running(|running| running.locks += 1);
    }

    fn unlock(state: &Self::State) {
        state.set(0);
        update_running(|running| running.locks -= 1);
    }
}

/// Creates a [`SpinLockBh`] initialiser.
macro_rules! new_spinlock_bh {
    ($inner:expr, $name:literal) => {
        $crate::kernel_ext::lock::SpinLockBh::new(
            $inner,
            kernel::c_str!($name),
            kernel::static_lock_class!(),
        )
    };
}
pub(crate) use new_spinlock_bh;
