// SPDX-License-Identifier: GPL-2.0

//! Which connections were found to speak HTTP a moment ago.
//!
//! A dropped segment comes again and again until its sender gives up, and each time it is found at
//! the start of the stream. This memory tells the first time from the others, so that connections
//! are counted and logged, not segments. Nothing depends on it for what is dropped: a connection
//! that was forgotten is judged the same, and counted once more.

use crate::kernel_ext::{
    lock::{new_spinlock_bh, SpinLockBh},
    siphash,
    socket::Flow,
};
use kernel::prelude::*;

const BUCKETS: usize = 1024;
const WAYS: usize = 8;

/// The last connections found, [`WAYS`] in each bucket. 72 kB.
pub(crate) struct Connections {
    key: siphash::Key,
    buckets: Pin<KVBox<[SpinLockBh<[u64; WAYS]>; BUCKETS]>>,
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
            key: siphash::Key::random(),
            buckets: KVBox::pin_init(pin_init::pin_init_array_from_fn(bucket), GFP_KERNEL)?,
        })
    }

    /// Notes the connection of a stream that begins at sequence number `start`; whether it is new.
    /// Any context that the hook runs in.
    pub(crate) fn note(&self, flow: &Flow, start: u32) -> bool {
        // A time-wait reuse of the same four-tuple is another connection: it starts elsewhere.
        let [net, s0, s1, d0, d1, ports] = flow.identity();
        let hash = self.key.hash(&[net, s0, s1, d0, d1, ports, start.into()]);
        let Some(bucket) = self.buckets.get(hash as usize % BUCKETS) else {
            return true;
        };
        let mut ways = bucket.lock();
        // The most recent first: the oldest falls out at the end.
        let mut carried = hash;
        for way in ways.iter_mut() {
            core::mem::swap(way, &mut carried);
            if carried == hash {
                return false;
            }
        }
        true
    }
}
