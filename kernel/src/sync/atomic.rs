// SPDX-License-Identifier: GPL-2.0

//! Atomics with the orderings of the kernel's memory model (`rust/kernel/sync/atomic.rs`;
//! `tools/memory-model/`).

use core::{
    cell::UnsafeCell,
    sync::atomic::{
        fence, AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
        Ordering as Core,
    },
};

/// The orderings, as types.
pub mod ordering {
    /// An ordering.
    pub trait Ordering {
        /// The same of `core`, for loads, stores, and for what does both.
        const CORE: core::sync::atomic::Ordering;
        /// Whether it orders everything before against everything behind (`smp_mb()`).
        const IS_FULL: bool = false;
    }

    /// An ordering of loads.
    pub trait AcquireOrRelaxed: Ordering {}

    /// An ordering of stores.
    pub trait ReleaseOrRelaxed: Ordering {}

    /// None (`READ_ONCE()`, `WRITE_ONCE()`).
    pub struct Relaxed;

    /// What follows is not done before (`smp_load_acquire()`).
    pub struct Acquire;

    /// What precedes is not done later (`smp_store_release()`).
    pub struct Release;

    /// Both, for all CPUs: the ordering of C's atomics that return a value.
    pub struct Full;

    use core::sync::atomic::Ordering as Core;

    impl Ordering for Relaxed {
        const CORE: Core = Core::Relaxed;
    }
    impl Ordering for Acquire {
        const CORE: Core = Core::Acquire;
    }
    impl Ordering for Release {
        const CORE: Core = Core::Release;
    }
    impl Ordering for Full {
        const CORE: Core = Core::SeqCst;
        const IS_FULL: bool = true;
    }
    impl AcquireOrRelaxed for Relaxed {}
    impl AcquireOrRelaxed for Acquire {}
    impl ReleaseOrRelaxed for Relaxed {}
    impl ReleaseOrRelaxed for Release {}
}

use ordering::{AcquireOrRelaxed, Ordering, ReleaseOrRelaxed};

/// A type that can be accessed atomically.
///
/// # Safety
///
/// All functions access the whole value at once.
pub unsafe trait AtomicType: Copy {
    /// Loads the value.
    ///
    /// # Safety
    ///
    /// `ptr` must be valid for atomic accesses.
    unsafe fn load(ptr: *mut Self, ordering: Core) -> Self;

    /// Stores a value.
    ///
    /// # Safety
    ///
    /// As [`Self::load`].
    unsafe fn store(ptr: *mut Self, value: Self, ordering: Core);

    /// Stores `new` if the value is `old`; returns what it was, as an error if it was another.
    ///
    /// # Safety
    ///
    /// As [`Self::load`].
    unsafe fn cmpxchg(ptr: *mut Self, old: Self, new: Self, ordering: Core) -> Result<Self, Self>;
}

/// A type that can be added to atomically.
///
/// # Safety
///
/// As [`AtomicType`].
pub unsafe trait AtomicAdd: AtomicType {
    /// Adds to the value, which wraps around; returns what it was.
    ///
    /// # Safety
    ///
    /// As [`AtomicType::load`].
    unsafe fn fetch_add(ptr: *mut Self, value: Self, ordering: Core) -> Self;
}

macro_rules! atomic_type {
    ($($type:ty, $atomic:ty $(, $param:ident)?;)*) => {$(
        // SAFETY: `core`'s atomics do.
        unsafe impl$(<$param>)? AtomicType for $type {
            #[inline(always)]
            unsafe fn load(ptr: *mut Self, ordering: Core) -> Self {
                // SAFETY: By this function's requirements.
                unsafe { <$atomic>::from_ptr(ptr) }.load(ordering)
            }

            #[inline(always)]
            unsafe fn store(ptr: *mut Self, value: Self, ordering: Core) {
                // SAFETY: By this function's requirements.
                unsafe { <$atomic>::from_ptr(ptr) }.store(value, ordering);
            }

            #[inline(always)]
            unsafe fn cmpxchg(
                ptr: *mut Self,
                old: Self,
                new: Self,
                ordering: Core,
            ) -> Result<Self, Self> {
                // SAFETY: By this function's requirements.
                unsafe { <$atomic>::from_ptr(ptr) }
                    .compare_exchange(old, new, ordering, Core::Relaxed)
            }
        }
    )*};
}
atomic_type! {
    bool, AtomicBool;
    u32, AtomicU32;
    i64, AtomicI64;
    u64, AtomicU64;
    usize, AtomicUsize;
    *mut T, AtomicPtr<T>, T;
}

macro_rules! atomic_add {
    ($($type:ty, $atomic:ty;)*) => {$(
        // SAFETY: `core`'s atomics do.
        unsafe impl AtomicAdd for $type {
            #[inline(always)]
            unsafe fn fetch_add(ptr: *mut Self, value: Self, ordering: Core) -> Self {
                // SAFETY: By this function's requirements.
                unsafe { <$atomic>::from_ptr(ptr) }.fetch_add(value, ordering)
            }
        }
    )*};
}
atomic_add! {
    u32, AtomicU32;
    u64, AtomicU64;
}

/// A value that is accessed atomically.
#[repr(transparent)]
pub struct Atomic<T: AtomicType>(UnsafeCell<T>);

// SAFETY: All accesses are atomic.
unsafe impl<T: AtomicType> Send for Atomic<T> {}
// SAFETY: As above.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}

/// A full barrier beside an operation whose ordering in `core` is less than the kernel's: on x86 an
/// instruction with a lock prefix is one itself.
#[inline(always)]
fn full_barrier<O: Ordering>() {
    if O::IS_FULL && !cfg!(target_arch = "x86_64") {
        fence(Core::SeqCst);
    }
}

impl<T: AtomicType> Atomic<T> {
    /// An atomic with a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Loads the value.
    #[inline(always)]
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        // SAFETY: The value is accessed atomically alone.
        unsafe { T::load(self.0.get(), O::CORE) }
    }

    /// Stores a value.
    #[inline(always)]
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _: O) {
        // SAFETY: As above.
        unsafe { T::store(self.0.get(), value, O::CORE) }
    }

    /// Stores `new` if the value is `old`; returns what it was, as an error if it was another. A
    /// failure orders nothing.
    #[inline(always)]
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        full_barrier::<O>();
        // SAFETY: As above.
        let result = unsafe { T::cmpxchg(self.0.get(), old, new, O::CORE) };
        full_barrier::<O>();
        result
    }

    /// Adds to the value, which wraps around; returns what it was.
    #[inline(always)]
    pub fn fetch_add<O: Ordering>(&self, value: T, _: O) -> T
    where
        T: AtomicAdd,
    {
        full_barrier::<O>();
        // SAFETY: As above.
        let before = unsafe { T::fetch_add(self.0.get(), value, O::CORE) };
        full_barrier::<O>();
        before
    }
}
