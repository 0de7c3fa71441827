// SPDX-License-Identifier: GPL-2.0

//! Strings as C has them (`rust/kernel/str.rs`).

use crate::ffi::c_char;
use core::ffi::CStr;

/// Makes a [`CStr`] of a literal.
#[macro_export]
macro_rules! c_str {
    ($string:expr) => {{
        const STRING: &::core::ffi::CStr =
            match ::core::ffi::CStr::from_bytes_with_nul(::core::concat!($string, "\0").as_bytes())
            {
                Ok(string) => string,
                Err(_) => ::core::panic!("the string has a NUL in it"),
            };
        STRING
    }};
}

/// What `core`'s [`CStr`] lacks.
pub trait CStrExt {
    /// A pointer to the string, of the kernel's `char`.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast::<c_char>()
    }
}
