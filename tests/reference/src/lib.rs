// SPDX-License-Identifier: GPL-2.0
//! Matchers in C that the classifier is compared with.

use std::ffi::c_int;

mod ffi {
    use std::ffi::c_int;

    extern "C" {
        pub(crate) fn reference_classify(p: *const u8, n: usize, decided: *mut usize) -> c_int;
        pub(crate) fn example_matches(p: *const u8, n: usize) -> c_int;
    }
}

/// The verdicts' names, in the order of `enum verdict`, which begins with undecided.
const NAMES: [&str; 5] = ["http1", "h2c", "http09", "response", "other"];

/// Tells what the stream that begins with `bytes` is: the verdict's name and how many bytes there
/// are up to and including the deciding one; `None` if undecided.
pub fn classify(bytes: &[u8]) -> Option<(&'static str, usize)> {
    let mut decided = 0;
    // SAFETY: It reads `bytes.len()` bytes from a valid pointer and writes one `size_t`.
    let verdict = unsafe { ffi::reference_classify(bytes.as_ptr(), bytes.len(), &raw mut decided) };
    let index = usize::try_from(verdict)
        .expect("a verdict")
        .checked_sub(1)?;
    Some((NAMES[index], decided))
}

/// Whether the well-known C example, a module that looks for `HTTP` with `strstr`, would drop a
/// segment of which it sees `bytes`.
pub fn example_matches(bytes: &[u8]) -> bool {
    // SAFETY: It reads `bytes.len()` bytes from a valid pointer.
    let found: c_int = unsafe { ffi::example_matches(bytes.as_ptr(), bytes.len()) };
    assert!(found >= 0, "out of memory");
    found == 1
}
