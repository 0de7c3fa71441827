// SPDX-License-Identifier: GPL-2.0

//! Connections that are dropped or rejected, and whose end is to be told: of fixed size, allocated
//! beforehand. There are some only while somebody listens to events.

#![forbid(unsafe_code)]

use super::{
    queue::Queue,
    record::{EndReason, Ended, Record, What},
};
use crate::kernel_ext::{
    flow_hash,
    genetlink::Event,
    lock::{new_spinlock_bh, SpinLockBh},
    packet::Receiver,
    socket::{FirstSeq, Flow, SocketLookup},
    time,
    work::{self, DelayedWork, Work},
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{ordering::Relaxed, Atomic},
        Arc,
    },
};

const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 7;

/// Connections in a bucket. With 2,000 in all, one bucket in some thousands is full.
const SLOTS: usize = 32;

/// Milliseconds between two looks at their sockets.
const INTERVAL: u32 = 1000;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// For how long nothing comes on a connection until it counts as ended: no less than the longest pause between
/// two retransmissions of Linux (`TCP_RTO_MAX`).
const SILENCE: u64 = 120 * NS_PER_S;

/// For how long the end of a connection is not told, so that its beginning is sent before.
const MIN_AGE: u64 = NS_PER_S;

/// The table.
pub(super) struct Blocked(DelayedWork<Buckets>);

type Bucket = [Option<Connection>; SLOTS];

struct Buckets {
    key: flow_hash::Key,
    buckets: Pin<KVBox<[SpinLockBh<Bucket>; BUCKETS]>>,
    /// How many connections there are.
    count: Atomic<u32>,
    queue: Arc<Queue>,
}

/// A connection.
#[derive(Clone, Copy)]
pub(super) struct Connection {
    flow: Flow,
    first_seq: FirstSeq,
    flow_id: u64,
    /// The inode of its network namespace.
    netns: u32,
    /// Whether there was a socket, or a request for one, whose end can be seen.
    has_socket: bool,
    /// When its first segment was dropped, and its last one, in nanoseconds since the system started.
    found: u64,
    last: u64,
    /// How many of its segments were dropped.
    segments: u64,
}

impl Connection {
    /// One whose first segment is being dropped.
    pub(super) fn new(flow: Flow, first_seq: FirstSeq, flow_id: u64, receiver: &Receiver) -> Self {
        let now = time::uptime_ns();
        Self {
            flow,
            first_seq,
            flow_id,
            netns: receiver.netns(),
            has_socket: receiver.has_socket(),
            found: now,
            last: now,
            segments: 1,
        }
    }

    fn is(&self, flow: &Flow, first_seq: FirstSeq) -> bool {
        self.first_seq == first_seq && self.flow == *flow
    }

    fn count_segment(&mut self) {
        self.last = time::uptime_ns();
        self.segments = self.segments.saturating_add(1);
    }

    /// Why it has ended, if it has. Process context, or with bottom halves off.
    fn end_reason(&self, now: u64) -> Option<EndReason> {
        if now.saturating_sub(self.found) < MIN_AGE {
            return None;
        }
        if self.is_closed() {
            return Some(EndReason::Closed);
        }
        let is_silent = now.saturating_sub(self.last) >= SILENCE;
        is_silent.then_some(EndReason::Silent)
    }

    /// Whether its socket, or the request for one, is gone, or nobody will read from it.
    fn is_closed(&self) -> bool {
        match self.flow.look_up_socket() {
            SocketLookup::Socket(socket) => {
                let socket = socket.lock();
                let is_other = socket.first_seq() != self.first_seq;
                socket.is_done() || (socket.is_first_seq_exact() && is_other)
            }
            SocketLookup::Request(request) => request.first_seq() != self.first_seq,
            _ => self.has_socket,
        }
    }

    fn ended(&self, reason: EndReason) -> Record {
        let ended = Ended {
            reason,
            duration: self.last.saturating_sub(self.found) / NS_PER_MS,
            segments: self.segments,
        };
        Record {
            time: time::real_ns(),
            flow_id: self.flow_id,
            flow: self.flow,
            netns: self.netns,
            what: What::Ended(ended),
        }
    }
}

impl Blocked {
    /// An empty table, which adds the ends of connections to `queue`. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(queue: Arc<Queue>) -> Result<Self> {
        let slots = || pin_init::init_array_from_fn::<_, SLOTS, Option<Connection>, _>(|_| None);
        let bucket = |_| new_spinlock_bh!(slots(), "http_filter_blocked");
        let buckets = pin_init::pin_init_array_from_fn(bucket);
        Ok(Self(DelayedWork::new(Buckets {
            key: flow_hash::Key::random(),
            buckets: KVBox::pin_init(buckets, GFP_KERNEL)?,
            count: Atomic::new(0),
            queue,
        })?))
    }

    /// Adds a connection, unless it is there; for a packet in a softirq of `cpu`. If there is no room,
    /// the one gives way of which nothing has come for the longest time. Returns the connection's
    /// flow id. Any context that a hook runs in.
    pub(super) fn add(&self, cpu: Option<u32>, connection: Connection) -> u64 {
        let buckets = self.0.task();
        let Some(bucket) = buckets.bucket(&connection.flow) else {
            return connection.flow_id;
        };
        let mut slots = bucket.lock();
        let mut used = slots.iter_mut().flatten();
        let is_same = |used: &&mut Connection| used.is(&connection.flow, connection.first_seq);
        if let Some(known) = used.find(is_same) {
            known.count_segment();
            return known.flow_id;
        }
        let last = |slot: &&mut Option<Connection>| slot.map(|connection| connection.last);
        if let Some(slot) = slots.iter_mut().min_by_key(last) {
            buckets.end(cpu, slot, EndReason::Displaced);
            *slot = Some(connection);
            buckets.count.fetch_add(1, Relaxed);
        }
        // The bucket's lock is held, which the work takes: it can't miss the connection and end.
        self.0.queue(INTERVAL);
        connection.flow_id
    }

    /// Counts a segment that is dropped, if its connection is in the table. Any context that a hook
    /// runs in; costs a load if none is.
    #[inline]
    pub(super) fn count_segment(&self, flow: &Flow, first_seq: FirstSeq) {
        self.0.task().with(flow, first_seq, |_, slot| {
            slot.iter_mut().for_each(Connection::count_segment);
        });
    }

    /// Ends a connection, if it is in the table; for a packet in a softirq of `cpu`. Any context that a
    /// hook runs in.
    pub(super) fn abort(&self, cpu: Option<u32>, flow: &Flow, first_seq: FirstSeq) {
        self.0.task().with(flow, first_seq, |buckets, slot| {
            buckets.end(cpu, slot, EndReason::Aborted);
        });
    }

    /// Ends all connections. Process context; may sleep.
    pub(super) fn disable(&self) {
        self.0.cancel();
        self.0.task().end_each(|_| Some(EndReason::Disabled));
    }
}

impl Buckets {
    fn bucket(&self, flow: &Flow) -> Option<&SpinLockBh<Bucket>> {
        let index = self.key.hash(flow) >> (u64::BITS - BUCKET_BITS);
        self.buckets.get(index as usize)
    }

    /// Calls `change` with a connection's slot, if it is in the table.
    #[inline]
    fn with(
        &self,
        flow: &Flow,
        first_seq: FirstSeq,
        change: impl FnOnce(&Self, &mut Option<Connection>),
    ) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        let Some(bucket) = self.bucket(flow) else {
            return;
        };
        let mut slots = bucket.lock();
        let is_its = |slot: &&mut Option<Connection>| {
            slot.as_ref().is_some_and(|used| used.is(flow, first_seq))
        };
        if let Some(slot) = slots.iter_mut().find(is_its) {
            change(self, slot);
        }
    }

    /// Frees a slot, and adds the end of its connection to the queue.
    fn end(&self, cpu: Option<u32>, slot: &mut Option<Connection>, reason: EndReason) {
        if let Some(connection) = slot.take() {
            self.count.fetch_add(1_u32.wrapping_neg(), Relaxed);
            self.queue.push(cpu, connection.ended(reason));
        }
    }

    /// Ends those connections for which there is a reason. Process context; may sleep.
    fn end_each(&self, reason: impl Fn(&Connection) -> Option<EndReason>) {
        for bucket in self.buckets.iter() {
            for slot in bucket.lock().iter_mut() {
                if let Some(reason) = slot.as_ref().and_then(&reason) {
                    self.end(None, slot, reason);
                }
            }
            // Many may end at once, for which there is no room.
            self.queue.send();
            work::cond_resched();
        }
    }

    /// Frees all slots.
    fn clear(&self) {
        for bucket in self.buckets.iter() {
            for slot in bucket.lock().iter_mut() {
                if slot.take().is_some() {
                    self.count.fetch_add(1_u32.wrapping_neg(), Relaxed);
                }
            }
        }
    }
}

impl Work for Buckets {
    /// Looks at their sockets.
    fn run(&self) -> Option<u32> {
        if Event::has_listeners() {
            let now = time::uptime_ns();
            self.end_each(|connection| connection.end_reason(now));
        } else {
            self.clear();
        }
        (self.count.load(Relaxed) != 0).then_some(INTERVAL)
    }
}
