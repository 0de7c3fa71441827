// SPDX-License-Identifier: GPL-2.0

//! Sets of numbers and addresses, as sorted ranges that are searched in logarithmic time.

#![forbid(unsafe_code)]

use core::net::{IpAddr, Ipv6Addr};
use kernel::prelude::*;

/// A set of values, as ranges from a first one to a last one. Once [sorted](Self::sort) they are
/// disjoint and in ascending order.
pub(super) struct Ranges<T>(KVVec<[T; 2]>);

impl<T: Copy + Ord> Ranges<T> {
    /// The empty set, with room for so many ranges. Process context.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(capacity, GFP_KERNEL)?))
    }

    /// Adds the values from `first` to `last`, where there is room.
    pub(super) fn add(&mut self, first: T, last: T) {
        let _ = self.0.push_within_capacity([first, last]);
    }

    /// Sorts the ranges, and joins those that overlap.
    pub(super) fn sort(&mut self) {
        sort(&mut self.0);
        let mut joined: usize = 0;
        for index in 0..self.0.len() {
            let Some(&[first, last]) = self.0.get(index) else {
                break;
            };
            match joined
                .checked_sub(1)
                .and_then(|index| self.0.get_mut(index))
            {
                Some([_, end]) if first <= *end => *end = last.max(*end),
                _ => {
                    if let Some(range) = self.0.get_mut(joined) {
                        *range = [first, last];
                    }
                    joined = joined.wrapping_add(1);
                }
            }
        }
        self.0.truncate(joined);
    }

    /// Whether a value is in the set, which is sorted.
    pub(super) fn contain(&self, value: T) -> bool {
        // How many ranges begin at it or before. (The library's own search could panic.)
        let (mut begin, mut others) = (0_usize, self.0.len());
        while begin < others {
            let middle = begin.wrapping_add(others) / 2;
            match self.0.get(middle) {
                Some(&[first, _]) if first <= value => begin = middle.wrapping_add(1),
                _ => others = middle,
            }
        }
        let range = begin.checked_sub(1).and_then(|index| self.0.get(index));
        range.is_some_and(|&[_, last]| value <= last)
    }
}

/// Sorts by Shell's method: the library's own could panic where an order is none.
fn sort<T: Copy + Ord>(values: &mut [T]) {
    let mut gap = 1_usize;
    while gap < values.len() / 3 {
        gap = gap.wrapping_mul(3).wrapping_add(1);
    }
    while gap != 0 {
        for end in gap..values.len() {
            let mut index = end;
            while let Some(before) = index.checked_sub(gap) {
                let (Some(&a), Some(&b)) = (values.get(before), values.get(index)) else {
                    break;
                };
                if a <= b {
                    break;
                }
                if let Some(value) = values.get_mut(before) {
                    *value = b;
                }
                if let Some(value) = values.get_mut(index) {
                    *value = a;
                }
                index = before;
            }
        }
        gap /= 3;
    }
}

/// A set of addresses. Those of IPv4 that are mapped into IPv6 count as IPv4 (RFC 4291 section
/// 2.5.5.2).
pub(super) struct Addresses {
    ipv4: Ranges<u32>,
    ipv6: Ranges<[u64; 2]>,
}

impl Addresses {
    /// The empty set, with room for so many prefixes. Process context.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self> {
        Ok(Self {
            ipv4: Ranges::with_capacity(capacity)?,
            ipv6: Ranges::with_capacity(capacity)?,
        })
    }

    /// Adds the addresses that have the first bits of `address` in common with it, as many as `len`;
    /// all if it is `None`. False if an address has not as many.
    pub(super) fn add(&mut self, address: IpAddr, len: Option<u32>) -> bool {
        const MAPPED: u32 = 96;
        let (address, len) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if len.is_none_or(|len| len >= MAPPED) => {
                (mapped, len.and_then(|len| len.checked_sub(MAPPED)))
            }
            (address, _) => (address, len),
        };
        match address {
            IpAddr::V4(address) => {
                let Some(host) = host_bits(32, len) else {
                    return false;
                };
                let (address, host) = (address.to_bits(), host as u32);
                self.ipv4.add(address & !host, address | host);
            }
            IpAddr::V6(address) => {
                let Some(host) = host_bits(128, len) else {
                    return false;
                };
                let address = address.to_bits();
                self.ipv6
                    .add(halves(address & !host), halves(address | host));
            }
        }
        true
    }

    /// Sorts it.
    pub(super) fn sort(&mut self) {
        self.ipv4.sort();
        self.ipv6.sort();
    }

    /// Whether an address is in the set, which is sorted.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.ipv4.contain(address.to_bits()),
            IpAddr::V6(address) => self.ipv6.contain(halves(Ipv6Addr::to_bits(address))),
        }
    }
}

/// The bits of an address of `bits` that a prefix of length `len` leaves open; `None` if it is longer.
fn host_bits(bits: u32, len: Option<u32>) -> Option<u128> {
    let left = bits.checked_sub(len.unwrap_or(bits))?;
    Some(!u128::MAX.checked_shl(left).unwrap_or(0))
}

/// A number in two halves, which need no more than their alignment.
fn halves(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}
