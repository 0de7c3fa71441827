// SPDX-License-Identifier: GPL-2.0

//! The part of the `kernel` crate that the module's safe half uses, in user space.
//!
//! All that can change behind a shared reference, [`sync::atomic::Atomic`] and what a
//! [`sync::lock::Lock`] protects, is kept in a [`undo_log`] of the thread: so a whole filter can be
//! put back to the state in which it was made, and two of its states can be compared.

pub mod alloc;
pub mod error;
pub mod prelude;
pub mod sync;
pub mod undo_log;

/// Writes a line to the kernel's log; here to nowhere.
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)*) => {{ let _ = ::core::format_args!($($arg)*); }};
}

/// Fails to compile unless the condition holds.
#[macro_export]
macro_rules! static_assert {
    ($condition:expr $(,)?) => {
        const _: () = ::core::assert!($condition);
    };
}

/// A string as C has it.
#[macro_export]
macro_rules! c_str {
    ($string:expr) => {
        match ::core::ffi::CStr::from_bytes_with_nul(::core::concat!($string, "\0").as_bytes()) {
            Ok(string) => string,
            Err(_) => ::core::panic!("it has a NUL"),
        }
    };
}
