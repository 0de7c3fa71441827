// SPDX-License-Identifier: GPL-2.0

//! A keyed hash that strangers cannot aim.
//!
//! C header: [`include/linux/siphash.h`](srctree/include/linux/siphash.h)

use super::bindings;
use core::ffi::c_void;

/// A secret key.
pub(crate) struct Key(bindings::siphash_key_t);

impl Key {
    /// A random key. Process context, long after boot: it does not wait for the random number
    /// generator to be seeded.
    pub(crate) fn random() -> Self {
        let mut key = bindings::siphash_key_t::default();
        // SAFETY: `key` is plain data, valid for writes of its size.
        unsafe {
            bindings::get_random_bytes(
                core::ptr::addr_of_mut!(key).cast::<c_void>(),
                core::mem::size_of_val(&key),
            )
        };
        Self(key)
    }

    /// SipHash-2-4 of `words`. Any context.
    pub(crate) fn hash(&self, words: &[u64]) -> u64 {
        // SAFETY: `words` and the key are valid for reads.
        unsafe {
            bindings::__siphash_unaligned(
                words.as_ptr().cast::<c_void>(),
                core::mem::size_of_val(words),
                &self.0,
            )
        }
    }
}
