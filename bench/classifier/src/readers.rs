// SPDX-License-Identifier: GPL-2.0

//! What reads it.

use classifier::{Classifier, Verdict};
use memchr::arch::all::{memchr::One, packedpair::Pair};
use std::sync::LazyLock;

/// Whether these are the first bytes of HTTP, to the best of a reader's knowledge.
pub type Reader = fn(&[u8]) -> bool;

/// The readers with their names.
pub const READERS: [(&str, Reader); 4] = [
    ("classifier", classifier),
    ("httparse", httparse),
    ("memmem", memmem),
    ("C", c),
];

fn classifier(bytes: &[u8]) -> bool {
    Classifier::new().feed(bytes) == Some(Verdict::Http1)
}

/// A first line alone is the part of a request that it can parse.
fn httparse(bytes: &[u8]) -> bool {
    let mut request = httparse::Request::new(&mut []);
    request.parse(bytes).is_ok() && request.version.is_some()
}

/// What `memchr::memmem` does where it knows no SIMD: it looks for the needle's rarest byte, and
/// then at the rest of it. On x86-64 it always knows some.
fn memmem(bytes: &[u8]) -> bool {
    const NEEDLE: &[u8] = b"HTTP";
    static RAREST: LazyLock<(usize, One)> = LazyLock::new(|| {
        let rarest = Pair::new(NEEDLE).map_or(0, |pair| usize::from(pair.index1()));
        (rarest, One::new(NEEDLE[rarest]))
    });
    let (rarest, finder) = &*RAREST;
    finder.iter(bytes).any(|at| {
        let begin = at.checked_sub(*rarest);
        begin.is_some_and(|begin| bytes[begin..].starts_with(NEEDLE))
    })
}

fn c(bytes: &[u8]) -> bool {
    extern "C" {
        fn has_http(data: *const u8, len: usize) -> bool;
    }
    // SAFETY: It reads no more than `len` bytes from `data` on.
    unsafe { has_http(bytes.as_ptr(), bytes.len()) }
}
