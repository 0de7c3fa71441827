// SPDX-License-Identifier: GPL-2.0

//! Boxes and vectors (`rust/kernel/alloc/`).

use crate::{
    bindings,
    error::{code::ENOMEM, Error, Result},
};
use ::pin_init::PinInit;
use core::{
    ffi::c_void,
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::{self, NonNull},
    slice,
};

/// How to allocate (`gfp_t`).
#[derive(Clone, Copy)]
pub struct Flags(u32);

/// The flags.
pub mod flags {
    use super::Flags;

    /// May sleep. Process context.
    pub const GFP_KERNEL: Flags = Flags(crate::bindings::HF_GFP_KERNEL);
}

/// An allocator of the kernel.
///
/// # Safety
///
/// [`Self::allocate`] returns NULL, or memory of the size asked for, aligned to 8 bytes, which is
/// valid until it is given to [`Self::free`].
pub unsafe trait Allocator: 'static {
    /// Allocates `size` bytes, which are not 0.
    fn allocate(size: usize, flags: Flags) -> *mut c_void;

    /// Frees memory.
    ///
    /// # Safety
    ///
    /// `memory` must be of [`Self::allocate`], and not used any more.
    unsafe fn free(memory: *mut c_void);
}

/// `kmalloc()`: physically contiguous memory.
pub struct Kmalloc;

/// `kvmalloc()`: the same, or memory of `vmalloc()` where there is none.
pub struct KVmalloc;

// SAFETY: `kmalloc()` aligns to `ARCH_KMALLOC_MINALIGN`, which is 8 at least.
unsafe impl Allocator for Kmalloc {
    fn allocate(size: usize, flags: Flags) -> *mut c_void {
        // SAFETY: An FFI call without requirements but the context, which the flags tell.
        unsafe { bindings::rust_helper_kmalloc(size, flags.0) }
    }

    unsafe fn free(memory: *mut c_void) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::kfree(memory) }
    }
}

// SAFETY: As above; `vmalloc()` aligns to pages.
unsafe impl Allocator for KVmalloc {
    fn allocate(size: usize, flags: Flags) -> *mut c_void {
        // SAFETY: An FFI call without requirements but the context, which the flags tell.
        unsafe { bindings::rust_helper_kvmalloc(size, flags.0) }
    }

    unsafe fn free(memory: *mut c_void) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::kvfree(memory) }
    }
}

/// Allocates memory for `len` values; they are not of size 0.
fn allocate<T, A: Allocator>(len: usize, flags: Flags) -> Result<NonNull<T>> {
    const { assert!(mem::align_of::<T>() <= 8 && mem::size_of::<T>() != 0) };
    let size = len.checked_mul(mem::size_of::<T>()).ok_or(ENOMEM)?;
    NonNull::new(A::allocate(size, flags).cast::<T>()).ok_or(ENOMEM)
}

/// A value in memory of its own.
///
/// # Invariants
///
/// The pointer is to memory of `A`, and to a valid value, which this box owns.
pub struct Box<T, A: Allocator>(NonNull<T>, PhantomData<(T, A)>);

/// A box of `kmalloc()`.
pub type KBox<T> = Box<T, Kmalloc>;

/// A box of `kvmalloc()`.
pub type KVBox<T> = Box<T, KVmalloc>;

// SAFETY: A box owns its value.
unsafe impl<T: Send, A: Allocator> Send for Box<T, A> {}
// SAFETY: A shared box gives shared references alone.
unsafe impl<T: Sync, A: Allocator> Sync for Box<T, A> {}

// To move a box does not move its value.
impl<T, A: Allocator> Unpin for Box<T, A> {}

impl<T, A: Allocator> Box<T, A> {
    /// Moves a value into a box.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(value: T, flags: Flags) -> Result<Self> {
        let memory = allocate::<T, A>(1, flags)?;
        // SAFETY: The memory is valid for a write of a `T`.
        unsafe { memory.write(value) };
        // INVARIANT: It was just written.
        Ok(Self(memory, PhantomData))
    }

    /// Gives up the box for its pointer.
    pub fn into_raw(this: Self) -> *mut T {
        let ptr = this.0;
        mem::forget(this);
        ptr.as_ptr()
    }

    /// The box that was given up for a pointer.
    ///
    /// # Safety
    ///
    /// The pointer must be of [`Self::into_raw`], and nobody else use it any more.
    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        // SAFETY: By this function's requirements it is that of a box.
        // INVARIANT: As above.
        Self(unsafe { NonNull::new_unchecked(ptr) }, PhantomData)
    }
}

impl<T, A: Allocator> Deref for Box<T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T, A: Allocator> DerefMut for Box<T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_mut() }
    }
}

impl<T, A: Allocator> Drop for Box<T, A> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses either any more.
        unsafe {
            self.0.drop_in_place();
            A::free(self.0.as_ptr().cast::<c_void>());
        }
    }
}

/// Memory in which a value is initialised in place (`rust/kernel/init.rs`).
pub trait InPlaceInit<T>: Sized {
    /// Allocates memory, and initialises a value in it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and those of the initialiser.
    fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>>
    where
        Error: From<E>;
}

impl<T, A: Allocator> InPlaceInit<T> for Box<T, A> {
    fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>>
    where
        Error: From<E>,
    {
        /// Memory that is freed if its value can't be initialised.
        struct Memory<A: Allocator>(*mut c_void, PhantomData<A>);

        impl<A: Allocator> Drop for Memory<A> {
            fn drop(&mut self) {
                // SAFETY: It was allocated, and is not used any more.
                unsafe { A::free(self.0) }
            }
        }

        let slot = allocate::<T, A>(1, flags)?;
        let memory = Memory::<A>(slot.as_ptr().cast::<c_void>(), PhantomData);
        // SAFETY: The slot is valid for writes, and never moves.
        unsafe { init.__pinned_init(slot.as_ptr()) }?;
        mem::forget(memory);
        // INVARIANT: It was just initialised.
        let initialised = Self(slot, PhantomData);
        // SAFETY: What is in a box does not move, and the box is not taken apart.
        Ok(unsafe { Pin::new_unchecked(initialised) })
    }
}

/// A vector of `kvmalloc()` that does not grow.
///
/// # Invariants
///
/// `memory` has room for `capacity` values, of which the first `len` are valid; it is dangling if
/// `capacity` is 0.
pub struct KVVec<T> {
    memory: NonNull<T>,
    capacity: usize,
    len: usize,
}

// SAFETY: A vector owns its values.
unsafe impl<T: Send> Send for KVVec<T> {}
// SAFETY: A shared vector gives shared references alone.
unsafe impl<T: Sync> Sync for KVVec<T> {}

/// A vector is full.
pub struct PushError<T>(pub T);

impl<T> KVVec<T> {
    /// An empty vector with room for `capacity` values.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self> {
        let memory = match capacity {
            0 => NonNull::dangling(),
            _ => allocate::<T, KVmalloc>(capacity, flags)?,
        };
        // INVARIANT: It was allocated for as many.
        Ok(Self {
            memory,
            capacity,
            len: 0,
        })
    }

    /// Drops the values behind the first `len`.
    pub fn truncate(&mut self, len: usize) {
        let Some(count) = self.len.checked_sub(len) else {
            return;
        };
        // INVARIANT: Those before are valid.
        self.len = len;
        // SAFETY: By the type invariant they were valid; nobody uses them any more.
        unsafe {
            let rest = ptr::slice_from_raw_parts_mut(self.memory.add(len).as_ptr(), count);
            ptr::drop_in_place(rest);
        }
    }

    /// Appends a value where there is room.
    ///
    /// # Errors
    ///
    /// The value, if there is none.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.len >= self.capacity {
            return Err(PushError(value));
        }
        // SAFETY: There is room behind the last value.
        unsafe { self.memory.add(self.len).write(value) };
        // INVARIANT: It was just written.
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}

impl<T> Deref for KVVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: By the type invariant.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for KVVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: By the type invariant.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.len) }
    }
}

impl<T> Drop for KVVec<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses them any more.
        unsafe { ptr::drop_in_place::<[T]>(&mut **self) };
        if self.capacity != 0 {
            // SAFETY: By the type invariant; nobody uses it any more.
            unsafe { KVmalloc::free(self.memory.as_ptr().cast::<c_void>()) }
        }
    }
}
