// SPDX-License-Identifier: GPL-2.0

//! A spinlock that is taken with bottom halves off.
//!
//! A netfilter hook runs in softirq, but in process context as well, when a packet comes back from
//! user space (`nf_reinject`): a plain spinlock taken there could be wanted again by a softirq on
//! the same CPU.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use super::bindings;
use kernel::{ffi::c_char, sync::lock};

/// A [`kernel::sync::SpinLock`] whose critical sections run with bottom halves off.
pub(crate) type SpinLockBh<T> = lock::Lock<T, SpinLockBhBackend>;

/// The backend of [`SpinLockBh`].
pub(crate) struct SpinLockBhBackend;

// SAFETY: `spin_lock_bh()` gives one owner at a time, and `relock` uses the default implementation,
// which locks in the same way.
unsafe impl lock::Backend for SpinLockBhBackend {
    type State = bindings::spinlock_t;
    type GuardState = ();

    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By this function's requirements `ptr` is valid for writes, `name` and `key` live
        // forever.
        unsafe { bindings::__spin_lock_init(ptr, name, key) }
    }

    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By this function's requirements the lock is initialised.
        unsafe { bindings::hf_spin_lock_bh(ptr) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        // SAFETY: By this function's requirements the lock is initialised.
        unsafe { bindings::hf_spin_trylock_bh(ptr) }.then_some(())
    }

    unsafe fn unlock(ptr: *mut Self::State, _guard_state: &Self::GuardState) {
        // SAFETY: By this function's requirements the caller owns the lock.
        unsafe { bindings::hf_spin_unlock_bh(ptr) }
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // Elsewhere it does nothing.
        if cfg!(CONFIG_LOCKDEP) {
            // SAFETY: By this function's requirements the lock is initialised.
            unsafe { bindings::spin_assert_is_held(ptr) }
        }
    }
}

/// Creates a [`SpinLockBh`] initialiser with a newly-created lock class.
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
