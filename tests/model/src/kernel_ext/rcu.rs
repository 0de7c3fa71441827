// SPDX-License-Identifier: GPL-2.0

//! Grace periods, and values that are read without a lock.

use crate::world::{observe, with};
use core::{marker::PhantomData, ops::Deref};
use kernel::{
    prelude::*,
    sync::atomic::{ordering::Relaxed, Atomic},
};

/// A grace period. Of four parts, so that nothing that holds one has padding.
#[derive(Clone, Copy)]
pub(crate) struct GracePeriod([u16; 4]);

impl GracePeriod {
    pub(crate) const NONE: Self = Self([0; 4]);

    pub(crate) fn next() -> Self {
        Self([observe(with(|world| world.grace.next())), 0, 0, 0])
    }

    pub(crate) fn has_elapsed(self) -> bool {
        let Self([period, ..]) = self;
        observe(with(|world| world.grace.has_elapsed(period)))
    }

    pub(crate) fn request(self) {
        with(|world| world.grace.request());
    }
}

/// A read-side critical section.
#[derive(Clone, Copy)]
pub(crate) struct ReadSection<'a>(PhantomData<&'a ()>);

impl ReadSection<'_> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Runs `read` in a section.
pub(crate) fn read_section<T>(read: impl FnOnce(ReadSection<'_>) -> T) -> T {
    read(ReadSection::new())
}

/// A value that is read without a lock. What it was before leaks: it may be put back.
pub(crate) struct RcuMutex<T>(Atomic<*const T>);

// SAFETY: It is used by the thread alone that made it.
unsafe impl<T> Send for RcuMutex<T> {}
// SAFETY: As above.
unsafe impl<T> Sync for RcuMutex<T> {}

impl<T> RcuMutex<T> {
    pub(crate) fn new(value: T) -> Result<Self> {
        Ok(Self(Atomic::new(Box::leak(Box::new(value)))))
    }

    pub(crate) fn read<'a>(&'a self, _: ReadSection<'a>) -> &'a T {
        self.get()
    }

    pub(crate) fn lock(&self) -> RcuMutexGuard<'_, T> {
        RcuMutexGuard(self)
    }

    fn get(&self) -> &T {
        // SAFETY: It was leaked.
        unsafe { &*self.0.load(Relaxed) }
    }
}

/// An [`RcuMutex`] that is locked.
pub(crate) struct RcuMutexGuard<'a, T>(&'a RcuMutex<T>);

impl<T> RcuMutexGuard<'_, T> {
    pub(crate) fn replace(&mut self, value: T) -> Result {
        self.0 .0.store(Box::leak(Box::new(value)), Relaxed);
        with(|world| {
            world.grace.begin();
            world.grace.end();
        });
        Ok(())
    }
}

impl<T> Deref for RcuMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.get()
    }
}
