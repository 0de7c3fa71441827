// SPDX-License-Identifier: GPL-2.0

//! A keyed hash of flows that costs a tenth of SipHash, for where whoever chooses the flows sees
//! none of its values. It is no pseudorandom function: who could compare many of them might learn of
//! others.

use super::{bindings, socket::Flow};
use core::ffi::c_void;

/// A secret key of multiply-shift hashing of vectors (Dietzfelbinger, "Universal hashing and
/// k-wise independent random variables via integer arithmetic without primes", 1996).
pub(crate) struct Key {
    /// Of 128 bits each, the upper half first.
    multipliers: [[u64; 2]; 6],
    last: u64,
}

impl Key {
    /// A random key. Process context.
    pub(crate) fn random() -> Self {
        let mut key = Self {
            multipliers: [[0; 2]; 6],
            last: 0,
        };
        random(key.multipliers.as_flattened_mut());
        random(core::slice::from_mut(&mut key.last));
        key.last |= 1;
        key
    }

    /// The hash of a flow's identity: two flows have the same once or twice in 2^64 times. Any
    /// context.
    #[inline]
    pub(crate) fn hash(&self, flow: &Flow) -> u64 {
        match flow.ipv4_identity() {
            Some(words) => self.hash_words(&words),
            None => self.hash_words(&flow.identity()),
        }
    }

    #[inline]
    fn hash_words(&self, words: &[u64]) -> u64 {
        let products = self
            .multipliers
            .iter()
            .zip(words)
            .map(|(&[high, low], &word)| {
                let multiplier = (u128::from(high) << 64) | u128::from(low);
                multiplier.wrapping_mul(word.into())
            });
        let high = (products.fold(0, u128::wrapping_add) >> 64) as u64;
        // Ports that count up would make it count up as well. This keeps different values different.
        (high ^ (high >> 32)).wrapping_mul(self.last)
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
