// SPDX-License-Identifier: GPL-2.0

//! Atomics of one thread.

use crate::undo_log::Mark;
use core::cell::UnsafeCell;

/// Orderings of memory accesses, all of which are the same on one thread.
pub mod ordering {
    /// An ordering.
    pub trait Ordering {}

    /// None.
    #[derive(Clone, Copy, Debug)]
    pub struct Relaxed;

    /// Full.
    #[derive(Clone, Copy, Debug)]
    pub struct Full;

    impl Ordering for Relaxed {}
    impl Ordering for Full {}
}

/// What can be added to atomically.
pub trait Add: Copy {
    /// The sum, which wraps around.
    fn add(self, other: Self) -> Self;
}

macro_rules! add {
    ($($type:ty)*) => {$(
        impl Add for $type {
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }
    )*};
}
add! { u32 u64 }

/// An atomic value.
#[derive(Debug)]
pub struct Atomic<T> {
    mark: Mark,
    value: UnsafeCell<T>,
}

// SAFETY: An atomic is used by the thread alone that made it.
unsafe impl<T: Send> Sync for Atomic<T> {}

impl<T: Copy> Atomic<T> {
    /// One with a value.
    pub const fn new(value: T) -> Self {
        Self {
            mark: Mark::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Its value.
    pub fn load(&self, _: impl ordering::Ordering) -> T {
        // SAFETY: Only this thread uses it, and there are no references to it.
        unsafe { *self.value.get() }
    }

    /// Sets it.
    pub fn store(&self, value: T, _: impl ordering::Ordering) {
        // SAFETY: The value lives as long as its thread, and there are no references to it.
        unsafe {
            self.mark
                .change(self.value.get().cast(), core::mem::size_of::<T>());
            *self.value.get() = value;
        }
    }

    /// Adds to it; what it was before.
    pub fn fetch_add(&self, value: T, ordering: impl ordering::Ordering) -> T
    where
        T: Add,
    {
        let before = self.load(ordering::Relaxed);
        self.store(before.add(value), ordering);
        before
    }
}
