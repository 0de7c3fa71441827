// SPDX-License-Identifier: GPL-2.0

//! RCU: grace periods, polled for in the hook, and values that are read without a lock, and replaced.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::bindings;
use core::{marker::PhantomData, ops::Deref};
use kernel::{
    ffi::c_ulong,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::{Acquire, Relaxed, Release},
            Atomic,
        },
        Mutex, MutexGuard,
    },
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

/// A read-side critical section that lasts for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct ReadSection<'a>(PhantomData<&'a ()>);

impl ReadSection<'_> {
    /// # Safety
    ///
    /// There must be one for `'a`.
    pub(super) unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

/// Runs `read` in a read-side critical section. It must not sleep. Any context.
pub(crate) fn read_section<T>(read: impl FnOnce(ReadSection<'_>) -> T) -> T {
    /// Ends the section.
    struct End;

    impl Drop for End {
        fn drop(&mut self) {
            // SAFETY: It was begun.
            unsafe { bindings::hf_rcu_read_unlock() }
        }
    }

    // SAFETY: It is ended by the end of this function.
    unsafe { bindings::hf_rcu_read_lock() };
    let _end = End;
    // SAFETY: It was just begun, and lasts until `read` has returned.
    read(unsafe { ReadSection::new() })
}

/// A value that is read without a lock, and replaced by one writer at a time.
///
/// # Invariants
///
/// `current` is of `KBox::into_raw()`. It is changed with `writer` locked, and what it was before is
/// freed a grace period later.
pub(crate) struct RcuMutex<T> {
    current: Atomic<*mut T>,
    writer: Pin<KBox<Mutex<()>>>,
}

// SAFETY: It owns a `T`, and gives shared references to it.
unsafe impl<T: Send + Sync> Send for RcuMutex<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for RcuMutex<T> {}

impl<T> RcuMutex<T> {
    /// One with a value. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(value: T) -> Result<Self> {
        let writer = KBox::pin_init(new_mutex!((), "http_filter_rcu"), GFP_KERNEL)?;
        // INVARIANT: It is a box.
        Ok(Self {
            current: Atomic::new(KBox::into_raw(KBox::new(value, GFP_KERNEL)?)),
            writer,
        })
    }

    /// The value. Any context.
    #[inline]
    pub(crate) fn read<'a>(&'a self, _section: ReadSection<'a>) -> &'a T {
        // SAFETY: By the type invariant it is valid until a grace period after it was replaced, and so
        // for as long as the section.
        unsafe { &*self.current.load(Acquire) }
    }

    /// The value, which nobody else replaces meanwhile. Process context; may sleep.
    pub(crate) fn lock(&self) -> RcuMutexGuard<'_, T> {
        RcuMutexGuard {
            value: self,
            _writer: self.writer.lock(),
        }
    }
}

impl<T> Drop for RcuMutex<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses it any more.
        drop(unsafe { KBox::from_raw(self.current.load(Relaxed)) });
    }
}

/// An [`RcuMutex`] that is locked.
pub(crate) struct RcuMutexGuard<'a, T> {
    value: &'a RcuMutex<T>,
    _writer: MutexGuard<'a, ()>,
}

impl<T> RcuMutexGuard<'_, T> {
    /// Replaces the value, and waits until nobody reads the one before. Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn replace(&mut self, value: T) -> Result {
        let new = KBox::into_raw(KBox::new(value, GFP_KERNEL)?);
        let old = self.value.current.load(Relaxed);
        // INVARIANT: It is a box, and the writer's lock is held.
        self.value.current.store(new, Release);
        // SAFETY: An FFI call without requirements but the context.
        unsafe { bindings::synchronize_rcu_expedited() };
        // SAFETY: By the type invariant it was a box; all sections have ended in which it was read.
        drop(unsafe { KBox::from_raw(old) });
        Ok(())
    }
}

impl<T> Deref for RcuMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant it is valid, since nobody replaces it meanwhile.
        unsafe { &*self.value.current.load(Relaxed) }
    }
}
