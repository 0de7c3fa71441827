// SPDX-License-Identifier: GPL-2.0

//! The connections that were last found to speak HTTP.
//!
//! The segment that completes a request is dropped, and its sender retransmits it until it gives
//! up. This cache tells the first time from the others, so that connections are counted and logged,
//! and not segments.
//!
//! A connection can also be *blackholed*: a segment that TCP was about to accept, where the socket
//! stood, completes a forbidden first line. As long as the socket lives, nothing else can be read
//! from it, so all of its segments with data are dropped unread; or [it is
//! ended](crate::reject). A connection that has left the cache is inspected again, and counted once
//! more.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{
        lock::{new_spinlock_bh, SpinLockBh},
        socket::FirstSeq,
    },
    policy::Action,
};
use kernel::{
    prelude::*,
    sync::atomic::{ordering::Relaxed, Atomic},
};

const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 12;

/// Connections in a bucket. With 32,000 in the cache, one in some thousands finds its bucket full.
const SLOTS: usize = 16;

/// The bit of a slot that is set if its connection is blackholed.
const BLACKHOLED: u64 = 1;

/// The bit that is set if it is to be ended as well.
const REJECTED: u64 = 1 << 7;

/// The bits that no identifier has.
const STATE: u64 = BLACKHOLED | REJECTED;

/// The bits of an identifier that tell where in its bucket the flow is placed: the number of a bit
/// in [`HttpConnections::blackholed`].
const PLACE: u64 = 63 << PLACE_SHIFT;
const PLACE_SHIFT: u32 = 1;

/// The cache: half a megabyte.
pub(crate) struct HttpConnections {
    buckets: Pin<KVBox<[SpinLockBh<[u64; SLOTS]>; BUCKETS]>>,
    /// For each bucket a bit for each place of a blackholed connection in it: read without the lock.
    blackholed: KVVec<Atomic<u64>>,
}

/// Identifies a connection: a keyed hash of its flow and its first sequence numbers, and where its
/// flow is placed. A later connection with the same addresses and ports has another.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionId {
    bucket: usize,
    id: u64,
}

impl ConnectionId {
    /// The identifier of a connection whose flow has this `hash`.
    pub(crate) fn new(hash: u64, first_seq: FirstSeq) -> Self {
        // The fractional part of the golden ratio, which is odd: different sequence numbers give
        // different products.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let seq = (u64::from(first_seq.received) << 32) | u64::from(first_seq.sent);
        let id = hash.wrapping_add(seq.wrapping_mul(FACTOR));
        Self {
            bucket: bucket(hash),
            id: (id & !(PLACE | STATE)) | (bit_number(hash) << PLACE_SHIFT),
        }
    }
}

/// The bucket of a flow: the upper bits of its hash.
fn bucket(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}

/// The number of its bit in that bucket: those below.
fn bit_number(hash: u64) -> u64 {
    (hash >> (u64::BITS - BUCKET_BITS - 6)) & 63
}

impl HttpConnections {
    /// An empty cache. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let bucket = |_| new_spinlock_bh!([0; SLOTS], "http_filter_connections");
        let mut blackholed = KVVec::with_capacity(BUCKETS, GFP_KERNEL)?;
        for _ in 0..BUCKETS {
            blackholed
                .push_within_capacity(Atomic::new(0))
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            blackholed,
            buckets: KVBox::pin_init(pin_init::pin_init_array_from_fn(bucket), GFP_KERNEL)?,
        })
    }

    /// The slot of a connection, if it is in the cache.
    fn look_up(&self, id: ConnectionId) -> Option<u64> {
        let slots = self.buckets.get(id.bucket)?.lock();
        slots.iter().copied().find(|slot| slot & !STATE == id.id)
    }

    /// Whether a connection is in the cache. Any context that the hook runs in.
    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.look_up(id).is_some()
    }

    /// Whether a connection may be blackholed whose flow has this `hash`: cheaper than
    /// [`Self::blackholed`]. Any context that the hook runs in.
    #[inline]
    pub(crate) fn may_be_blackholed(&self, hash: u64) -> bool {
        let bits = self.blackholed.get(bucket(hash));
        bits.is_none_or(|bits| bits.load(Relaxed) & (1 << bit_number(hash)) != 0)
    }

    /// The action for which a connection is blackholed, if it is. Any context that the hook runs in.
    pub(crate) fn blackholed(&self, id: ConnectionId) -> Option<Action> {
        match self.look_up(id)? & STATE {
            0 => None,
            BLACKHOLED => Some(Action::Drop),
            _ => Some(Action::Reject),
        }
    }

    /// Adds a connection as the last one found, and sets the action for which it is blackholed, if it is.
    /// Returns whether it is new. Any context that the hook runs in.
    pub(crate) fn add(&self, id: ConnectionId, blackholed: Option<Action>) -> bool {
        let (Some(bucket), Some(bits)) =
            (self.buckets.get(id.bucket), self.blackholed.get(id.bucket))
        else {
            return true;
        };
        let mut slots = bucket.lock();
        // The last one found goes to the front, and the others move on; the oldest falls out at the
        // end.
        let state = match blackholed {
            None => 0,
            Some(Action::Reject) => BLACKHOLED | REJECTED,
            Some(_) => BLACKHOLED,
        };
        let mut carried = id.id | state;
        let is_last = |carried: u64| carried == 0 || carried & !STATE == id.id;
        slots.iter_mut().any(|slot| {
            core::mem::swap(slot, &mut carried);
            is_last(carried)
        });
        if carried & BLACKHOLED != 0 {
            bits.store(blackholed_bits(&slots), Relaxed);
        } else if blackholed.is_some() {
            bits.store(bits.load(Relaxed) | place_bit(id.id), Relaxed);
        }
        carried & !STATE != id.id
    }

    /// Ends the blackholing of all connections. No hook may be running any more that has read the
    /// settings that led to it. Process context.
    pub(crate) fn reset_blackholed(&self) {
        let buckets = self.buckets.iter().zip(self.blackholed.iter());
        for (bucket, bits) in buckets.filter(|(_, bits)| bits.load(Relaxed) != 0) {
            let mut slots = bucket.lock();
            slots.iter_mut().for_each(|slot| *slot &= !STATE);
            bits.store(0, Relaxed);
        }
    }
}

/// The bit of a connection's place.
fn place_bit(slot: u64) -> u64 {
    1 << ((slot & PLACE) >> PLACE_SHIFT)
}

/// The bits of the places of a bucket's blackholed connections.
fn blackholed_bits(slots: &[u64; SLOTS]) -> u64 {
    let blackholed = slots.iter().filter(|&slot| slot & BLACKHOLED != 0);
    blackholed.fold(0, |bits, &slot| bits | place_bit(slot))
}
