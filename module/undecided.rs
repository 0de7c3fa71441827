// SPDX-License-Identifier: GPL-2.0

//! What is known of one stream whose start is undecided.

use crate::kernel_ext::{rcu::Moment, socket::Flow};
use classifier::Classifier;
use kernel::prelude::*;

/// Evidence for whether packets that were let through have reached TCP.
#[derive(Clone, Copy)]
pub(crate) struct Passage {
    /// When the last of them passed.
    moment: Moment,
    /// The CPU that all of them passed on, one after the other; or [`Passage::SEVERAL`].
    cpu: u16,
}

impl Passage {
    const SEVERAL: u16 = u16::MAX;

    /// A packet passes now, on `cpu` if that keeps their order ([`serial_cpu`]).
    ///
    /// [`serial_cpu`]: crate::kernel_ext::socket::serial_cpu
    pub(crate) fn now(cpu: Option<u32>) -> Self {
        Self {
            moment: Moment::now(),
            cpu: cpu.map_or(Self::SEVERAL, |cpu| {
                u16::try_from(cpu).unwrap_or(Self::SEVERAL)
            }),
        }
    }

    /// One more passes, while the others may still be on their way.
    pub(crate) fn and_now(self, cpu: Option<u32>) -> Self {
        let now = Self::now(cpu);
        if now.cpu == self.cpu {
            now
        } else {
            Self::now(None)
        }
    }

    /// Whether all of them have reached TCP, as seen by a packet on `cpu`: those that passed on the
    /// same CPU did before this one came; the others have if a grace period is over, since bottom
    /// halves are off, or RCU is held, from the hook to the socket.
    pub(crate) fn is_over(self, cpu: Option<u32>) -> bool {
        cpu.is_some_and(|cpu| self.cpu != Self::SEVERAL && u32::from(self.cpu) == cpu)
            || self.moment.has_passed()
    }
}

/// How many positions of a stream are kept.
const POSITIONS: usize = 6;

/// How much of the first line is kept, to show it.
const TEXT: usize = 21;

/// Positions behind the base to which one segment may take a stream: to its own end, and with what is
/// released behind it, in the order of the queue, further. Of that TCP may lack room for the last part
/// (`tcp_prune_ofo_queue()`).
pub(crate) struct Positions {
    known: [Classifier; POSITIONS - 1],
    count: usize,
    has_runs: bool,
    /// Some were left out, and not since they are in a run.
    is_short: bool,
}

impl Positions {
    /// It takes it nowhere.
    pub(crate) const NONE: Self = Self {
        known: [Classifier::new(); POSITIONS - 1],
        count: 0,
        has_runs: false,
        is_short: false,
    };

    /// To its own end.
    pub(crate) fn new(own: Classifier) -> Self {
        let mut new = Self::NONE;
        new.add(own);
        new
    }

    fn all(&self) -> &[Classifier] {
        self.known.get(..self.count).unwrap_or_default()
    }

    /// The last of them.
    pub(crate) fn last(&self) -> Classifier {
        self.all().last().copied().unwrap_or_default()
    }

    /// Adds one behind the others. Of a run, in which all have the same state, the first and the last
    /// are kept; and if there is no room, the last.
    pub(crate) fn add(&mut self, end: Classifier) {
        let is_in_run = match *self.all() {
            [.., first, last] => {
                first.moved(last.offset()) == Some(last) && last.moved(end.offset()) == Some(end)
            }
            _ => false,
        };
        if is_in_run {
            self.has_runs = true;
        } else if self.count < self.known.len() {
            self.count = self.count.saturating_add(1);
        } else {
            self.is_short = true;
        }
        if let Some(last) = self.known.get_mut(self.count.saturating_sub(1)) {
            *last = end;
        }
    }
}

/// A stream whose start is undecided, or was when its last packet passed.
///
/// All that was let through and TCP may yet take is accounted for in `positions`: wherever the
/// socket comes to stand, the automaton's state there is among them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Undecided {
    flow: Flow,
    moment: Moment,
    start: u32,
    end: u32,
    /// Packed classifiers, by what passed when: an undecided one is good for its own offset, a
    /// decided one for all behind it.
    positions: [u32; POSITIONS],
    since: u32,
    cpu: u16,
    walked: u16,
    count: u8,
    flags: u8,
    text_len: u8,
    text: [u8; TEXT],
}

static_assert!(core::mem::size_of::<Undecided>() <= 128);

/// Segments ahead of the position may be on their way, or in the out-of-order queue.
const AHEAD: u8 = 1 << 0;
/// A segment with an urgent pointer may be on its way.
const URGENT: u8 = 1 << 1;
/// Its connection is to be ended, to make room.
const ENDING: u8 = 1 << 2;
/// Where two positions that follow each other have the same state, the socket may come to stand between
/// them, in that state too.
const RUNS: u8 = 1 << 3;

impl Undecided {
    /// A place that holds nothing.
    pub(crate) const FREE: Self = Self {
        flow: Flow::NONE,
        moment: Moment::NEVER,
        start: 0,
        end: 0,
        positions: [0; POSITIONS],
        since: 0,
        cpu: 0,
        walked: 0,
        count: 0,
        flags: 0,
        text_len: 0,
        text: [0; TEXT],
    };

    /// A stream that stands at `here`, as of `since`, in seconds of uptime. `passage` is what is
    /// under way besides.
    pub(crate) fn new(
        flow: Flow,
        start: u32,
        here: Classifier,
        since: u32,
        passage: Passage,
    ) -> Self {
        let mut new = Self {
            flow,
            start,
            since,
            ..Self::FREE
        };
        new.settle(here, &Positions::NONE, here.offset());
        new.set_passage(passage);
        new
    }

    pub(crate) fn is_free(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Sequence number of the stream's first byte.
    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    /// Offset behind the last byte that was let through without a gap.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Since when, in seconds of uptime.
    pub(crate) fn since(&self) -> u32 {
        self.since
    }

    fn known(&self) -> impl Iterator<Item = Classifier> + '_ {
        self.known_from(0)
    }

    fn known_from(&self, first: usize) -> impl Iterator<Item = Classifier> + '_ {
        self.positions
            .get(first..self.count.into())
            .unwrap_or_default()
            .iter()
            .map(|&packed| Classifier::unpack(packed))
    }

    /// The earliest position at which the socket may stand.
    pub(crate) fn base(&self) -> Classifier {
        self.known().next().unwrap_or_default()
    }

    /// The state at [`Self::end`].
    pub(crate) fn tip(&self) -> Classifier {
        self.known().last().unwrap_or_default()
    }

    /// The state where the socket has received so many bytes, if that is known.
    pub(crate) fn at(&self, received: u32) -> Option<Classifier> {
        self.known()
            .find(|known| match known.verdict() {
                None => known.offset() == received,
                Some(_) => known.offset() <= received,
            })
            .or_else(|| self.in_run(received))
    }

    /// The same between two positions that stand for all between them.
    fn in_run(&self, received: u32) -> Option<Classifier> {
        let mut pairs = self.known().zip(self.known_from(1));
        let (first, _) = pairs.find(|(first, last)| {
            (first.offset()..last.offset()).contains(&received)
                && first.moved(last.offset()) == Some(*last)
        })?;
        first.moved(received).filter(|_| self.flags & RUNS != 0)
    }

    /// Whether it must be kept as long as its socket may stand within it. Otherwise all it tells is
    /// what is under way: the state at the beginning needs no memory.
    pub(crate) fn is_needed(&self) -> bool {
        self.known()
            .any(|known| known.offset() != 0 && known.verdict().is_none())
    }

    /// Whether the stream is decided for something else wherever the socket comes to stand next, if
    /// anywhere.
    pub(crate) fn is_decided_next(&self) -> bool {
        self.known_from(1).all(|known| known.verdict().is_some())
    }

    /// Takes note that the socket may stand at `base` or at one of `others`, and nowhere else but in
    /// runs, if it has some, and of where that ends.
    pub(crate) fn settle(&mut self, base: Classifier, others: &Positions, end: u32) {
        let [first, rest @ ..] = &mut self.positions;
        *first = base.pack();
        for (position, known) in rest.iter_mut().zip(others.all()) {
            *position = known.pack();
        }
        self.count = others.all().len().saturating_add(1).min(POSITIONS) as u8;
        // What was left out may lie between two that are alike, and not be like them.
        self.set(RUNS, others.has_runs && !others.is_short);
        self.end = end;
    }

    /// Takes note of one more position; false if there is no room.
    #[must_use]
    pub(crate) fn add(&mut self, known: Classifier) -> bool {
        let says_the_same =
            |other: Classifier| other.verdict().is_some() && other.offset() <= known.offset();
        if known.verdict().is_some() && self.known().any(says_the_same) {
            return true;
        }
        match self.positions.get_mut(usize::from(self.count)) {
            Some(position) => {
                *position = known.pack();
                self.count = self.count.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Moves [`Self::end`] on.
    pub(crate) fn extend(&mut self, end: u32) {
        self.end = end;
    }

    pub(crate) fn passage(&self) -> Passage {
        Passage {
            moment: self.moment,
            cpu: self.cpu,
        }
    }

    pub(crate) fn set_passage(&mut self, passage: Passage) {
        (self.moment, self.cpu) = (passage.moment, passage.cpu);
    }

    pub(crate) fn is_ahead(&self) -> bool {
        self.flags & AHEAD != 0
    }

    pub(crate) fn set_ahead(&mut self, ahead: bool) {
        self.set(AHEAD, ahead);
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.flags & URGENT != 0
    }

    pub(crate) fn set_urgent(&mut self, urgent: bool) {
        self.set(URGENT, urgent);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.flags & ENDING != 0
    }

    pub(crate) fn set_ending(&mut self) {
        self.set(ENDING, true);
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on {
            self.flags | flag
        } else {
            self.flags & !flag
        };
    }

    /// How much work the queue behind its gap has made lately, in [`WALK_UNIT`]s.
    ///
    /// [`WALK_UNIT`]: crate::judge::WALK_UNIT
    pub(crate) fn walked(&self) -> u16 {
        self.walked
    }

    pub(crate) fn set_walked(&mut self, walked: u16) {
        self.walked = walked;
    }

    /// The first bytes of the stream, as far as they are kept and were received.
    pub(crate) fn text(&self, received: u32) -> &[u8] {
        let len = (received as usize).min(self.text_len.into());
        self.text.get(..len).unwrap_or_default()
    }

    /// Keeps bytes of the stream from `offset` on, as many as there is room for: `fill` puts them into
    /// the buffer, and returns how many.
    pub(crate) fn keep_text(&mut self, offset: u32, fill: impl FnOnce(&mut [u8]) -> usize) {
        let known = usize::from(self.text_len);
        let offset = offset as usize;
        if offset <= known {
            let len = fill(self.text.get_mut(offset..).unwrap_or_default());
            self.text_len = offset.saturating_add(len).min(TEXT) as u8;
        }
    }
}
