// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

pub mod atomic;
pub mod lock;

use crate::{alloc::Flags, error::Result};
use core::ops::Deref;

/// Shared ownership.
#[derive(Debug)]
pub struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    /// The first reference to a value.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn new(value: T, _: Flags) -> Result<Self> {
        Ok(Self(std::sync::Arc::new(value)))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What lockdep knows a lock by; here nothing.
#[derive(Debug)]
pub struct LockClassKey;

/// A static lock class.
#[macro_export]
macro_rules! static_lock_class {
    () => {
        $crate::sync::LockClassKey
    };
}
