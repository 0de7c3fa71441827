// SPDX-License-Identifier: GPL-2.0

//! Synchronisation (`rust/kernel/sync.rs`).

pub mod atomic;
pub mod lock;

mod arc;

pub use arc::Arc;
pub use lock::{Mutex, MutexGuard};

use crate::{bindings, types::Opaque};
use core::pin::Pin;

/// What lockdep knows a class of locks by.
#[repr(transparent)]
pub struct LockClassKey(Opaque<bindings::lock_class_key>);

// SAFETY: The kernel locks for itself.
unsafe impl Sync for LockClassKey {}

impl LockClassKey {
    /// A key for a static; the kernel takes the address of one for its name.
    #[doc(hidden)]
    pub const fn new_static() -> Self {
        Self(Opaque::uninit())
    }

    /// The C structure.
    pub(crate) fn as_ptr(self: Pin<&'static Self>) -> *mut bindings::lock_class_key {
        self.0.get()
    }
}

/// A lock class of its own for each place in the source where this stands.
#[macro_export]
macro_rules! static_lock_class {
    () => {{
        static CLASS: $crate::sync::LockClassKey = $crate::sync::LockClassKey::new_static();
        ::core::pin::Pin::static_ref(&CLASS)
    }};
}
