// SPDX-License-Identifier: GPL-2.0

//! The table of streams whose start is undecided: of fixed size, allocated beforehand, indexed by a
//! keyed hash.
//!
//! A stream has an entry while its socket may stand within an undecided start, and also, for a
//! short time, while packets of its start are in flight. The entry is freed by the first packet
//! that finds the socket past the start, or by the sweep: after two [intervals](SWEEP_INTERVAL), if a
//! grace period is shorter than one.
//!
//! An undecided entry whose socket has received something never times out, because the rest of the
//! stream would pass uninspected without it. But if all segments of its flow pass anyway, it gives way to any
//! other; the one that is oldest first. If a bucket has no free slot for a new stream, its
//! segment is refused, to be retransmitted, and another connection of the bucket is aborted to make
//! room. Of the connections that have been undecided for [`MIN_AGE`], this is the one that came
//! last: whoever fills the table by opening connections slowly came later than a session that has
//! been [undecided for long](SPARED_AGE) for its own reasons. So an attacker can delay new streams for that long,
//! but not longer, and does not know which ones, since the hash is keyed.

#![forbid(unsafe_code)]

use crate::{
    counters::Counter,
    entry::{Entry, InFlight},
    events::Events,
    kernel_ext::{
        flow_set::FlowSet,
        lock::{new_spinlock_bh, SpinLockBh, SpinLockBhBackend},
        packet::Segment,
        socket::{Abort, FirstSeq, Flow, Socket, SocketLookup},
        time,
        work::{self, DelayedWork, Work},
    },
};
use classifier::{Classifier, LIMIT};
use kernel::{
    prelude::*,
    sync::{lock::Guard, Arc},
};

/// Slots in a bucket: as many as fit, with what else it holds, into two pages.
const SLOTS: usize = 54;

/// How many records a bucket has of packets that passed without an entry.
const UNTRACKED: usize = 32;

/// Streams that a bucket is meant for. With 4,096 streams, one table in some ten thousand has a
/// full bucket (the tail of Poisson's distribution); with a million, one in some hundred.
const LOAD: usize = 26;

/// Buckets that are allocated together.
const CHUNK: usize = 4;

/// Milliseconds between two runs of the sweep.
const SWEEP_INTERVAL: u32 = 1000;

/// Milliseconds until the sweep runs if a connection is to be aborted. A run visits the whole
/// table.
const EVICTION_DELAY: u32 = 100;

/// Seconds for which an undecided connection is not aborted to make room for others: longer than a
/// client with bytes to send needs to send them, lost segments included.
const MIN_AGE: u16 = 5;

/// Seconds after which an undecided connection is not aborted while others are younger than
/// [`MIN_AGE`].
const SPARED_AGE: u16 = 30;

/// The table.
pub(crate) struct Table(DelayedWork<Buckets>);

struct Buckets {
    chunks: KVVec<Pin<KVBox<[SpinLockBh<Bucket>; CHUNK]>>>,
    /// How many buckets of the chunks are in use.
    count: usize,
    /// How many streams they are meant for.
    capacity: usize,
    /// The flows of undecided entries. What the hook that let a byte pass has added is seen by whoever
    /// sees that byte received.
    undecided: FlowSet,
    events: Arc<Events>,
}

struct Bucket {
    /// A part of the hash of each entry's flow, never 0; 0 for a free slot.
    tags: [u16; SLOTS],
    /// Which slots are in use, a bit for each.
    used: u64,
    /// A bit for each tag that a slot has, by [`Tag::bit`]; other tags share it.
    tag_bits: u64,
    /// Packets in flight that passed without an entry, by [`Tag::record`]. Each of them makes its
    /// stream something other than HTTP.
    untracked: [InFlight; UNTRACKED],
    /// Whose packets these are: a tag, 0 if they are of several flows.
    untracked_tags: [u16; UNTRACKED],
    /// Which of these records are in use, a bit for each.
    untracked_bits: u32,
    /// Which entries are counted as undecided, a bit for each slot.
    undecided: u64,
    entries: [Entry; SLOTS],
}

static_assert!(SLOTS <= u64::BITS as usize);
static_assert!(UNTRACKED <= u32::BITS as usize);

/// The part of a flow's hash that tells its entry from most others in the bucket; never 0.
#[derive(Clone, Copy)]
struct Tag(u16);

impl Tag {
    /// The tag of flows with this hash, whose upper bits select the bucket.
    fn new(hash: u64) -> Self {
        Self(hash as u16 | 1)
    }

    /// Its bit in [`Bucket::tag_bits`].
    fn bit(self) -> u64 {
        bit(usize::from(self.0 >> 1) % u64::BITS as usize)
    }

    /// The number of its record in [`Bucket::untracked`].
    fn record(self) -> usize {
        usize::from(self.0 >> 1) % UNTRACKED
    }
}

impl Table {
    /// An empty table made for `entries` streams; `events` are told of connections that it ends.
    /// Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(entries: usize, events: Arc<Events>) -> Result<Self> {
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
            undecided: FlowSet::new(entries)?,
            events,
        })?))
    }

    /// How many streams it was made for.
    pub(crate) fn capacity(&self) -> usize {
        self.0.task().capacity
    }

    /// How many streams are undecided. Visits the whole table. Process context.
    pub(crate) fn undecided(&self) -> u32 {
        let of_bucket = |bucket: &SpinLockBh<Bucket>| bucket.lock().undecided.count_ones();
        let counts = self.0.task().all().map(of_bucket);
        counts.fold(0, u32::wrapping_add)
    }

    /// The flows that have an undecided entry.
    pub(crate) fn undecided_flows(&self) -> &FlowSet {
        &self.0.task().undecided
    }

    /// Locks the bucket of a flow with this `hash`. Any context that a hook runs in.
    /// A socket may be locked while the bucket is, but not the other way round.
    #[inline]
    pub(crate) fn lock<'a>(&'a self, flow: &'a Flow, hash: u64) -> Option<LockedFlow<'a>> {
        let bucket = self.0.task().bucket(hash)?.lock();
        let tag = Tag::new(hash);
        Some(LockedFlow {
            table: self,
            slots: bucket.slots_of(flow, tag),
            bucket,
            flow,
            tag,
            selected: None,
        })
    }

    /// Records that a packet passes without an entry, unless its flow, which has this `hash`, has
    /// entries: then it returns false. Any context that a hook runs in.
    #[inline]
    pub(crate) fn pass_untracked(&self, segment: &Segment<'_>, hash: u64) -> bool {
        let Some(bucket) = self.0.task().bucket(hash) else {
            return false;
        };
        let (mut bucket, tag) = (bucket.lock(), Tag::new(hash));
        let has_entries = bucket.slots_of(segment.flow(), tag) != 0;
        if !has_entries {
            bucket.pass_untracked(tag, segment.cpu());
        }
        !has_entries
    }

    /// Forgets the rules that were looked up for flows, and which connections were to be aborted; `is_exempt`
    /// tells of a flow whether all of its segments pass now. Visits the whole table. Process context; may
    /// sleep.
    pub(crate) fn forget_rules(&self, is_exempt: impl Fn(&Flow) -> bool) {
        for bucket in self.0.task().all() {
            let used = bucket.lock().used;
            // To look up rules takes long enough for others to wait.
            for index in indices(used) {
                if let Some(entry) = bucket.lock().entries.get_mut(index) {
                    let is_exempt = is_exempt(entry.flow());
                    entry.forget_rules(is_exempt);
                }
            }
            work::cond_resched();
        }
    }

    /// Frees all entries. Nobody may use the table meanwhile. Process context.
    pub(crate) fn clear(&self) {
        self.0.cancel();
        let buckets = self.0.task();
        for bucket in buckets.all() {
            let mut bucket = bucket.lock();
            for index in 0..SLOTS {
                bucket.free(index, &buckets.undecided);
            }
        }
    }
}

impl Buckets {
    fn all(&self) -> impl Iterator<Item = &SpinLockBh<Bucket>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    fn bucket(&self, hash: u64) -> Option<&SpinLockBh<Bucket>> {
        // The high half of a product scales the hash to the number of buckets without a division.
        let index = (u128::from(hash).wrapping_mul(self.count as u128) >> 64) as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
}

impl Bucket {
    /// An empty bucket, initialised in place: it is too large for the stack.
    fn new() -> impl Init<Self> {
        init!(Self {
            tags: [0; SLOTS],
            used: 0,
            tag_bits: 0,
            untracked: [InFlight::NONE; UNTRACKED],
            untracked_tags: [0; UNTRACKED],
            untracked_bits: 0,
            undecided: 0,
            entries <- pin_init::init_array_from_fn(|_| Entry::FREE),
        })
    }

    /// The slots of a flow's entries, a bit for each. There are several if sockets that are bound to
    /// different devices (VRF) have the same addresses and ports, or if another connection had them
    /// a moment ago.
    #[inline]
    fn slots_of(&self, flow: &Flow, tag: Tag) -> u64 {
        match self.tag_bits & tag.bit() {
            0 => 0,
            _ => self.scan(flow, tag),
        }
    }

    #[inline(never)]
    fn scan(&self, flow: &Flow, tag: Tag) -> u64 {
        self.used()
            .filter(|&(index, entry)| self.tags.get(index) == Some(&tag.0) && entry.flow() == flow)
            .fold(0, |slots, (index, _)| slots | bit(index))
    }

    /// The entries, and their slots.
    fn used(&self) -> impl Iterator<Item = (usize, &Entry)> {
        indices(self.used).filter_map(|index| Some((index, self.entries.get(index)?)))
    }

    /// A slot that is free, or whose entry only records packets in flight that have arrived.
    fn free_slot(&self, cpu: Option<u32>) -> Option<usize> {
        let free = (!self.used).trailing_zeros() as usize;
        if free < SLOTS {
            return Some(free);
        }
        let is_replaceable =
            |entry: &Entry| !entry.is_undecided() && entry.in_flight().have_arrived(cpu);
        self.entries.iter().position(is_replaceable)
    }

    /// The slot of the oldest entry whose flow is exempt.
    fn exempt_slot(&self, now: u32) -> Option<usize> {
        let exempt = self.used().filter(|(_, entry)| entry.is_exempt());
        let (index, _) = exempt.max_by_key(|(_, entry)| entry.age(now))?;
        Some(index)
    }

    /// The slot whose connection is to be aborted: the one made last of those that have reached
    /// [`MIN_AGE`]. `None` if this one has reached [`SPARED_AGE`], while others will soon reach
    /// [`MIN_AGE`].
    fn eviction_candidate(&self, now: u32) -> Option<usize> {
        let age = |index: usize| {
            let entry = self.entries.get(index)?;
            entry.is_undecided().then(|| entry.age(now))
        };
        let is_old_enough = |&index: &usize| age(index).is_some_and(|age| age >= MIN_AGE);
        let last = (0..SLOTS)
            .filter(is_old_enough)
            .min_by_key(|&index| age(index))?;
        let is_young = |index: usize| age(index).is_some_and(|age| age < MIN_AGE);
        let is_spared = age(last) >= Some(SPARED_AGE) && (0..SLOTS).any(is_young);
        (!is_spared).then_some(last)
    }

    /// Frees a slot.
    fn free(&mut self, index: usize, undecided: &FlowSet) {
        let (Some(tag), Some(entry)) = (self.tags.get_mut(index), self.entries.get_mut(index))
        else {
            return;
        };
        if self.undecided & bit(index) != 0 {
            self.undecided ^= bit(index);
            undecided.remove(entry.flow());
        }
        *tag = 0;
        *entry = Entry::FREE;
        self.used &= !bit(index);
        self.tag_bits = indices(self.used)
            .filter_map(|index| self.tags.get(index))
            .fold(0, |bits, &tag| bits | Tag(tag).bit());
    }

    /// The packets in flight that passed without an entry, in the record of a tag; and whether they are
    /// of flows with that tag, for all that is known.
    fn untracked(&self, tag: Tag) -> Option<(InFlight, bool)> {
        let index = tag.record();
        let is_used = u64::from(self.untracked_bits) & bit(index) != 0;
        let in_flight = self.untracked.get(index).filter(|_| is_used)?;
        let owner = *self.untracked_tags.get(index)?;
        Some((*in_flight, owner == 0 || owner == tag.0))
    }

    /// Records that a packet in a softirq of `cpu` passes without an entry.
    #[inline]
    fn pass_untracked(&mut self, tag: Tag, cpu: Option<u32>) {
        let (in_flight, owner) = match self.untracked(tag) {
            Some((in_flight, is_own)) if !in_flight.have_arrived(cpu) => {
                (in_flight.and(cpu), if is_own { None } else { Some(0) })
            }
            _ => (InFlight::new(cpu), Some(tag.0)),
        };
        let index = tag.record();
        if let (Some(record), Some(record_owner)) = (
            self.untracked.get_mut(index),
            self.untracked_tags.get_mut(index),
        ) {
            *record = in_flight;
            *record_owner = owner.unwrap_or(*record_owner);
            self.untracked_bits |= bit(index) as u32;
        }
    }

    /// Updates the set of undecided flows if an entry has become undecided, or is so no longer.
    fn note_undecided(&mut self, index: usize, undecided: &FlowSet) {
        let Some(entry) = self.entries.get(index) else {
            return;
        };
        let is_undecided = entry.is_undecided();
        if is_undecided != (self.undecided & bit(index) != 0) {
            self.undecided ^= bit(index);
            match is_undecided {
                true => undecided.add(entry.flow()),
                false => undecided.remove(entry.flow()),
            }
        }
    }
}

/// The bit that stands for a slot.
fn bit(index: usize) -> u64 {
    1_u64.wrapping_shl(index as u32)
}

/// The slots that bits stand for.
fn indices(mut bits: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let index = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Some(index as usize)
    })
}

/// What of a flow was in flight before its socket's state was read. Everything else had arrived,
/// and is part of that state.
#[derive(Clone, Copy)]
pub(crate) struct InFlightBefore {
    /// The entries that record packets in flight, a bit for each slot.
    tracked: u64,
    /// Whether packets in flight passed without an entry, of the flow or of others in its bucket.
    untracked: bool,
}

impl InFlightBefore {
    /// Whether an entry of the flow records packets in flight.
    pub(crate) fn is_tracked(self) -> bool {
        self.tracked != 0
    }

    /// Whether packets in flight passed without an entry.
    pub(crate) fn is_untracked(self) -> bool {
        self.untracked
    }
}

/// A flow has several entries.
pub(crate) struct Ambiguous;

/// A flow whose bucket is locked. One entry of the flow at a time is selected.
pub(crate) struct LockedFlow<'a> {
    table: &'a Table,
    bucket: Guard<'a, Bucket, SpinLockBhBackend>,
    flow: &'a Flow,
    tag: Tag,
    /// The slots of its entries, a bit for each.
    slots: u64,
    /// The slot of the selected entry.
    selected: Option<usize>,
}

impl LockedFlow<'_> {
    /// The selected entry.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.bucket.entries.get(self.selected?)
    }

    /// The same, to change it.
    pub(crate) fn entry_mut(&mut self) -> Option<&mut Entry> {
        self.bucket.entries.get_mut(self.selected?)
    }

    /// Whether the flow has entries.
    #[inline]
    pub(crate) fn has_entries(&self) -> bool {
        self.slots != 0
    }

    /// Whether the flow has an entry besides the selected one.
    pub(crate) fn has_other_entry(&self) -> bool {
        indices(self.slots).any(|index| self.selected != Some(index))
    }

    /// Selects the only entry of the flow. `None` if it has none.
    ///
    /// # Errors
    ///
    /// It has several.
    pub(crate) fn select_only(&mut self) -> Result<Option<&Entry>, Ambiguous> {
        self.select(|_| true);
        if self.has_other_entry() {
            return Err(Ambiguous);
        }
        Ok(self.entry())
    }

    /// Selects the first entry of the flow for which `predicate` holds. Returns whether there is
    /// one.
    pub(crate) fn select(&mut self, mut predicate: impl FnMut(&Entry) -> bool) -> bool {
        self.note_undecided();
        let entries = &self.bucket.entries;
        self.selected =
            indices(self.slots).find(|&index| entries.get(index).is_some_and(&mut predicate));
        self.selected.is_some()
    }

    /// Frees the selected entry.
    pub(crate) fn free(&mut self) {
        if let Some(index) = self.selected.take() {
            let undecided = &self.table.0.task().undecided;
            self.bucket.free(index, undecided);
            self.slots &= !bit(index);
        }
    }

    fn note_undecided(&mut self) {
        if let Some(index) = self.selected {
            let undecided = &self.table.0.task().undecided;
            self.bucket.note_undecided(index, undecided);
        }
    }

    /// Adds an entry for a stream that is at `here`, with packets in flight, and selects it; for a
    /// packet in a softirq of `cpu`. `None` if there is no slot for it.
    pub(crate) fn insert(
        &mut self,
        first_seq: FirstSeq,
        here: Classifier,
        cpu: Option<u32>,
        in_flight: InFlight,
    ) -> Option<&mut Entry> {
        let now = time::uptime_seconds();
        let index = match self.bucket.free_slot(cpu) {
            Some(index) => index,
            None => {
                let index = self.bucket.exempt_slot(now)?;
                self.bucket.free(index, &self.table.0.task().undecided);
                Counter::Uninspectable.count();
                index
            }
        };
        // An entry that is replaced was not undecided.
        *self.bucket.tags.get_mut(index)? = self.tag.0;
        self.bucket.tag_bits |= self.tag.bit();
        self.bucket.used |= bit(index);
        self.slots |= bit(index);
        let entry = self.bucket.entries.get_mut(index)?;
        *entry = Entry::new(*self.flow, first_seq, here, now, in_flight);
        self.selected = Some(index);
        // The bucket's lock is held, which the sweep takes: it can't miss the entry and end.
        self.table.0.queue(SWEEP_INTERVAL);
        Some(entry)
    }

    /// Makes room for a stream that has found no slot: one at a time, a connection is marked to be
    /// aborted.
    pub(crate) fn make_room(&mut self) {
        if self.bucket.entries.iter().any(Entry::is_to_be_evicted) {
            return;
        }
        let Some(index) = self.bucket.eviction_candidate(time::uptime_seconds()) else {
            return;
        };
        if let Some(entry) = self.bucket.entries.get_mut(index) {
            entry.mark_for_eviction();
        }
        self.table.0.expedite(EVICTION_DELAY);
    }

    /// Marks the connection of the selected entry to be aborted.
    pub(crate) fn evict(&mut self) {
        if let Some(entry) = self.entry_mut() {
            entry.mark_for_eviction();
            self.table.0.expedite(EVICTION_DELAY);
        }
    }

    /// What of the flow is in flight, as seen by a packet in a softirq of `cpu`.
    pub(crate) fn in_flight(&self, cpu: Option<u32>) -> InFlightBefore {
        let is_in_flight = |&index: &usize| {
            let entry = self.bucket.entries.get(index);
            entry.is_some_and(|entry| !entry.in_flight().have_arrived(cpu))
        };
        InFlightBefore {
            tracked: indices(self.slots)
                .filter(is_in_flight)
                .fold(0, |tracked, index| tracked | bit(index)),
            untracked: self
                .bucket
                .untracked(self.tag)
                .is_some_and(|(in_flight, is_own)| is_own && !in_flight.have_arrived(cpu)),
        }
    }

    /// Whether the packets that the selected entry records were in flight.
    pub(crate) fn was_in_flight(&self, before: InFlightBefore) -> bool {
        self.selected
            .is_some_and(|index| before.tracked & bit(index) != 0)
    }

    /// Requests the grace periods after which all packets in flight have arrived.
    pub(crate) fn request_grace_period(&self) {
        indices(self.slots)
            .filter_map(|index| self.bucket.entries.get(index))
            .for_each(|entry| entry.in_flight().request_grace_period());
        if let Some((in_flight, _)) = self.bucket.untracked(self.tag) {
            in_flight.request_grace_period();
        }
    }

    /// Records that a packet in a softirq of `cpu` passes without an entry.
    pub(crate) fn pass_untracked(&mut self, cpu: Option<u32>) {
        self.bucket.pass_untracked(self.tag, cpu);
    }
}

impl Drop for LockedFlow<'_> {
    fn drop(&mut self) {
        self.note_undecided();
    }
}

/// A connection that is to be aborted, and what identifies its entry.
struct Eviction {
    flow: Flow,
    first_seq: FirstSeq,
    socket: Socket<'static>,
}

impl Work for Buckets {
    /// The sweep.
    fn run(&self) -> Option<u32> {
        let mut is_empty = true;
        for bucket in self.all() {
            let mut next = 0;
            while let Some(eviction) = self.sweep(bucket, &mut next, &mut is_empty) {
                let outcome = eviction.socket.abort(eviction.first_seq);
                if outcome == Abort::Aborted {
                    Counter::Evicted.count();
                    self.events
                        .aborted(None, &eviction.flow, eviction.first_seq);
                }
                let mut bucket = bucket.lock();
                let is_evicted = |&(_, entry): &(usize, &Entry)| {
                    *entry.flow() == eviction.flow && entry.first_seq() == eviction.first_seq
                };
                let Some((index, _)) = bucket.used().find(is_evicted) else {
                    continue;
                };
                match (outcome, bucket.entries.get_mut(index)) {
                    (Abort::Busy, Some(entry)) => {
                        entry.postpone_eviction(time::uptime_seconds());
                        is_empty = false;
                    }
                    _ => bucket.free(index, &self.undecided),
                }
            }
            work::cond_resched();
        }
        (!is_empty).then_some(SWEEP_INTERVAL)
    }
}

impl Buckets {
    /// Frees the entries of a bucket that need not be kept, from the slot `next` on, up to the
    /// first one whose connection is to be aborted, which it returns.
    fn sweep(
        &self,
        bucket: &SpinLockBh<Bucket>,
        next: &mut usize,
        is_empty: &mut bool,
    ) -> Option<Eviction> {
        let mut bucket = bucket.lock();
        let used = bucket.used;
        while let Some(entry) = bucket.entries.get_mut(*next) {
            let index = *next;
            *next = index.saturating_add(1);
            if used & bit(index) == 0 {
                continue;
            }
            let now = time::uptime_seconds();
            entry.limit_age(now);
            let action = sweep_action(entry, now);
            if matches!(action, SweepAction::Keep | SweepAction::KeepBudget) {
                *is_empty = false;
                // Its connection cannot be aborted now. It counts as the oldest, so that others are.
                if entry.is_to_be_evicted() {
                    entry.postpone_eviction(now);
                }
            }
            match action {
                SweepAction::Keep => {}
                SweepAction::KeepBudget => {
                    entry.reset_states();
                    bucket.note_undecided(index, &self.undecided);
                }
                SweepAction::Free => bucket.free(index, &self.undecided),
                SweepAction::Abort(socket) => {
                    return Some(Eviction {
                        flow: *entry.flow(),
                        first_seq: entry.first_seq(),
                        socket,
                    })
                }
            }
        }
        None
    }
}

/// What the sweep does with an entry.
enum SweepAction {
    Keep,
    /// Of the entry, only the scan budget is kept.
    KeepBudget,
    Free,
    /// The entry is freed after this socket's connection was aborted.
    Abort(Socket<'static>),
}

/// What the sweep is to do with an entry, whose bucket is locked.
fn sweep_action(entry: &Entry, now: u32) -> SweepAction {
    // Packets in flight may be about to create the socket, or to move it.
    let have_arrived = entry.in_flight().have_arrived(None);
    if !have_arrived {
        entry.in_flight().request_grace_period();
        if !entry.is_to_be_evicted() {
            return SweepAction::Keep;
        }
    }
    let has_scanned = entry.has_scanned(now);
    if have_arrived && !entry.is_undecided() && !has_scanned {
        return SweepAction::Free;
    }
    let (socket, need) = match entry.flow().look_up_socket() {
        SocketLookup::Socket(socket) => {
            let need = need_of(&socket, entry);
            (Some(socket), need)
        }
        _ => (None, Need::Nothing),
    };
    match (need, socket) {
        (Need::Entry, Some(socket)) if entry.is_to_be_evicted() => SweepAction::Abort(socket),
        (Need::Entry, _) => SweepAction::Keep,
        _ if !have_arrived => SweepAction::Keep,
        (Need::Budget, _) if has_scanned => SweepAction::KeepBudget,
        _ => SweepAction::Free,
    }
}

/// The part of its entry that a socket needs.
enum Need {
    /// All of it: the socket may stand within the start that the entry covers.
    Entry,
    /// The scan budget: the socket stands at the beginning, where the state is the initial one.
    Budget,
    /// Nothing: the socket is past the start, or another connection's.
    Nothing,
}

/// The part of its entry that a socket needs.
fn need_of(socket: &Socket<'_>, entry: &Entry) -> Need {
    let socket = socket.lock();
    if socket.is_done() {
        return Need::Nothing;
    }
    // Its owner may be moving it; the next run will see.
    if socket.is_owned() {
        return Need::Entry;
    }
    let received = u32::try_from(socket.received()).unwrap_or(LIMIT);
    let is_decided = |here: Classifier| here.verdict().is_some();
    if socket.first_seq() != entry.first_seq() || received >= LIMIT {
        return Need::Nothing;
    }
    match received {
        0 => Need::Budget,
        _ if !entry.is_undecided() => Need::Nothing,
        _ if entry.states().at(received).is_some_and(is_decided) => Need::Nothing,
        _ => Need::Entry,
    }
}
