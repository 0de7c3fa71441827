// SPDX-License-Identifier: GPL-2.0

//! Which connections were found to speak HTTP.
//!
//! A dropped segment comes again and again until its sender gives up, and each time it is found at
//! the start of the stream. This memory tells the first time from the others, so that connections
//! are counted and logged, not segments.
//!
//! A connection can be *condemned* besides: a segment that TCP was about to take, at the exact
//! position of the socket, completes a forbidden first line. As long as that socket lives, nothing
//! else than such a line can be read from it, so that its segments with data are dropped unread. A
//! connection that was forgotten is judged the same, and counted once more.

use crate::kernel_ext::{
    lock::{new_spinlock_bh, SpinLockBh},
    rcu,
    socket::Start,
};
use kernel::prelude::*;

const BUCKETS: usize = 4096;

/// Connections in a bucket. Of 32,000 at a time, one in some thousands finds its bucket full.
const WAYS: usize = 16;

/// The bit of a way that tells a condemned connection. No name has it.
const CONDEMNED: u64 = 1;

/// The last connections found, [`WAYS`] in each bucket. Half a megabyte.
pub(crate) struct Connections {
    buckets: Pin<KVBox<[SpinLockBh<[u64; WAYS]>; BUCKETS]>>,
}

/// The name of a connection: a keyed hash of its flow, and where it begins. A socket that the same flow
/// gets later begins elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bucket: usize,
    name: u64,
}

impl Name {
    /// That of a connection whose flow has this `hash`.
    pub(crate) fn new(hash: u64, start: Start) -> Self {
        // Odd, so that different starts of one flow differ: the fractional part of the golden ratio.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let start = (u64::from(start.received) << 32) | u64::from(start.sent);
        Self {
            bucket: (hash >> 32) as usize % BUCKETS,
            name: hash.wrapping_add(start.wrapping_mul(FACTOR)) & !CONDEMNED,
        }
    }
}

impl Connections {
    /// An empty memory. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let bucket = |_| new_spinlock_bh!([0; WAYS], "http_filter_connections");
        Ok(Self {
            buckets: KVBox::pin_init(pin_init::pin_init_array_from_fn(bucket), GFP_KERNEL)?,
        })
    }

    /// What is remembered of a connection: whether it is condemned, if it is known.
    fn look_up(&self, name: Name) -> Option<bool> {
        let ways = self.buckets.get(name.bucket)?.lock();
        let way = ways.iter().find(|&way| way & !CONDEMNED == name.name)?;
        Some(way & CONDEMNED != 0)
    }

    /// Whether it was noted before. Any context that the hook runs in.
    pub(crate) fn is_known(&self, name: Name) -> bool {
        self.look_up(name).is_some()
    }

    /// Whether it is condemned. Any context that the hook runs in.
    pub(crate) fn is_condemned(&self, name: Name) -> bool {
        self.look_up(name) == Some(true)
    }

    /// Notes a connection, and whether it is condemned from now on; whether it is new. Any context
    /// that the hook runs in.
    pub(crate) fn note(&self, name: Name, condemned: bool) -> bool {
        let Some(bucket) = self.buckets.get(name.bucket) else {
            return true;
        };
        let mut ways = bucket.lock();
        // The most recent first: the oldest falls out at the end.
        let mut carried = name.name | u64::from(condemned);
        for way in ways.iter_mut() {
            core::mem::swap(way, &mut carried);
            if carried & !CONDEMNED == name.name {
                return false;
            }
        }
        true
    }

    /// Condemns none of them any longer. What was decided before must not be so any more when this is
    /// called. Process context; may sleep.
    pub(crate) fn pardon(&self) {
        // Until then a packet may be judged by what was decided before.
        rcu::synchronize();
        for bucket in self.buckets.iter() {
            for way in bucket.lock().iter_mut() {
                *way &= !CONDEMNED;
            }
        }
    }
}
