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
//! newcomer, its segment is refused, and comes again; and room is made by ending the connection of
//! another entry of the bucket. Of those that have been undecided for [`PATIENCE`] it is the one that
//! came last: who fills the table by opening connections slowly has come later than a session that
//! is [silent for its own reasons](SILENT). So they can keep others waiting for that long, but no longer,
//! and not choose whom: the hash is keyed.

use crate::{
    counters::Counter,
    kernel_ext::{
        lock::{new_spinlock_bh, SpinLockBh, SpinLockBhBackend},
        socket::{self, Flow, Receiver, Socket, Start},
        time,
        work::{self, DelayedWork, Work},
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

/// Entries in a bucket: as many as fit, with their tags and its lock, into two pages.
const WAYS: usize = 62;

/// How many streams a bucket is meant for. With 4,096 of them undecided, one table in some ten thousand
/// has a bucket that is full (the tail of Poisson's distribution); with a million, one in some hundred.
const LOAD: usize = 30;

/// Buckets that are allocated together.
const CHUNK: usize = 4;

/// Milliseconds between two rounds that look for sockets that have ended.
const SWEEP: u32 = 1000;

/// Milliseconds until a connection is ended that is to be: a round goes through the whole table.
const EXPEDITED: u32 = 100;

/// Seconds for which an undecided connection is not ended to make room for others: more than a
/// client with bytes to send needs to bring them, lost segments and all.
const PATIENCE: u16 = 5;

/// Seconds after which one is taken for a session that is silent for its own reasons.
const SILENT: u16 = 30;

/// Undecided streams.
pub(crate) struct Table(DelayedWork<Buckets>);

struct Buckets {
    chunks: KVVec<Pin<KVBox<[SpinLockBh<Bucket>; CHUNK]>>>,
    /// How many buckets of the chunks are in use.
    count: usize,
    /// How many streams they are meant for.
    capacity: usize,
    /// How many entries are needed.
    needed: Atomic<u32>,
}

struct Bucket {
    /// Part of the hash of each entry's flow, never 0; 0 where none is.
    tags: [u16; WAYS],
    /// The segments of decided streams that passed without an entry, since there was no room.
    unmarked: Option<Passage>,
    /// Which of the entries are counted as needed, a bit each.
    needed: u64,
    entries: [Undecided; WAYS],
}

static_assert!(WAYS <= u64::BITS as usize);

impl Table {
    /// An empty table for at least `entries` streams. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(entries: usize) -> Result<Self> {
        let count = entries.div_ceil(LOAD);
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
            chunks,
            count,
            capacity: entries,
            needed: Atomic::new(0),
        })?))
    }

    /// How many streams it has room for in any case.
    pub(crate) fn capacity(&self) -> usize {
        self.0.task().capacity
    }

    /// How many streams are undecided. Any context.
    #[inline]
    pub(crate) fn undecided(&self) -> u32 {
        self.0.task().needed.load(Relaxed)
    }

    /// The place of a flow, whose identity has this `hash`, locked. Any context that a hook runs in; a
    /// socket may be locked while it is held, but not the other way round.
    pub(crate) fn place(&self, flow: &Flow, hash: u64) -> Option<Place<'_>> {
        let bucket = self.0.task().bucket(hash)?.lock();
        Some(Place {
            table: self,
            bucket,
            flow: *flow,
            tag: tag(hash),
            index: None,
        })
    }

    /// Forgets all. Nobody may use it meanwhile. Process context.
    pub(crate) fn clear(&self) {
        self.0.call_off();
        let buckets = self.0.task();
        for bucket in buckets.all() {
            let mut bucket = bucket.lock();
            for index in 0..WAYS {
                bucket.free(index, &buckets.needed);
            }
        }
    }
}

/// What of a flow's hash tells its entry from most others in a bucket.
fn tag(hash: u64) -> u16 {
    // The bucket is chosen by the low half.
    (hash >> 48) as u16 | 1
}

impl Buckets {
    fn all(&self) -> impl Iterator<Item = &SpinLockBh<Bucket>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    fn bucket(&self, hash: u64) -> Option<&SpinLockBh<Bucket>> {
        // The high half of a product scales the hash to the number of buckets without a division.
        let index = (u64::from(hash as u32).wrapping_mul(self.count as u64) >> 32) as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
}

impl Bucket {
    /// An empty one, made in place: it is larger than what may lie on the stack.
    fn new() -> impl Init<Self> {
        init!(Self {
            tags: [0; WAYS],
            unmarked: None,
            needed: 0,
            entries <- pin_init::init_array_from_fn(|_| Undecided::FREE),
        })
    }

    /// The entries of a flow. There are several while sockets that are bound to different devices (VRF)
    /// have one name, or where one has ended a moment ago.
    fn indices<'a>(&'a self, flow: &'a Flow, tag: u16) -> impl Iterator<Item = usize> + 'a {
        (0..WAYS).filter(move |&index| {
            self.tags.get(index) == Some(&tag)
                && self
                    .entries
                    .get(index)
                    .is_some_and(|entry| entry.flow() == flow)
        })
    }

    /// The index of a place that is free, or held by what is only under way and may be forgotten.
    fn room(&self, cpu: Option<u32>) -> Option<usize> {
        let is_over = |entry: &Undecided| !entry.is_needed() && entry.passage().is_over(cpu);
        self.tags
            .iter()
            .position(|&tag| tag == 0)
            .or_else(|| self.entries.iter().position(is_over))
    }

    /// The index of the entry that was made last among those that have been undecided for [`PATIENCE`].
    /// `None` if that one is [`SILENT`], while others will be of age soon.
    fn least_patient(&self, now: u32) -> Option<usize> {
        let age = |index: usize| {
            let entry = self.entries.get(index)?;
            entry.is_needed().then(|| entry.age(now))
        };
        let is_of_age = |&index: &usize| age(index).is_some_and(|age| age >= PATIENCE);
        let last = (0..WAYS)
            .filter(is_of_age)
            .min_by_key(|&index| age(index))?;
        let is_young = |index: usize| age(index).is_some_and(|age| age < PATIENCE);
        let is_spared = age(last) >= Some(SILENT) && (0..WAYS).any(is_young);
        (!is_spared).then_some(last)
    }

    /// Frees a place.
    fn free(&mut self, index: usize, total: &Atomic<u32>) {
        if let (Some(tag), Some(entry)) = (self.tags.get_mut(index), self.entries.get_mut(index)) {
            *tag = 0;
            *entry = Undecided::FREE;
        }
        self.recount(index, total);
    }

    /// Adds to `total` whether an entry has come to be needed, or is no longer.
    fn recount(&mut self, index: usize, total: &Atomic<u32>) {
        let is_needed = self.entries.get(index).is_some_and(Undecided::is_needed);
        if is_needed != (self.needed & bit(index) != 0) {
            self.needed ^= bit(index);
            let change = if is_needed { 1 } else { 1_u32.wrapping_neg() };
            // Whoever sees that the stream has moved on must see this: TCP moves it later.
            let _ = total.fetch_add(change, Full);
        }
    }
}

/// What was on its way to TCP before a socket was looked at: what was not has arrived there, and the
/// socket shows it.
#[derive(Clone, Copy)]
pub(crate) struct UnderWay {
    /// Of which entries of the flow, a bit each.
    marked: u64,
    /// What passed without an entry, of any flow in the bucket.
    unmarked: bool,
}

impl UnderWay {
    /// Whether an entry of the flow tells of something.
    pub(crate) fn is_marked(self) -> bool {
        self.marked != 0
    }

    /// Whether something passed without an entry.
    pub(crate) fn is_unmarked(self) -> bool {
        self.unmarked
    }
}

/// A flow has several entries.
pub(crate) struct Several;

/// The bit that stands for an entry of a bucket.
fn bit(index: usize) -> u64 {
    1_u64.wrapping_shl(index as u32)
}

/// Where a flow has its entries, or may have some. One of them is looked at, at a time.
pub(crate) struct Place<'a> {
    table: &'a Table,
    bucket: Guard<'a, Bucket, SpinLockBhBackend>,
    flow: Flow,
    tag: u16,
    /// That of the entry that is looked at.
    index: Option<usize>,
}

impl Place<'_> {
    /// The entry that is looked at.
    pub(crate) fn entry(&mut self) -> Option<&mut Undecided> {
        self.bucket.entries.get_mut(self.index?)
    }

    /// The only entry of the flow, which is looked at from now on. `None` if there is none.
    ///
    /// # Errors
    ///
    /// There are several.
    pub(crate) fn look_at_only(&mut self) -> Result<Option<&mut Undecided>, Several> {
        self.look_for(|_| true);
        if self.bucket.indices(&self.flow, self.tag).nth(1).is_some() {
            return Err(Several);
        }
        Ok(self.entry())
    }

    /// Looks at the first entry of the flow that `is`, from now on; whether there is one.
    pub(crate) fn look_for(&mut self, mut is: impl FnMut(&Undecided) -> bool) -> bool {
        self.recount();
        let bucket = &*self.bucket;
        let index = bucket
            .indices(&self.flow, self.tag)
            .find(|&index| bucket.entries.get(index).is_some_and(&mut is));
        self.index = index;
        self.index.is_some()
    }

    /// Forgets the entry that is looked at.
    pub(crate) fn remove(&mut self) {
        if let Some(index) = self.index.take() {
            let total = &self.table.0.task().needed;
            self.bucket.free(index, total);
        }
    }

    fn recount(&mut self) {
        if let Some(index) = self.index {
            let total = &self.table.0.task().needed;
            self.bucket.recount(index, total);
        }
    }

    /// Makes an entry for a stream that stands at `here`, `passage` being what is under way; for a
    /// packet on `cpu`. `None` if there is no room.
    pub(crate) fn insert(
        &mut self,
        start: Start,
        here: Classifier,
        cpu: Option<u32>,
        passage: Passage,
    ) -> Option<&mut Undecided> {
        let index = self.bucket.room(cpu)?;
        let now = time::uptime_seconds();
        // What was there was not needed.
        *self.bucket.tags.get_mut(index)? = self.tag;
        let entry = self.bucket.entries.get_mut(index)?;
        *entry = Undecided::new(self.flow, start, here, now, passage);
        self.index = Some(index);
        // Under the lock that the sweep takes: it can't miss the entry and end.
        self.table.0.ask(SWEEP);
        Some(entry)
    }

    /// Makes room for the next that is as this one, which has found none: by ending a connection, one at
    /// a time, if `enforce` allows that, or else by losing sight of one.
    pub(crate) fn make_room(&mut self, enforce: bool) {
        if self.bucket.entries.iter().any(Undecided::is_ending) {
            return;
        }
        let Some(index) = self.bucket.least_patient(time::uptime_seconds()) else {
            return;
        };
        if enforce {
            if let Some(entry) = self.bucket.entries.get_mut(index) {
                entry.set_ending();
            }
            self.table.0.expedite(EXPEDITED);
        } else {
            let total = &self.table.0.task().needed;
            self.bucket.free(index, total);
            Counter::Uninspectable.count();
        }
    }

    /// Sees to it that the connection is ended whose entry is looked at.
    pub(crate) fn end(&mut self) {
        if let Some(entry) = self.entry() {
            entry.set_ending();
            self.table.0.expedite(EXPEDITED);
        }
    }

    /// What of the flow is under way, as seen by a packet on `cpu`.
    pub(crate) fn under_way(&self, cpu: Option<u32>) -> UnderWay {
        let is_marked = |index: usize| {
            let entry = self.bucket.entries.get(index);
            entry.is_some_and(|entry| !entry.passage().is_over(cpu))
        };
        UnderWay {
            marked: self
                .bucket
                .indices(&self.flow, self.tag)
                .filter(|&index| is_marked(index))
                .fold(0, |marked, index| marked | bit(index)),
            unmarked: self
                .bucket
                .unmarked
                .is_some_and(|passage| !passage.is_over(cpu)),
        }
    }

    /// Whether what the entry tells of that is looked at was under way.
    pub(crate) fn was_under_way(&self, under_way: UnderWay) -> bool {
        self.index
            .is_some_and(|index| under_way.marked & bit(index) != 0)
    }

    /// Sees to it that what is under way has arrived when a segment comes again.
    pub(crate) fn hurry(&self) {
        self.bucket
            .indices(&self.flow, self.tag)
            .filter_map(|index| self.bucket.entries.get(index))
            .for_each(|entry| entry.passage().hurry());
        if let Some(passage) = self.bucket.unmarked {
            passage.hurry();
        }
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
        self.recount();
    }
}

/// A connection that is to be ended, and its entry's flow and start.
struct Ending {
    flow: Flow,
    start: Start,
    socket: Socket<'static>,
}

impl Work for Buckets {
    /// The sweep.
    fn run(&self) -> Option<u32> {
        let mut is_empty = true;
        for bucket in self.all() {
            let mut next = 0;
            while let Some(ending) = self.sweep(bucket, &mut next, &mut is_empty) {
                let how = ending.socket.end(ending.start);
                if how == socket::Ending::Ended {
                    Counter::Evicted.count();
                }
                let mut bucket = bucket.lock();
                let is_its = |entry: &Undecided| {
                    !entry.is_free()
                        && *entry.flow() == ending.flow
                        && entry.start() == ending.start
                };
                let Some(index) = bucket.entries.iter().position(is_its) else {
                    continue;
                };
                match (how, bucket.entries.get_mut(index)) {
                    (socket::Ending::Busy, Some(entry)) => {
                        entry.postpone_ending(time::uptime_seconds());
                        is_empty = false;
                    }
                    _ => bucket.free(index, &self.needed),
                }
            }
            work::pause();
        }
        (!is_empty).then_some(SWEEP)
    }
}

impl Buckets {
    /// Frees what need not be kept in a bucket, from the place `next` up to the first entry whose
    /// connection is to be ended, which it returns.
    fn sweep(
        &self,
        bucket: &SpinLockBh<Bucket>,
        next: &mut usize,
        is_empty: &mut bool,
    ) -> Option<Ending> {
        let mut bucket = bucket.lock();
        while let Some(entry) = bucket.entries.get_mut(*next) {
            let index = *next;
            *next = index.saturating_add(1);
            if entry.is_free() {
                continue;
            }
            let now = time::uptime_seconds();
            entry.keep_age(now);
            let fate = fate(entry, now);
            if matches!(fate, Fate::Stays | Fate::Rests) {
                *is_empty = false;
                // It has received nothing yet: another one's end makes room sooner.
                if entry.is_ending() {
                    entry.postpone_ending(now);
                }
            }
            match fate {
                Fate::Stays => {}
                Fate::Rests => {
                    entry.rest();
                    bucket.recount(index, &self.needed);
                }
                Fate::Goes => bucket.free(index, &self.needed),
                Fate::Ends(socket) => {
                    return Some(Ending {
                        flow: *entry.flow(),
                        start: entry.start(),
                        socket,
                    })
                }
            }
        }
        None
    }
}

/// What becomes of an entry in the sweep.
enum Fate {
    Stays,
    /// All that is kept of it is what its socket has made the module read.
    Rests,
    Goes,
    /// It goes once this connection was ended.
    Ends(Socket<'static>),
}

/// What becomes of an entry; its bucket is locked.
fn fate(entry: &Undecided, now: u32) -> Fate {
    // Else what is under way may be about to make the socket, or to move it.
    let has_arrived = entry.passage().is_over(None);
    if !has_arrived {
        entry.passage().hurry();
        if !entry.is_ending() {
            return Fate::Stays;
        }
    }
    let is_spent = entry.is_spent(now);
    if has_arrived && !entry.is_needed() && !is_spent {
        return Fate::Goes;
    }
    let (socket, need) = match entry.flow().receiver() {
        Receiver::Socket(socket) => {
            let need = need(&socket, entry);
            (Some(socket), need)
        }
        _ => (None, Need::Nothing),
    };
    match (need, socket) {
        (Need::Entry, Some(socket)) if entry.is_ending() => Fate::Ends(socket),
        (Need::Entry, _) => Fate::Stays,
        _ if !has_arrived => Fate::Stays,
        (Need::Budget, _) if is_spent => Fate::Rests,
        _ => Fate::Goes,
    }
}

/// What of its entry a socket needs.
enum Need {
    /// All: it may stand within the start that the entry is about.
    Entry,
    /// What it has made the module read: it stands at the beginning, where the state is known.
    Budget,
    /// Nothing: it is past the start, or another connection's.
    Nothing,
}

/// What of an entry a socket needs.
fn need(socket: &Socket<'_>, entry: &Undecided) -> Need {
    let socket = socket.lock();
    if socket.is_finished() {
        return Need::Nothing;
    }
    // Its owner may be moving it; next time, then.
    if socket.is_owned() {
        return Need::Entry;
    }
    let received = u32::try_from(socket.received()).unwrap_or(LIMIT);
    let is_decided = |here: Classifier| here.verdict().is_some();
    if socket.start() != entry.start() || received >= LIMIT {
        return Need::Nothing;
    }
    match received {
        0 => Need::Budget,
        _ if !entry.is_needed() => Need::Nothing,
        _ if entry.trajectory().at(received).is_some_and(is_decided) => Need::Nothing,
        _ => Need::Entry,
    }
}
