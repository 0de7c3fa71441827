// SPDX-License-Identifier: GPL-2.0

//! Text from C.

use super::bindings;
use kernel::{ffi::c_char, prelude::*};

/// A NUL-terminated string as text.
///
/// Not by `CStr::from_ptr()`: it adds one to the length, and keeps a branch that panics should that
/// overflow.
///
/// # Errors
///
/// `EINVAL` if it is not UTF-8.
///
/// # Safety
///
/// `string` must be valid, and not change, for `'a`.
pub(super) unsafe fn from_c<'a>(string: *const c_char) -> Result<&'a str> {
    // SAFETY: By this function's requirements; the bytes before the NUL are readable.
    let bytes = unsafe {
        core::slice::from_raw_parts(string.cast::<u8>(), bindings::strlen(string) as usize)
    };
    core::str::from_utf8(bytes).map_err(|_| EINVAL)
}
