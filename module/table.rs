// SPDX-License-Identifier: GPL-2.0

//! The table of undecided streams: bounded, allocated beforehand, indexed by a keyed hash.
//!
//! A stream has an entry while its socket may stand within an undecided start, and, briefly, while
//! packets of its start are on their way to TCP. Nothing is kept of it once its socket is past the
//! start: an entry goes with the first packet that finds the socket there, or within [`SWEEP`] and a
//! grace period.
//!
//! An entry that is needed by a socket that has received something goes with it alone, never by a
//! time-out: without it, the rest of its stream would pass unseen. Where there is no room for a
//! newcomer, its segment is refused, and comes again; and the entry of the bucket that was undecided
//! for longest, if for [`PATIENCE`], is set free by ending its connection. So those who open
//! connections slowly can keep others waiting for that long, but no longer, and not choose whom: the
//! hash is keyed.

use crate::{
    counters::Counter,
    kernel_ext::{
        lock::{new_spinlock_bh, SpinLockBh, SpinLockBhBackend},
        rcu::Moment,
        siphash,
        socket::{Flow, Receiver, Socket},
        time,
        work::{DelayedWork, Work},
    },
    undecided::{Passage, Undecided},
};
use classifier::{Classifier, LIMIT};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::{Full, Relaxed},
            Atomic,
        },
        lock::Guard,
    },
};

/// Entries in a bucket: as many as fit, with its lock, into a kilobyte.
const WAYS: usize = 7;

/// Buckets that are allocated together, as whole pages.
const CHUNK: usize = 32;

/// Milliseconds between two rounds that look for sockets that have ended.
const SWEEP: u32 = 1000;

/// Seconds for which an undecided connection is not ended to make room for others: more than a
/// client with bytes to send needs to bring them, lost segments and all.
const PATIENCE: u32 = 5;

/// Undecided streams.
pub(crate) struct Table(DelayedWork<Buckets>);

struct Buckets {
    key: siphash::Key,
    chunks: KVVec<Pin<KVBox<[SpinLockBh<Bucket>; CHUNK]>>>,
    /// How many buckets of the chunks are in use.
    count: usize,
    /// How many entries are needed.
    needed: Atomic<u32>,
}

struct Bucket {
    entries: [Undecided; WAYS],
    /// The segments of decided streams that passed without an entry, since there was no room.
    unmarked: Option<Passage>,
    /// How many of the entries are needed.
    needed: u32,
}

impl Table {
    /// An empty table for at least `entries` streams. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(entries: usize) -> Result<Self> {
        let count = entries.div_ceil(WAYS);
        let len = count.div_ceil(CHUNK);
        let mut chunks = KVVec::with_capacity(len, GFP_KERNEL)?;
        let bucket = |_| new_spinlock_bh!(Bucket::new(), "http_filter_undecided");
        for _ in 0..len {
            let chunk = pin_init::pin_init_array_from_fn(bucket);
            chunks
                .push_within_capacity(KVBox::pin_init(chunk, GFP_KERNEL)?)
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self(DelayedWork::new(Buckets {
            key: siphash::Key::random(),
            chunks,
            count,
            needed: Atomic::new(0),
        })?))
    }

    /// How many streams it holds at most.
    pub(crate) fn capacity(&self) -> usize {
        self.0.task().count.saturating_mul(WAYS)
    }

    /// How many streams are undecided. Any context.
    #[inline]
    pub(crate) fn undecided(&self) -> u32 {
        self.0.task().needed.load(Relaxed)
    }

    /// The place of a flow, locked. Any context that a hook runs in; a socket may be locked while it
    /// is held, but not the other way round.
    pub(crate) fn place(&self, flow: &Flow) -> Option<Place<'_>> {
        let bucket = self.0.task().bucket(flow)?.lock();
        let index = bucket.index_of(flow);
        Some(Place {
            table: self,
            bucket,
            flow: *flow,
            index,
        })
    }

    /// Forgets all. Nobody may use it meanwhile. Process context.
    pub(crate) fn clear(&self) {
        self.0.call_off();
        for bucket in self.0.task().all() {
            let mut bucket = bucket.lock();
            bucket.entries = [Undecided::FREE; WAYS];
            bucket.recount(&self.0.task().needed);
        }
    }
}

impl Buckets {
    fn all(&self) -> impl Iterator<Item = &SpinLockBh<Bucket>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    fn bucket(&self, flow: &Flow) -> Option<&SpinLockBh<Bucket>> {
        // The high half of a product scales the hash to the number of buckets without a division.
        let hash = self.key.hash(&flow.identity()) as u32;
        let index = (u64::from(hash).wrapping_mul(self.count as u64) >> 32) as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
}

impl Bucket {
    fn new() -> Self {
        Self {
            entries: [Undecided::FREE; WAYS],
            unmarked: None,
            needed: 0,
        }
    }

    fn index_of(&self, flow: &Flow) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| !entry.is_free() && entry.flow() == flow)
    }

    /// The index of a place that is free, or held by what is only under way and may be forgotten.
    fn room(&self, cpu: Option<u32>) -> Option<usize> {
        let by = |is_room: fn(&Undecided, Option<u32>) -> bool| {
            self.entries.iter().position(|entry| is_room(entry, cpu))
        };
        by(|entry, _| entry.is_free())
            .or_else(|| by(|entry, cpu| !entry.is_needed() && entry.passage().is_over(cpu)))
    }

    /// The entry that has been undecided for longest, if for longer than [`PATIENCE`].
    fn most_patient(&mut self, now: u32) -> Option<&mut Undecided> {
        let age = |entry: &Undecided| now.wrapping_sub(entry.since());
        self.entries
            .iter_mut()
            .filter(|entry| entry.is_needed() && age(entry) >= PATIENCE)
            .max_by_key(|entry| age(entry))
    }

    /// Adds the change in how many of its entries are needed to `total`.
    fn recount(&mut self, total: &Atomic<u32>) {
        let is_needed = |entry: &&Undecided| !entry.is_free() && entry.is_needed();
        let entries = self.entries.iter().filter(is_needed);
        let needed = entries.fold(0, |count: u32, _| count.saturating_add(1));
        if needed != self.needed {
            // Whoever sees that the stream has moved on must see this: TCP moves it later.
            let _ = total.fetch_add(needed.wrapping_sub(self.needed), Full);
            self.needed = needed;
        }
    }
}

/// Where a flow has its entry, or may have one.
pub(crate) struct Place<'a> {
    table: &'a Table,
    bucket: Guard<'a, Bucket, SpinLockBhBackend>,
    flow: Flow,
    index: Option<usize>,
}

impl Place<'_> {
    /// The flow's entry.
    pub(crate) fn entry(&mut self) -> Option<&mut Undecided> {
        self.bucket.entries.get_mut(self.index?)
    }

    /// Forgets the flow.
    pub(crate) fn remove(&mut self) {
        if let Some(entry) = self.entry() {
            *entry = Undecided::FREE;
        }
        self.index = None;
    }

    /// Makes an entry for a stream that stands at `here`, `passage` being what is under way; for a
    /// packet on `cpu`. `None` if there is no room: then some is made for the next, if `enforce`
    /// allows to end connections, or else by losing sight of one.
    pub(crate) fn insert(
        &mut self,
        start: u32,
        here: Classifier,
        cpu: Option<u32>,
        passage: Passage,
        enforce: bool,
    ) -> Option<&mut Undecided> {
        let now = time::uptime_seconds();
        let Some(index) = self.bucket.room(cpu) else {
            if let Some(entry) = self.bucket.most_patient(now) {
                if enforce {
                    entry.set_ending();
                    self.table.0.ask_sooner(0);
                } else {
                    *entry = Undecided::FREE;
                    Counter::Uninspectable.count();
                }
            }
            return None;
        };
        let new = Undecided::new(self.flow, start, here, now, passage);
        let entry = self.bucket.entries.get_mut(index)?;
        *entry = new;
        self.index = Some(index);
        // Under the lock that the sweep takes: it can't miss the entry and end.
        self.table.0.ask(SWEEP);
        Some(entry)
    }

    /// Whether a segment that passed without an entry may be on its way.
    pub(crate) fn is_unmarked_under_way(&self, cpu: Option<u32>) -> bool {
        self.bucket
            .unmarked
            .is_some_and(|passage| !passage.is_over(cpu))
    }

    /// Takes note that a segment passes without an entry.
    pub(crate) fn pass_unmarked(&mut self, cpu: Option<u32>) {
        self.bucket.unmarked = Some(match self.bucket.unmarked {
            Some(passage) if !passage.is_over(cpu) => passage.and_now(cpu),
            _ => Passage::now(cpu),
        });
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.bucket.recount(&self.table.0.task().needed);
    }
}

/// What becomes of an entry in the sweep.
enum Fate {
    Stays,
    Goes,
    /// It goes once this connection was ended.
    Ends(Socket<'static>),
}

impl Work for Buckets {
    /// The sweep.
    fn run(&self) -> Option<u32> {
        let mut is_empty = true;
        for bucket in self.all() {
            while let Some((flow, start, socket)) = self.sweep(bucket, &mut is_empty) {
                if socket.end() {
                    Counter::Evicted.count();
                }
                drop(socket);
                let mut bucket = bucket.lock();
                let ended = |entry: &&mut Undecided| {
                    !entry.is_free() && *entry.flow() == flow && entry.start() == start
                };
                if let Some(entry) = bucket.entries.iter_mut().find(ended) {
                    *entry = Undecided::FREE;
                }
                bucket.recount(&self.needed);
            }
        }
        if is_empty {
            return None;
        }
        Moment::hurry();
        Some(SWEEP)
    }
}

impl Buckets {
    /// Frees what need not be kept in a bucket, up to the first entry whose connection is to be
    /// ended, which it returns.
    fn sweep(
        &self,
        bucket: &SpinLockBh<Bucket>,
        is_empty: &mut bool,
    ) -> Option<(Flow, u32, Socket<'static>)> {
        let mut bucket = bucket.lock();
        let mut ending = None;
        for entry in bucket.entries.iter_mut().filter(|entry| !entry.is_free()) {
            entry.set_walked(entry.walked().saturating_sub(crate::judge::WALK_REFILL));
            match fate(entry) {
                Fate::Stays => *is_empty = false,
                Fate::Goes => *entry = Undecided::FREE,
                Fate::Ends(socket) => {
                    *is_empty = false;
                    ending = Some((*entry.flow(), entry.start(), socket));
                    break;
                }
            }
        }
        bucket.recount(&self.needed);
        ending
    }
}

/// What becomes of an entry; its bucket is locked.
fn fate(entry: &Undecided) -> Fate {
    // Else what is under way may be about to make the socket, or to move it.
    let has_arrived = entry.passage().is_over(None);
    if !has_arrived && !entry.is_ending() {
        return Fate::Stays;
    }
    if has_arrived && !entry.is_needed() {
        return Fate::Goes;
    }
    match entry.flow().receiver() {
        Receiver::Socket(socket) if is_undecided(&socket, entry) => match entry.is_ending() {
            true => Fate::Ends(socket),
            false => Fate::Stays,
        },
        // There is none, or it has received nothing, and the state at the beginning is known.
        _ if has_arrived => Fate::Goes,
        _ => Fate::Stays,
    }
}

/// Whether a socket may still stand within the start that an entry is about, and behind its beginning.
fn is_undecided(socket: &Socket<'_>, entry: &Undecided) -> bool {
    let socket = socket.lock();
    // Its owner may be moving it; next time, then.
    if socket.is_owned() {
        return true;
    }
    let received = u32::try_from(socket.received()).unwrap_or(LIMIT);
    let is_decided = |here: Classifier| here.verdict().is_some();
    socket.start() == entry.start()
        && (1..LIMIT).contains(&received)
        && !entry.at(received).is_some_and(is_decided)
}
