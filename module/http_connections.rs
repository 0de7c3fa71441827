// SPDX-License-Identifier: GPL-2.0

//! The connections that were last found to speak HTTP.
//!
//! The segment that completes a request is dropped, and its sender retransmits it until it gives
//! up. This cache tells the first time from the others, so that connections are counted and logged,
//! and not segments.
//!
//! A connection can also be *blackholed*: a segment that TCP was about to accept, where the socket
//! stood, completes a forbidden first line. As long as the socket lives, nothing else can be read
//! from it, so all of its segments with data are dropped unread. A connection that has left the
//! cache is inspected again, and counted once more.

#![forbid(unsafe_code)]

use crate::kernel_ext::{
    lock::{new_spinlock_bh, SpinLockBh},
    rcu,
    socket::FirstSeq,
};
use kernel::prelude::*;

const BUCKETS: usize = 4096;

/// Connections in a bucket. With 32,000 in the cache, one in some thousands finds its bucket full.
const SLOTS: usize = 16;

/// The bit of a slot that is set if its connection is blackholed. No identifier has it.
const BLACKHOLED: u64 = 1;

/// The cache: half a megabyte.
pub(crate) struct HttpConnections {
    buckets: Pin<KVBox<[SpinLockBh<[u64; SLOTS]>; BUCKETS]>>,
}

/// Identifies a connection: a keyed hash of its flow and its first sequence numbers. A later
/// connection with the same addresses and ports has others.
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
        Self {
            bucket: (hash >> 32) as usize % BUCKETS,
            id: hash.wrapping_add(seq.wrapping_mul(FACTOR)) & !BLACKHOLED,
        }
    }
}

impl HttpConnections {
    /// An empty cache. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let bucket = |_| new_spinlock_bh!([0; SLOTS], "http_filter_connections");
        Ok(Self {
            buckets: KVBox::pin_init(pin_init::pin_init_array_from_fn(bucket), GFP_KERNEL)?,
        })
    }

    /// Looks up a connection: whether it is blackholed, if it is in the cache.
    fn look_up(&self, id: ConnectionId) -> Option<bool> {
        let slots = self.buckets.get(id.bucket)?.lock();
        let slot = slots.iter().find(|&slot| slot & !BLACKHOLED == id.id)?;
        Some(slot & BLACKHOLED != 0)
    }

    /// Whether a connection is in the cache. Any context that the hook runs in.
    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.look_up(id).is_some()
    }

    /// Whether a connection is blackholed. Any context that the hook runs in.
    pub(crate) fn is_blackholed(&self, id: ConnectionId) -> bool {
        self.look_up(id) == Some(true)
    }

    /// Adds a connection as the last one found, and sets whether it is blackholed. Returns whether it
    /// is new. Any context that the hook runs in.
    pub(crate) fn add(&self, id: ConnectionId, blackholed: bool) -> bool {
        let Some(bucket) = self.buckets.get(id.bucket) else {
            return true;
        };
        let mut slots = bucket.lock();
        // The last one found goes to the front, and the others move on; the oldest falls out at the
        // end.
        let mut carried = id.id | u64::from(blackholed);
        for slot in slots.iter_mut() {
            core::mem::swap(slot, &mut carried);
            if carried & !BLACKHOLED == id.id {
                return false;
            }
        }
        true
    }

    /// Ends the blackholing of all connections. The setting that led to it must have changed before.
    /// Process context; may sleep.
    pub(crate) fn reset_blackholed(&self) {
        // A hook that has read the setting before may still blackhole a connection.
        rcu::synchronize();
        for bucket in self.buckets.iter() {
            for slot in bucket.lock().iter_mut() {
                *slot &= !BLACKHOLED;
            }
        }
    }
}
