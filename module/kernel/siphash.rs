// SPDX-License-Identifier: GPL-2.0

//! A keyed hash that strangers cannot aim.
//!
//! C header: [`include/linux/siphash.h`](srctree/include/linux/siphash.h)

use super::{bindings, socket::Flow};
use core::ffi::c_void;

/// A secret key.
pub(crate) struct Key(bindings::siphash_key_t);

impl Key {
    /// A random key. Process context.
    pub(crate) fn random() -> Self {
        let mut key = bindings::siphash_key_t::default();
        random(&mut key.key);
        Self(key)
    }

    /// SipHash-2-4 of a flow's identity. Any context.
    pub(crate) fn hash(&self, flow: &Flow) -> u64 {
        match flow.ipv4_identity() {
            Some(words) => self.hash_words(&words),
            None => self.hash_words(&flow.identity()),
        }
    }

    fn hash_words(&self, words: &[u64]) -> u64 {
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

/// A hash of flows that costs a tenth of [`Key::hash`], for where it is enough that two flows which
/// were chosen without knowing its secret rarely collide: multiply-shift hashing of a vector
/// (Dietzfelbinger).
pub(crate) struct Placement {
    multipliers: [u64; 6],
    last: u64,
}

impl Placement {
    /// A random one. Process context.
    pub(crate) fn random() -> Self {
        let mut multipliers = [0; 7];
        random(&mut multipliers);
        let [multipliers @ .., last] = multipliers.map(|multiplier| multiplier | 1);
        Self { multipliers, last }
    }

    /// The hash of a flow. Any context.
    #[inline]
    pub(crate) fn hash(&self, flow: &Flow) -> u32 {
        let sum = |words: &[u64]| {
            let products = self
                .multipliers
                .iter()
                .zip(words)
                .map(|(m, &word)| m.wrapping_mul(word));
            products.fold(0, u64::wrapping_add)
        };
        let hash = match flow.ipv4_identity() {
            Some(words) => sum(&words),
            None => sum(&flow.identity()),
        };
        // Ports that count up would make it count up as well. The upper half is the better one.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(self.last);
        (mixed >> 32) as u32
    }
}

/// Fills `words`, long after boot: it does not wait for the random number generator to be seeded.
fn random(words: &mut [u64]) {
    // SAFETY: `words` are plain data, valid for writes of their size.
    unsafe {
        bindings::get_random_bytes(
            words.as_mut_ptr().cast::<c_void>(),
            core::mem::size_of_val(words),
        )
    }
}
