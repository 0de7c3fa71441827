// SPDX-License-Identifier: GPL-2.0

//! Locks (`rust/kernel/sync/lock.rs`).

use super::LockClassKey;
use crate::{bindings, ffi::c_char, str::CStrExt, types::Opaque};
use ::pin_init::{pin_init_from_closure, PinInit};
use core::{
    cell::UnsafeCell,
    convert::Infallible,
    ffi::CStr,
    marker::{PhantomData, PhantomPinned},
    ops::{Deref, DerefMut},
    pin::Pin,
};

/// How a kind of lock is taken and released.
///
/// # Safety
///
/// Between [`Self::lock`] and [`Self::unlock`] no other caller owns the lock.
pub unsafe trait Backend {
    /// The lock itself.
    type State;

    /// What [`Self::lock`] hands to [`Self::unlock`].
    type GuardState;

    /// Initialises the lock.
    ///
    /// # Safety
    ///
    /// `ptr` must be valid for writes; `name` and `key` live as long as the lock.
    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key);

    /// Waits for the lock, and takes it.
    ///
    /// # Safety
    ///
    /// It must be initialised.
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState;

    /// Takes the lock if it is free.
    ///
    /// # Safety
    ///
    /// It must be initialised.
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState>;

    /// Releases the lock.
    ///
    /// # Safety
    ///
    /// The caller must own it.
    unsafe fn unlock(ptr: *mut Self::State, guard_state: &Self::GuardState);

    /// Complains if nobody owns the lock (lockdep).
    ///
    /// # Safety
    ///
    /// It must be initialised.
    unsafe fn assert_is_held(ptr: *mut Self::State);
}

/// A lock, and what it protects.
#[repr(C)]
pub struct Lock<T, B: Backend> {
    state: Opaque<B::State>,
    _pin: PhantomPinned,
    data: UnsafeCell<T>,
}

// SAFETY: A lock can be sent where its data can.
unsafe impl<T: Send, B: Backend> Send for Lock<T, B> {}
// SAFETY: One owner at a time has access to the data.
unsafe impl<T: Send, B: Backend> Sync for Lock<T, B> {}

impl<T, B: Backend> Lock<T, B> {
    /// Initialises a lock that is free.
    pub fn new(
        data: impl PinInit<T>,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        let init = move |slot: *mut Self| {
            // SAFETY: The slot is valid for writes and does not move; `name` and `key` are static.
            unsafe {
                let state = Opaque::get(&(*slot).state);
                B::init(state, name.as_char_ptr(), key.as_ptr());
                data.__pinned_init(UnsafeCell::raw_get(&raw const (*slot).data))
            }
        };
        // SAFETY: Both parts are initialised, and no initialiser can fail.
        unsafe { pin_init_from_closure::<Self, Infallible>(init) }
    }

    /// Waits for the lock, and takes it. Contexts are those of its kind.
    pub fn lock(&self) -> Guard<'_, T, B> {
        // SAFETY: It is initialised, since there is no other way to make one.
        let state = unsafe { B::lock(self.state.get()) };
        Guard {
            lock: self,
            state,
            _not_send: PhantomData,
        }
    }
}

/// The ownership of a lock; dropping it releases the lock.
#[must_use = "the lock is released at once when its guard is not kept"]
pub struct Guard<'a, T, B: Backend> {
    lock: &'a Lock<T, B>,
    state: B::GuardState,
    _not_send: PhantomData<*mut ()>,
}

// SAFETY: A shared guard gives shared references alone.
unsafe impl<T: Sync, B: Backend> Sync for Guard<'_, T, B> {}

impl<T, B: Backend> Deref for Guard<'_, T, B> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is owned.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: Unpin, B: Backend> DerefMut for Guard<'_, T, B> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is owned.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T, B: Backend> Drop for Guard<'_, T, B> {
    fn drop(&mut self) {
        // SAFETY: The lock is owned.
        unsafe { B::unlock(self.lock.state.get(), &self.state) };
    }
}

/// A `struct mutex`. Process context; may sleep (`rust/kernel/sync/lock/mutex.rs`).
pub type Mutex<T> = Lock<T, MutexBackend>;

/// A [`Mutex`] that is locked.
pub type MutexGuard<'a, T> = Guard<'a, T, MutexBackend>;

/// The backend of [`Mutex`].
pub struct MutexBackend;

// SAFETY: A `struct mutex` has one owner at a time.
unsafe impl Backend for MutexBackend {
    type State = bindings::mutex;
    type GuardState = ();

    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::rust_helper_mutex_init(ptr, name, key) }
    }

    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By this function's requirements.
        unsafe { bindings::rust_helper_mutex_lock(ptr) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        // SAFETY: By this function's requirements.
        (unsafe { bindings::rust_helper_mutex_trylock(ptr) } != 0).then_some(())
    }

    unsafe fn unlock(ptr: *mut Self::State, _guard_state: &Self::GuardState) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::mutex_unlock(ptr) }
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::rust_helper_mutex_assert_is_held(ptr) }
    }
}

/// Initialises a [`Mutex`] with a lock class of its own.
#[macro_export]
macro_rules! new_mutex {
    ($data:expr, $name:literal) => {
        $crate::sync::Mutex::new($data, $crate::c_str!($name), $crate::static_lock_class!())
    };
}
