// SPDX-License-Identifier: GPL-2.0

//! Boxes and vectors. Memory is zeroed: what lies between two fields is the same in all copies.

use crate::error::{code::ENOMEM, Error, Result};
use core::{
    ops::{Deref, DerefMut},
    pin::Pin,
};
use pinned_init::PinInit;

/// A box of `kmalloc()`.
pub type KBox<T> = Box<T>;

/// A box of `kvmalloc()`.
pub type KVBox<T> = Box<T>;

/// How to allocate.
#[derive(Clone, Copy, Debug)]
pub struct Flags(());

/// The flags.
pub mod flags {
    use super::Flags;

    /// It may sleep.
    pub const GFP_KERNEL: Flags = Flags(());
}

/// Values that are made where they stay.
pub trait InPlaceInit<T>: Sized {
    /// Makes a value in memory of its own.
    ///
    /// # Errors
    ///
    /// Those of the initialiser.
    fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>>
    where
        Error: From<E>;
}

impl<T> InPlaceInit<T> for Box<T> {
    fn pin_init<E>(init: impl PinInit<T, E>, _: Flags) -> Result<Pin<Self>>
    where
        Error: From<E>,
    {
        let layout = core::alloc::Layout::new::<T>();
        assert_ne!(layout.size(), 0);
        // SAFETY: The layout's size is not zero.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<T>();
        if memory.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The memory is valid for writes, and does not move until it is freed. If this
        // fails, it leaks, which a test may.
        unsafe { init.__pinned_init(memory) }?;
        // SAFETY: It was allocated as a box's memory is, and initialised.
        Ok(unsafe { Pin::new_unchecked(Box::from_raw(memory)) })
    }
}

/// A vector of `kvmalloc()`.
#[derive(Debug)]
pub struct KVVec<T>(Vec<T>);

/// A vector is full.
#[derive(Debug)]
pub struct PushError<T>(pub T);

impl<T> KVVec<T> {
    /// An empty one with room for so many.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn with_capacity(capacity: usize, _: Flags) -> Result<Self> {
        Ok(Self(Vec::with_capacity(capacity)))
    }

    /// Adds one where there is room.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.0.len() == self.0.capacity() {
            return Err(PushError(value));
        }
        self.0.push(value);
        Ok(())
    }

    /// Drops the values behind the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

impl<T> Deref for KVVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
