// SPDX-License-Identifier: GPL-2.0

//! Types for C's sake (`rust/kernel/types.rs`).

use core::{cell::UnsafeCell, marker::PhantomPinned, mem::MaybeUninit};

/// A value that C changes behind Rust's back: uninitialised, aliased, and pinned, as far as Rust
/// knows.
#[repr(transparent)]
pub struct Opaque<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    _pin: PhantomPinned,
}

impl<T> Opaque<T> {
    /// An initialised value.
    pub const fn new(value: T) -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::new(value)),
            _pin: PhantomPinned,
        }
    }

    /// An uninitialised value.
    pub const fn uninit() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
            _pin: PhantomPinned,
        }
    }

    /// A pointer to the value.
    pub const fn get(&self) -> *mut T {
        UnsafeCell::get(&self.value).cast::<T>()
    }
}
