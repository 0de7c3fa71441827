// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

pub mod atomic;
pub mod lock;

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
