// SPDX-License-Identifier: GPL-2.0

//! Whether a segment may pass, given where its socket stands and what passed before it.
//!
//! Offsets count from the start of the stream. `received` is how many bytes TCP has taken: the
//! socket's own count, which nothing that TCP will discard can move. A(n) is the automaton's state
//! behind the first n bytes that the application can read. The automaton has undecided states, and
//! decided ones, which it never leaves: HTTP that is forbidden, and everything else.
//!
//! A segment is judged in one of two ways.
//!
//! **At rest** ([`Judge::at_rest`]): the socket's position is exact, and nothing that could move it
//! is on its way from here to TCP. Then what TCP will make of the segment is known: nothing, or, if
//! it begins at or before `received`, all of its bytes from there on, and behind them the tails of
//! what waits in the out-of-order queue (`tcp_data_queue()`, `tcp_ofo_queue()`). The outcomes are
//! noted, and it passes unless the last is forbidden.
//!
//! **In motion** ([`Judge::in_motion`]): segments wait for the socket's owner in its backlog, or
//! passed on another CPU a moment ago. What passed then may be taken before this one, after it, or
//! not at all. Only the exact continuation of what passed may follow: so that, whatever becomes of
//! them, each offset has one content.
//!
//! # Safety: no application reads a forbidden first line
//!
//! An entry's positions hold A(received), as long as that is undecided, wherever the socket may come
//! to stand; and none of them is forbidden.
//!
//! 1. At rest, `received` is known, and so is A(received): it is the initial state, or noted. A
//!    segment that begins behind `received` moves nothing. It lies in the queue then, and is read
//!    with the segment that fills the gap. Any other leaves `received` where it is, or takes it to
//!    one of the positions that are noted. Until it has arrived, others of its flow are judged in
//!    motion, or come later on the same CPU.
//! 2. In motion, segments are chained end to end: each is the only content of its bytes under way,
//!    and the queue is empty. Whichever of them TCP takes, the stream is a beginning of the chain,
//!    whose positions are all noted. Or whatever of them begins at the base decides for something
//!    else: then the rest may overlap in any order, since one of these is taken before it.
//! 3. What TCP discards leaves `received` where it was. The position noted for it is never looked
//!    up, and is overwritten by the next segment judged at rest.
//! 4. What is under way is asked for before the socket is looked at: what has arrived by then, the
//!    socket shows. A segment that finds no socket passes if nothing of its flow is under way.
//! 5. No entry means that nothing was received, or that the stream was decided: an entry with an
//!    undecided position behind the start goes with its socket alone.
//! 6. A segment that decides for something else from the start needs no entry for its own sake, but
//!    an undecided one that passes beside it does: taken first, it makes a forbidden line of the
//!    other's tail. So it leaves an entry while it is under way, or, where there is no room for one,
//!    its passage in the bucket, and no undecided newcomer passes meanwhile.
//!
//! # Liveness: everything else arrives, and nothing is sent twice in vain
//!
//! A segment is dropped if it completes a forbidden line; that is not the case in any other stream,
//! unless accepted copies of a byte differ, or TCP would have discarded it. Else only within an
//! undecided start, and only for a while: in motion, if it is no continuation (the lock is released,
//! a grace period ends); if the queue behind its gap has made too much work, or the owner is at work
//! in it; if there is no room in the table; or if urgent data leave more than one way to read it,
//! until what decides waits behind it. Segments ahead of the position pass: to drop them would
//! cost a repetition each time the network reorders. A stream whose first segment decides for
//! something else passes without a drop.

use crate::{
    counters::Counter,
    kernel_ext::{
        packet::Segment,
        rcu::Moment,
        socket::{serial_cpu, Locked, Receiver},
    },
    policy::{Detect, Kind},
    stream::{Bytes, FirstLine, Released},
    table::{Place, Table},
    undecided::{Passage, Positions, Undecided},
};
use classifier::{Classifier, Line, Verdict, LIMIT};

/// What reading one unit's bytes out of an out-of-order queue counts for, and a segment in it.
const WALK_UNIT: u32 = 64;

/// How much reading of its queue one flow may cause at once, in units: a start of the greatest
/// length, twice. More than fillers that are taken ever need; repeated ones that are not can't make
/// each small packet cost a walk.
const WALK_MAX: u16 = (2 * LIMIT / WALK_UNIT) as u16;

/// What it may cause more each second, in units.
pub(crate) const WALK_REFILL: u16 = 256;

/// What is to become of a segment.
pub(crate) enum Ruling {
    /// It may pass.
    Pass,
    /// It would complete a first line of HTTP.
    Http(Found),
    /// It may have to come again: what it would make of the stream can't be told now.
    Defer,
    /// The same, for want of room in the table; or it would add what can't be judged.
    Refuse,
}

/// A first line of HTTP.
pub(crate) struct Found {
    /// Of what kind it is.
    pub(crate) kind: Kind,
    /// The same, as the classifier says.
    pub(crate) verdict: Verdict,
    /// As it is shown.
    pub(crate) line: Line,
    /// Sequence number of the stream's first byte.
    pub(crate) start: u32,
}

/// Rules on segments.
#[derive(Clone, Copy)]
pub(crate) struct Court<'a> {
    /// Undecided streams.
    pub(crate) table: &'a Table,
    /// What is forbidden.
    pub(crate) detect: Detect,
    /// Whether rulings are carried out; otherwise everything passes, and what passed against a ruling
    /// is lost sight of.
    pub(crate) enforce: bool,
}

impl Court<'_> {
    /// Whether a socket that has received so many bytes is past the start of its stream.
    #[inline]
    pub(crate) fn is_past_start(&self, received: u64) -> bool {
        received >= u64::from(LIMIT) || (received != 0 && self.table.undecided() == 0)
    }

    /// Rules on a segment. Any context that a hook runs in.
    pub(crate) fn rule(&self, segment: &Segment<'_>) -> Ruling {
        let cpu = serial_cpu();
        if segment.is_syn() {
            return self.rule_on_syn(segment);
        }
        let receiver = match segment.receiver() {
            Receiver::Socket(socket) if self.is_past_start(socket.received()) => {
                return Ruling::Pass
            }
            receiver => receiver,
        };
        let Some(mut place) = self.table.place(segment.flow()) else {
            return Ruling::Refuse;
        };
        let under_way = UnderWay::of(&mut place, cpu);
        let receiver = match receiver {
            // What has arrived may have made the socket since.
            Receiver::Request(_) => segment.receiver(),
            receiver => receiver,
        };
        match receiver {
            // Its socket may be about to be made by what is under way.
            Receiver::Nobody if under_way.marked => Ruling::Defer,
            Receiver::Nobody => Ruling::Pass,
            Receiver::Connecting => Ruling::Defer,
            Receiver::Request(request) => {
                let position = Position::request(request.start());
                self.judge(segment, cpu, position, place, under_way)
            }
            Receiver::Socket(socket) => {
                let locked = socket.lock();
                self.judge(segment, cpu, Position::of(&locked), place, under_way)
            }
        }
    }

    fn judge(
        &self,
        segment: &Segment<'_>,
        cpu: Option<u32>,
        position: Position<'_>,
        place: Place<'_>,
        under_way: UnderWay,
    ) -> Ruling {
        let mut judge = Judge {
            court: *self,
            segment,
            cpu,
            position,
            place,
            under_way,
        };
        let ruling = judge.rule();
        let is_lost = match ruling {
            Ruling::Pass | Ruling::Refuse => false,
            Ruling::Defer => true,
            // TCP would discard it otherwise, and the stream is still where it was.
            Ruling::Http(_) => segment.checksum_ok(),
        };
        if is_lost && !self.enforce {
            judge.place.remove();
        }
        if matches!(ruling, Ruling::Defer) {
            // What is under way will have arrived when the segment comes again.
            Moment::hurry();
        }
        ruling
    }

    /// Data in a SYN is taken before anything is known of who sent it, so nothing is kept of it: it
    /// passes if it decides for something else, or comes again behind a bare SYN.
    ///
    /// A second subflow of Multipath TCP would carry any part of the stream, in any order: its
    /// position tells nothing. Without it, its peer goes on with the first.
    fn rule_on_syn(&self, segment: &Segment<'_>) -> Ruling {
        if segment.is_mptcp_join() {
            return Ruling::Refuse;
        }
        if segment.len() == 0 || !segment.syn_is_read() {
            return Ruling::Pass;
        }
        Counter::Inspected.count();
        let end = segment.classify(0, Classifier::new());
        match (end.verdict(), self.forbidden(end)) {
            (None, _) => Ruling::Defer,
            (Some(_), None) => Ruling::Pass,
            (Some(verdict), Some(kind)) => {
                let mut line = FirstLine::new(&[], Classifier::new(), end);
                segment.read(0, |bytes| line.add(bytes));
                Ruling::Http(Found {
                    kind,
                    verdict,
                    line: line.finish(),
                    start: segment.seq(),
                })
            }
        }
    }

    /// Of which forbidden kind a stream is.
    fn forbidden(&self, state: Classifier) -> Option<Kind> {
        let kind = Kind::of(state.verdict()?)?;
        self.detect.contains(kind).then_some(kind)
    }
}

/// Where a socket stands in its stream.
struct Position<'a> {
    /// Sequence number of the first byte; `None` if the socket's owner is moving it.
    start: Option<u32>,
    received: u32,
    is_pending: bool,
    has_queue: bool,
    /// Sequence number of a byte that readers may leave out.
    urgent: Option<u32>,
    socket: Option<&'a Locked<'a>>,
}

impl<'a> Position<'a> {
    /// That of a socket yet to be made.
    fn request(start: u32) -> Self {
        Self {
            start: Some(start),
            received: 0,
            is_pending: false,
            has_queue: false,
            urgent: None,
            socket: None,
        }
    }

    fn of(socket: &'a Locked<'a>) -> Self {
        let is_exact = !socket.is_pending() || socket.received() == 0;
        Self {
            start: is_exact.then(|| socket.start()),
            received: u32::try_from(socket.received()).unwrap_or(LIMIT),
            is_pending: socket.is_pending(),
            has_queue: socket.has_queue(),
            urgent: socket.urgent(),
            socket: Some(socket),
        }
    }
}

/// What was on its way to TCP before the socket was looked at: what was not has arrived there, and the
/// socket shows it.
#[derive(Clone, Copy)]
struct UnderWay {
    /// What the flow's entry tells of.
    marked: bool,
    /// What passed without an entry, of any flow in the bucket.
    unmarked: bool,
}

impl UnderWay {
    fn of(place: &mut Place<'_>, cpu: Option<u32>) -> Self {
        Self {
            marked: place
                .entry()
                .is_some_and(|entry| !entry.passage().is_over(cpu)),
            unmarked: place.is_unmarked_under_way(cpu),
        }
    }
}

/// One ruling.
struct Judge<'a> {
    court: Court<'a>,
    segment: &'a Segment<'a>,
    /// Where its packets keep their order, if anywhere.
    cpu: Option<u32>,
    position: Position<'a>,
    place: Place<'a>,
    under_way: UnderWay,
}

impl Judge<'_> {
    fn rule(&mut self) -> Ruling {
        let known = self.place.entry().map(|entry| entry.start());
        let start = match (self.position.start, known) {
            (Some(start), Some(known)) if start != known => {
                // Another connection of the same name; if it really is one, and its owner is not
                // just moving the position. Of two segments that would each begin a stream by a SYN
                // cookie, TCP takes the first that it sees.
                let is_owned = self.position.socket.is_some_and(Locked::is_owned);
                if self.under_way.marked || is_owned {
                    return Ruling::Defer;
                }
                if self.is_beside_another() {
                    return Ruling::Refuse;
                }
                self.place.remove();
                start
            }
            (Some(start), _) => start,
            (None, Some(start)) => start,
            (None, None) => return Ruling::Pass,
        };
        let first = self.segment.seq().wrapping_sub(start) as i32;
        let span = Span {
            start,
            first: i64::from(first),
            last: i64::from(first).saturating_add(self.segment.len().into()),
        };
        match self.place.entry().map(|entry| *entry) {
            // Decided long ago, or begun before the filter was switched on.
            None if self.position.received != 0 => Ruling::Pass,
            // Nothing was received. If segments wait for the owner, they carry no data, or decide for
            // something else, and passed without an entry; they will be taken before this one.
            None => self.at_rest(span, Some(Classifier::new())),
            Some(entry) if self.is_in_motion(&entry) => self.in_motion(span, entry),
            Some(_) if self.position.received == 0 => self.at_rest(span, Some(Classifier::new())),
            Some(entry) => self.at_rest(span, entry.at(self.position.received)),
        }
    }

    /// Whether the connection that the entry is about is there as well: sockets that are bound to
    /// different devices (VRF) can have one name.
    fn is_beside_another(&mut self) -> bool {
        let Some(entry) = self.place.entry() else {
            return false;
        };
        if !entry.is_needed() {
            return false;
        }
        match entry.flow().receiver() {
            Receiver::Nobody | Receiver::Connecting => false,
            Receiver::Request(request) => request.start() == entry.start(),
            Receiver::Socket(socket) => !self
                .position
                .socket
                .is_some_and(|locked| locked.is(&socket)),
        }
    }

    /// Whether the socket may still be moved by what passed before.
    fn is_in_motion(&self, entry: &Undecided) -> bool {
        if self.position.is_pending {
            return true;
        }
        let received = self.position.received;
        let is_decided = entry
            .at(received)
            .is_some_and(|here| here.verdict().is_some());
        let has_arrived =
            received == entry.end() && entry.tip().verdict().is_none() && !entry.is_ahead();
        if is_decided || has_arrived {
            return false;
        }
        // The segment that completed the handshake can wait in the backlog without being counted
        // there (tcp_child_process()).
        let may_be_uncounted = received == 0 && self.position.socket.is_some_and(Locked::is_owned);
        may_be_uncounted || self.under_way.marked
    }

    /// Nothing is under way, and the socket stands at `here`.
    fn at_rest(&mut self, span: Span, here: Option<Classifier>) -> Ruling {
        let received = i64::from(self.position.received);
        let brings_nothing = span.last <= received && !self.segment.is_urgent();
        let Some(here) = here else {
            // A socket filter has cut a segment short, or what passed against a ruling was taken.
            return match brings_nothing {
                true => Ruling::Pass,
                false => Ruling::Defer,
            };
        };
        if here.verdict().is_some() {
            self.place.remove();
            return Ruling::Pass;
        }
        if brings_nothing {
            return Ruling::Pass;
        }
        if self.segment.is_urgent() || self.position.urgent.is_some() {
            return self.urgent(span, here);
        }
        if span.first > received {
            return self.ahead(span, here);
        }

        Counter::Inspected.count();
        let skip = span.skip(received);
        let own = self.segment.classify(skip, here);
        if own.verdict().is_none() && self.position.has_queue {
            return self.with_queue(span, here, own);
        }
        self.settle(span, here, Positions::new(own))
    }

    /// It fills a gap, and has no answer of its own: what waits behind the gap is read with it.
    fn with_queue(&mut self, span: Span, here: Classifier, own: Classifier) -> Ruling {
        if self.note(span, here).is_none() {
            return Ruling::Refuse;
        }
        let Some(queue) = self.position.socket.and_then(Locked::queue) else {
            return Ruling::Defer;
        };
        let walked = self.place.entry().map_or(0, |entry| entry.walked());
        if walked >= WALK_MAX {
            return Ruling::Defer;
        }
        let mut cost: u32 = 0;
        let mut ends = Positions::new(own);
        for (queued, offset) in Released::new(queue, span.seq(span.last)) {
            let before = ends.last();
            let end = queued.classify(offset, before);
            ends.add(end);
            let units = end.offset().saturating_sub(before.offset()) / WALK_UNIT;
            cost = cost.saturating_add(units).saturating_add(1);
            if end.verdict().is_some() || cost > WALK_MAX.into() {
                break;
            }
        }
        if let Some(entry) = self.place.entry() {
            let cost = u16::try_from(cost).unwrap_or(u16::MAX);
            entry.set_walked(walked.saturating_add(cost));
        }
        if cost > WALK_MAX.into() && ends.last().verdict().is_none() {
            return Ruling::Defer;
        }
        self.settle(span, here, ends)
    }

    /// It takes the stream from `here` to one of `ends`.
    fn settle(&mut self, span: Span, here: Classifier, ends: Positions) -> Ruling {
        let end = ends.last();
        if self.court.forbidden(end).is_some() {
            return self.found(span, here, end);
        }
        let is_undecided = end.verdict().is_none();
        let is_unmarked = self.under_way.unmarked;
        let (cpu, has_queue, passage) = (self.cpu, self.position.has_queue, self.passage());
        let Some(entry) = self.note(span, here) else {
            if is_undecided {
                return Ruling::Refuse;
            }
            self.place.pass_unmarked(cpu);
            return Ruling::Pass;
        };
        if is_unmarked && is_undecided {
            return Ruling::Defer;
        }
        let last = span.last.clamp(0, LIMIT.into()) as u32;
        entry.settle(here, &ends, last.max(end.offset()));
        entry.set_ahead(has_queue);
        entry.set_urgent(false);
        entry.set_passage(passage);
        if is_undecided {
            self.keep_text(here.offset(), span.skip(here.offset().into()));
        }
        Ruling::Pass
    }

    /// It leaves a gap before it, and waits in the queue: what fills the gap is judged with it.
    fn ahead(&mut self, span: Span, here: Classifier) -> Ruling {
        let passage = self.passage();
        let Some(entry) = self.note(span, here) else {
            return Ruling::Refuse;
        };
        if entry.base().offset() != here.offset() {
            entry.settle(here, &Positions::NONE, here.offset());
        }
        entry.set_ahead(true);
        entry.set_passage(passage);
        Ruling::Pass
    }

    /// Readers may leave out an urgent byte, or read it in its place (`SO_OOBINLINE`, which can be set
    /// at any time); and its place may be superseded by another's (`tcp_check_urg()`). So it is read
    /// in every way, and passes if all of them decide for something else.
    fn urgent(&mut self, span: Span, here: Classifier) -> Ruling {
        let received = i64::from(self.position.received);
        if span.first > received || span.last <= received {
            return Ruling::Defer;
        }
        Counter::Inspected.count();
        let [at, before] = self.segment.urgent().map(Some);
        let places = match self.segment.is_urgent() {
            true => [at, before, self.position.urgent],
            false => [None, None, self.position.urgent],
        };
        let mut plain = here;
        for left_out in 0..1 << places.len() {
            let is_left_out = |seq| {
                places
                    .iter()
                    .enumerate()
                    .any(|(index, &place)| left_out & (1 << index) != 0 && place == Some(seq))
            };
            let state = self.read_without(span, here, is_left_out);
            if self.court.forbidden(state).is_some() {
                return self.found(span, here, state);
            }
            if state.verdict().is_none() {
                return Ruling::Defer;
            }
            if left_out == 0 {
                plain = state;
            }
        }
        if self.note(span, here).is_none() {
            return Ruling::Refuse;
        }
        let ruling = self.settle(span, here, Positions::new(plain));
        if let Some(entry) = self.place.entry() {
            entry.set_urgent(true);
        }
        ruling
    }

    /// Where the stream comes to, from `here`, with the segment and what is released with it, if some
    /// bytes are left out.
    fn read_without(
        &mut self,
        span: Span,
        here: Classifier,
        is_left_out: impl Fn(u32) -> bool,
    ) -> Classifier {
        let mut state = here;
        let mut seq = span.seq(here.offset().into());
        let mut take = |bytes: &[u8]| {
            for byte in bytes {
                if !is_left_out(seq) {
                    state.feed(core::slice::from_ref(byte));
                }
                seq = seq.wrapping_add(1);
            }
            state.verdict().is_none()
        };
        let walked = self.place.entry().map_or(0, |entry| entry.walked());
        self.read(span, here, walked < WALK_MAX, &mut take);
        let cost = state.offset().saturating_sub(here.offset()) / WALK_UNIT;
        if let Some(entry) = self.place.entry() {
            let cost = u16::try_from(cost).unwrap_or(u16::MAX);
            entry.set_walked(walked.saturating_add(cost).saturating_add(1));
        }
        state
    }

    /// Segments of the flow are under way, and may be taken before this one, after it, or never.
    fn in_motion(&mut self, span: Span, entry: Undecided) -> Ruling {
        if self.segment.is_urgent() || entry.is_urgent() {
            return Ruling::Defer;
        }
        let base = entry.base();
        if span.last <= base.offset().into() {
            return Ruling::Pass;
        }
        if entry.is_decided_next() {
            return self.beside_decided(span, entry);
        }
        if span.first != entry.end().into() || entry.is_ahead() || self.position.has_queue {
            return Ruling::Defer;
        }

        let tip = entry.tip();
        let end = span.last.clamp(0, LIMIT.into()) as u32;
        Counter::Inspected.count();
        let own = self.segment.classify(0, tip);
        if self.court.forbidden(own).is_some() {
            return self.found(span, tip, own);
        }
        let ruling = self.follow(Some(own), end);
        if matches!(ruling, Ruling::Pass) {
            self.keep_text(tip.offset(), 0);
        }
        ruling
    }

    /// Whatever is taken first of what is under way decides for something else. One that decides for
    /// something else itself, or is read behind such a one, may come in any order.
    fn beside_decided(&mut self, span: Span, entry: Undecided) -> Ruling {
        let base = entry.base();
        if span.first <= base.offset().into() {
            Counter::Inspected.count();
            let own = self.segment.classify(span.skip(base.offset().into()), base);
            return match (own.verdict(), self.court.forbidden(own)) {
                (Some(_), None) => self.follow(Some(own), entry.end()),
                _ => Ruling::Defer,
            };
        }
        let is_next = span.first == entry.end().into();
        let end = span.last.clamp(0, LIMIT.into()) as u32;
        let ruling = self.follow(None, if is_next { end } else { entry.end() });
        if let (false, Some(entry)) = (is_next, self.place.entry()) {
            entry.set_ahead(true);
        }
        ruling
    }

    /// It passes beside what is under way: the socket may come to stand at `own`, if that is news.
    fn follow(&mut self, own: Option<Classifier>, end: u32) -> Ruling {
        let cpu = self.cpu;
        let Some(entry) = self.place.entry() else {
            return Ruling::Defer;
        };
        if own.is_some_and(|own| !entry.add(own)) {
            return Ruling::Defer;
        }
        entry.extend(end);
        entry.set_passage(entry.passage().and_now(cpu));
        Ruling::Pass
    }

    /// It completes a forbidden line, which was at `here` before it.
    fn found(&mut self, span: Span, here: Classifier, end: Classifier) -> Ruling {
        let (Some(kind), Some(verdict)) = (self.court.forbidden(end), end.verdict()) else {
            return Ruling::Defer;
        };
        let text = self
            .place
            .entry()
            .map(|entry| *entry)
            .unwrap_or(Undecided::FREE);
        let mut line = FirstLine::new(text.text(here.offset()), here, end);
        self.read(span, here, true, |bytes| line.add(bytes));
        Ruling::Http(Found {
            kind,
            verdict,
            line: line.finish(),
            start: span.start,
        })
    }

    /// Hands over what the segment has behind `here`, and what waits in the queue behind it if that is
    /// wanted, until `consume` returns false.
    fn read(
        &self,
        span: Span,
        here: Classifier,
        with_queue: bool,
        mut consume: impl FnMut(&[u8]) -> bool,
    ) {
        let mut goes_on = self
            .segment
            .read(span.skip(here.offset().into()), &mut consume);
        let socket = self.position.socket.filter(|_| with_queue);
        let Some(queue) = socket.and_then(Locked::queue) else {
            return;
        };
        for (queued, offset) in Released::new(queue, span.seq(span.last)) {
            if !goes_on {
                return;
            }
            goes_on = queued.read(offset, &mut consume);
        }
    }

    /// The flow's entry, which is made if there is none; `None` if there is no room.
    fn note(&mut self, span: Span, here: Classifier) -> Option<&mut Undecided> {
        if self.place.entry().is_none() {
            let (cpu, passage) = (self.cpu, self.passage());
            self.place
                .insert(span.start, here, cpu, passage, self.court.enforce)?;
        }
        self.place.entry()
    }

    /// That of this segment, and of what passed without an entry before it.
    fn passage(&self) -> Passage {
        match self.under_way.unmarked {
            true => Passage::now(None),
            false => Passage::now(self.cpu),
        }
    }

    /// Keeps the first bytes of a line, the segment's from `skip` on being at `offset`.
    fn keep_text(&mut self, offset: u32, skip: u32) {
        let segment = self.segment;
        if let Some(entry) = self.place.entry() {
            entry.keep_text(offset, |buffer| segment.data(skip, buffer).len());
        }
    }
}

/// Where a segment lies in its stream.
#[derive(Clone, Copy)]
struct Span {
    /// Sequence number of the stream's first byte.
    start: u32,
    /// Offset of the segment's first byte.
    first: i64,
    /// Offset behind its last.
    last: i64,
}

impl Span {
    /// How many of its bytes are before `offset`.
    fn skip(&self, offset: i64) -> u32 {
        u32::try_from(offset.saturating_sub(self.first)).unwrap_or(0)
    }

    /// Sequence number of an offset.
    fn seq(&self, offset: i64) -> u32 {
        self.start.wrapping_add(offset as u32)
    }
}
