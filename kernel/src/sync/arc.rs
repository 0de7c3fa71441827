// SPDX-License-Identifier: GPL-2.0

//! Shared ownership (`rust/kernel/sync/arc.rs`).

use crate::{
    alloc::{Flags, KBox},
    bindings,
    error::Result,
    types::Opaque,
};
use core::{marker::PhantomData, ops::Deref, ptr::NonNull};

struct Inner<T> {
    refcount: Opaque<bindings::refcount_t>,
    data: T,
}

/// A reference to a value that lives until its last reference is dropped.
///
/// # Invariants
///
/// The pointer is that of a box, and to a valid value, of whose reference count this holds one.
pub struct Arc<T> {
    inner: NonNull<Inner<T>>,
    _owned: PhantomData<Inner<T>>,
}

// SAFETY: It gives shared references alone, and may drop the value.
unsafe impl<T: Sync + Send> Send for Arc<T> {}
// SAFETY: As above; whoever has a shared reference can clone it.
unsafe impl<T: Sync + Send> Sync for Arc<T> {}

impl<T> Arc<T> {
    /// The first reference to a value.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(data: T, flags: Flags) -> Result<Self> {
        let inner = Inner {
            refcount: Opaque::uninit(),
            data,
        };
        let inner = KBox::new(inner, flags)?;
        // SAFETY: The count is valid for writes.
        unsafe { bindings::rust_helper_refcount_set(inner.refcount.get(), 1) };
        // INVARIANT: The box is not dropped, and the count is 1.
        Ok(Self {
            // SAFETY: A box has a pointer.
            inner: unsafe { NonNull::new_unchecked(KBox::into_raw(inner)) },
            _owned: PhantomData,
        })
    }

    /// A pointer to the value.
    pub fn as_ptr(this: &Self) -> *const T {
        // SAFETY: By the type invariant.
        unsafe { &raw const (*this.inner.as_ptr()).data }
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &self.inner.as_ref().data }
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant; C saturates the count.
        unsafe { bindings::rust_helper_refcount_inc(self.inner.as_ref().refcount.get()) };
        // INVARIANT: The count was just increased.
        Self {
            inner: self.inner,
            _owned: PhantomData,
        }
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, this holds one.
        let is_last = unsafe {
            bindings::rust_helper_refcount_dec_and_test(self.inner.as_ref().refcount.get())
        };
        if is_last {
            // SAFETY: The pointer is that of a box, and nobody else has it any more.
            drop(unsafe { KBox::from_raw(self.inner.as_ptr()) });
        }
    }
}
