// SPDX-License-Identifier: GPL-2.0

//! Locks, whose backend decides what it is to wait for one.

use crate::{sync::LockClassKey, undo_log::Mark};
use core::{
    cell::UnsafeCell,
    convert::Infallible,
    ffi::CStr,
    ops::{Deref, DerefMut},
};
use pinned_init::{pin_init_from_closure, Init, PinInit};

/// How a lock is taken and released.
///
/// # Safety
///
/// Between [`Self::lock`] and [`Self::unlock`] no other may return from [`Self::lock`].
pub unsafe trait Backend {
    /// What the backend keeps in a lock.
    type State: Default;

    /// Waits for the lock, and takes it.
    fn lock(state: &Self::State);

    /// Releases it.
    fn unlock(state: &Self::State);
}

/// A lock, and what it protects.
#[derive(Debug)]
pub struct Lock<T, B: Backend> {
    mark: Mark,
    inner: UnsafeCell<Inner<T, B>>,
}

#[derive(Debug)]
struct Inner<T, B: Backend> {
    state: B::State,
    data: T,
}

// SAFETY: A lock is used by the thread alone that made it.
unsafe impl<T: Send, B: Backend> Sync for Lock<T, B> {}
// SAFETY: As above.
unsafe impl<T: Send, B: Backend> Send for Lock<T, B> {}

impl<T, B: Backend> Lock<T, B> {
    /// A lock, which is free.
    pub fn new(data: impl Init<T>, _: &'static CStr, _: LockClassKey) -> impl PinInit<Self> {
        let init = move |slot: *mut Self| {
            // SAFETY: The slot is valid for writes; the data are initialised in place, and the rest
            // is written.
            unsafe {
                let inner = (&raw mut (*slot).inner).cast::<Inner<T, B>>();
                (&raw mut (*slot).mark).write(Mark::numbered());
                (&raw mut (*inner).state).write(B::State::default());
                data.__init(&raw mut (*inner).data)
            }
        };
        // SAFETY: All fields are initialised, or an error is returned.
        unsafe { pin_init_from_closure::<Self, Infallible>(init) }
    }

    /// Takes it.
    pub fn lock(&self) -> Guard<'_, T, B> {
        // SAFETY: The lock lives as long as its thread.
        unsafe {
            self.mark
                .change(self.inner.get().cast(), core::mem::size_of::<Inner<T, B>>());
        }
        // SAFETY: Of the inner part only the data are ever borrowed for writing.
        B::lock(unsafe { &(*self.inner.get()).state });
        Guard { lock: self }
    }
}

/// A lock that is held.
#[derive(Debug)]
pub struct Guard<'a, T, B: Backend> {
    lock: &'a Lock<T, B>,
}

impl<T, B: Backend> Deref for Guard<'_, T, B> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held.
        unsafe { &(*self.lock.inner.get()).data }
    }
}

impl<T, B: Backend> DerefMut for Guard<'_, T, B> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held.
        unsafe { &mut (*self.lock.inner.get()).data }
    }
}

impl<T, B: Backend> Drop for Guard<'_, T, B> {
    fn drop(&mut self) {
        // SAFETY: Of the inner part only the data are ever borrowed for writing.
        B::unlock(unsafe { &(*self.lock.inner.get()).state });
    }
}
