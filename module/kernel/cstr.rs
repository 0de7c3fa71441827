// SPDX-License-Identifier: GPL-2.0

//! Text from C.

use super::bindings;
use kernel::ffi::c_char;

/// Stands for text that is not UTF-8. It is no valid name and no valid value.
const NO_TEXT: &str = "\u{fffd}";

/// Bytes as text, or the replacement character in their place.
pub(super) fn from_bytes(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or(NO_TEXT)
}

/// A NUL-terminated string as text, as [`from_bytes`] does.
///
/// Not by `CStr::from_ptr()`: it adds one to the length, and keeps a branch that panics should that
/// overflow.
///
/// # Safety
///
/// `string` must be valid, and not change, for `'a`.
pub(super) unsafe fn from_c<'a>(string: *const c_char) -> &'a str {
    // SAFETY: By this function's requirements it ends with a NUL.
    let len = unsafe { bindings::strlen(string) } as usize;
    // SAFETY: By this function's requirements the bytes before the NUL can be read, and stay as
    // they are for `'a`.
    from_bytes(unsafe { core::slice::from_raw_parts(string.cast::<u8>(), len) })
}
