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
//! what waits in the out-of-order queue (`tcp_data_queue()`, `tcp_ofo_queue()`). All states on the way
//! are noted, and it passes unless the last is forbidden.
//!
//! **In motion** ([`Judge::in_motion`]): segments wait for the socket's owner in its backlog, or
//! passed on another CPU a moment ago. What passed then may be taken before this one, after it, or
//! not at all. Only the exact continuation of what passed may follow: so that, whatever becomes of
//! them, each offset has one content.
//!
//! # Safety: no application reads a forbidden first line
//!
//! An entry's trajectory tells A(received), as long as that is undecided, wherever the socket may come
//! to stand; and none of its states is forbidden.
//!
//! 1. At rest, `received` is known, and so is A(received): it is the initial state, or noted. A
//!    segment that begins behind `received` moves nothing. It lies in the queue then, and is read
//!    with the segment that fills the gap. Any other leaves `received` where it is, or takes it along
//!    the trajectory that is noted. Until it has arrived, others of its flow are judged in motion, or
//!    come later on the same CPU.
//! 2. In motion, segments are chained end to end: each is the only content of its bytes under way,
//!    and the queue is empty. Whichever of them TCP takes, the stream is a beginning of the chain,
//!    along which all states are noted. Or whatever of them begins at the base decides for something
//!    else: then the rest may overlap in any order, since one of these is taken before it.
//! 3. What TCP discards leaves `received` where it was. The states noted for it are never looked up,
//!    and are overwritten by the next segment judged at rest. What TCP takes in part, because a socket
//!    filter cuts it or the queue was cut anew, leaves it within the trajectory. Where that tells no
//!    state, for it had too many, the connection is ended.
//! 4. What is under way is asked for before the socket is looked at: what has arrived by then, the
//!    socket shows. A segment that finds no socket passes if nothing of its flow is under way.
//! 5. No entry means that nothing was received, or that the stream was decided: an entry with an
//!    undecided state behind the start goes with its socket alone. What is ahead is seen in the queue;
//!    and where something waits for the owner that no entry tells of, nothing undecided passes.
//! 6. A segment that decides for something else from the start needs no entry for its own sake, but
//!    an undecided one that passes beside it does: taken first, it makes a forbidden line of the
//!    other's tail. So it leaves an entry while it is under way, or, where there is no room for one,
//!    its passage in the bucket, and no undecided newcomer passes meanwhile.
//! 7. A condemned connection ([`Connections`]) has a socket that stands where a segment that it was about
//!    to take completes a forbidden line. None of its segments with data passes any more.
//!
//! # Liveness: everything else arrives, and nothing is sent twice in vain
//!
//! A segment is dropped if it completes a forbidden line; that is not the case in any other stream,
//! unless accepted copies of a byte differ, or TCP would have discarded it; what TCP would discard
//! condemns nobody. Else only within an undecided start, and only for a while: in motion, if it is no
//! continuation (the lock is released, a grace period ends); if the queue behind its gap has made too
//! much work, or the owner is at work in it; if there is no room in the table; or if urgent data leave
//! more than one way to read it, until what decides waits behind it. Segments ahead of the position pass: to drop them would
//! cost a repetition each time the network reorders. A stream whose first segment decides for
//! something else passes without a drop.

use crate::{
    connections::{Connections, Name},
    counters::Counter,
    kernel_ext::{
        packet::Segment,
        siphash,
        socket::{serial_cpu, Receiver, Takes},
        time,
    },
    policy::{Detect, Kind},
    position::{Position, Span},
    stream::{read_released, Bytes, FirstLine},
    table::{Place, Several, Table, UnderWay},
    trajectory::Trajectory,
    undecided::{Passage, Undecided},
};
use classifier::{Classifier, Line, Verdict, LIMIT};

/// How many bytes of a segment with urgent data are looked at, in each way in which it can be read. One
/// that does not decide within them waits.
const URGENT_MAX: usize = 1024;

/// What is to become of a segment.
pub(crate) enum Ruling {
    /// It may pass.
    Pass,
    /// It would complete a first line of HTTP.
    Http(Found),
    /// It belongs to a condemned connection, and was not looked at.
    Condemned,
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
    /// The connection, if TCP may take the segment for its own.
    pub(crate) connection: Option<Culprit>,
}

/// A connection that speaks HTTP, as far as a segment tells whose checksum was not looked at.
pub(crate) struct Culprit {
    /// What it is known by.
    pub(crate) name: Name,
    /// Whether TCP would take the segment, and nothing else can be read from this connection.
    pub(crate) is_condemned: bool,
    /// The line as it is shown; `None` if the connection is known already.
    pub(crate) line: Option<Line>,
}

/// Why a stream can't be read on.
enum Obstacle {
    /// The queue is being changed by the socket's owner, or has made too much work.
    Queue,
    /// There is no room in the table.
    Room,
}

/// Rules on segments.
#[derive(Clone, Copy)]
pub(crate) struct Court<'a> {
    /// Of the hash by which flows are looked up.
    pub(crate) key: &'a siphash::Key,
    /// Undecided streams.
    pub(crate) table: &'a Table,
    /// Those that were found to be HTTP.
    pub(crate) connections: &'a Connections,
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
        let receiver = segment.receiver();
        let is_socket_past = |received| self.is_past_start(received);
        if matches!(&receiver, Receiver::Socket(socket) if is_socket_past(socket.received())) {
            return Ruling::Pass;
        }
        let hash = self.key.hash(&segment.flow().identity());
        if let Receiver::Socket(socket) = &receiver {
            let name = Name::new(hash, socket.start());
            if self.enforce && segment.len() != 0 && self.connections.is_condemned(name) {
                return Ruling::Condemned;
            }
        }
        let Some(place) = self.table.place(segment.flow(), hash) else {
            return Ruling::Refuse;
        };
        let under_way = place.under_way(cpu);
        let receiver = match receiver {
            // What has arrived may have made the socket since.
            Receiver::Request(_) | Receiver::Nobody => segment.receiver(),
            receiver => receiver,
        };
        let judge = |place, position| Judge {
            court: *self,
            segment,
            hash,
            cpu,
            position,
            place,
            under_way,
            is_uncertain: under_way.is_unmarked(),
        };
        match receiver {
            // Its socket may be about to be made by what is under way.
            Receiver::Nobody if under_way.is_marked() => {
                place.hurry();
                Ruling::Defer
            }
            Receiver::Nobody => Ruling::Pass,
            Receiver::Connecting => Ruling::Defer,
            Receiver::Request(request) => judge(place, Position::of_request(&request)).judge(),
            Receiver::Socket(socket) => {
                let locked = socket.lock();
                judge(place, Position::of(&locked)).judge()
            }
        }
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
            // They come again on the connection, and are counted then.
            (Some(verdict), Some(kind)) => Ruling::Http(Found {
                kind,
                verdict,
                connection: None,
            }),
        }
    }

    /// Of which forbidden kind a stream is.
    fn forbidden(&self, state: Classifier) -> Option<Kind> {
        let kind = Kind::of(state.verdict()?)?;
        self.detect.contains(kind).then_some(kind)
    }
}

/// One ruling.
struct Judge<'a> {
    court: Court<'a>,
    segment: &'a Segment<'a>,
    /// That of the segment's flow.
    hash: u64,
    /// Where its packets keep their order, if anywhere.
    cpu: Option<u32>,
    position: Position<'a>,
    place: Place<'a>,
    under_way: UnderWay,
    /// Whether something of the flow may be on its way that no entry tells of.
    is_uncertain: bool,
}

impl Judge<'_> {
    fn judge(mut self) -> Ruling {
        let ruling = self.rule();
        if !self.court.enforce {
            self.lose_sight(&ruling);
        }
        if matches!(ruling, Ruling::Defer) {
            self.place.hurry();
        }
        ruling
    }

    /// Nothing is known of a stream any more of which a segment passes against a ruling. How much of
    /// the queue was read for it is, unless TCP takes the segment: it may come time and again.
    fn lose_sight(&mut self, ruling: &Ruling) {
        let is_taken = match ruling {
            Ruling::Pass | Ruling::Condemned | Ruling::Refuse => return,
            Ruling::Defer => false,
            // TCP would discard it otherwise, and the stream is still where it was.
            Ruling::Http(_) if !self.segment.checksum_ok() => return,
            Ruling::Http(found) => found
                .connection
                .as_ref()
                .is_some_and(|found| found.is_condemned),
        };
        let now = time::uptime_seconds();
        match self.place.entry() {
            Some(entry) if !is_taken && self.position.received == 0 && entry.is_spent(now) => {
                entry.rest()
            }
            _ => self.place.remove(),
        }
    }

    fn rule(&mut self) -> Ruling {
        let start = match self.position.start() {
            Some(start) => {
                let is_known = self.place.look_for(|entry| self.position.is_of(entry));
                if !is_known && self.position.is_any_beginning() && self.under_way.is_marked() {
                    // Of two segments that would each begin a stream by a SYN cookie, TCP takes the
                    // first that it sees.
                    return Ruling::Defer;
                }
                // What waits for the owner may have lost its entry, or never had one: it is ahead, or
                // decided, or has passed before there was a socket or while the filter was off.
                self.is_uncertain |=
                    !is_known && (self.under_way.is_marked() || self.position.is_data_pending);
                start
            }
            None => match self.place.look_at_only() {
                Ok(Some(entry)) => entry.start(),
                // Something was received, and decided.
                Ok(None) => return Ruling::Pass,
                Err(Several) => return Ruling::Defer,
            },
        };
        if self.is_of_twin() {
            return Ruling::Refuse;
        }
        let span = Span::new(self.segment, start);
        match self.place.entry().map(|entry| *entry) {
            // Decided long ago, or begun before the filter was switched on.
            None if self.position.received != 0 => Ruling::Pass,
            None => self.at_rest(span, Some(Classifier::new())),
            Some(entry) if self.is_in_motion(&entry) => self.in_motion(span, entry),
            Some(_) if self.position.received == 0 => self.at_rest(span, Some(Classifier::new())),
            Some(entry) => self.at_rest(span, entry.trajectory().at(self.position.received)),
        }
    }

    /// Whether the entry is about a connection of the same name that begins at the same numbers: sockets
    /// that are bound to different devices (VRF) can have one name.
    fn is_of_twin(&mut self) -> bool {
        let flow = self.segment.flow();
        let Some(entry) = self.place.entry() else {
            return false;
        };
        if entry.flow().is_by_device_of(flow) {
            return false;
        }
        if let Receiver::Socket(socket) = entry.flow().receiver() {
            let is_its = self
                .position
                .socket
                .is_some_and(|locked| locked.is(&socket));
            if !is_its {
                return true;
            }
        }
        entry.set_flow(*flow);
        false
    }

    /// Whether the socket may still be moved by what passed before.
    fn is_in_motion(&self, entry: &Undecided) -> bool {
        if self.position.is_pending {
            return true;
        }
        let received = self.position.received;
        let trajectory = entry.trajectory();
        let is_decided = trajectory
            .at(received)
            .is_some_and(|here| here.verdict().is_some());
        let has_arrived =
            received == entry.end() && trajectory.last().verdict().is_none() && !entry.is_ahead();
        if is_decided || has_arrived {
            return false;
        }
        // The segment that completed the handshake can wait in the backlog without being counted
        // there (tcp_child_process()).
        let may_be_uncounted = received == 0 && self.position.is_owned();
        may_be_uncounted || self.place.was_under_way(self.under_way)
    }

    /// Nothing is under way, and the socket stands at `here`.
    fn at_rest(&mut self, span: Span, here: Option<Classifier>) -> Ruling {
        let received = i64::from(self.position.received);
        let brings_nothing = span.last <= received && !self.segment.is_urgent();
        let Some(here) = here else {
            if brings_nothing || self.position.is_finished() {
                return Ruling::Pass;
            }
            // Nobody can tell any more what this would complete.
            self.place.end();
            return Ruling::Defer;
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
        let mut trajectory = self.restarted(here);
        if let Err(obstacle) = self.read(span, here, |bytes| trajectory.feed(bytes)) {
            return self.wait(obstacle);
        }
        let end = trajectory.last();
        let is_decided_alone = end.verdict().is_some() && end.offset() <= span.end();
        if is_decided_alone && !self.position.is_filtered() {
            // TCP takes all of it or nothing.
            trajectory = self.decided(here, end);
        }
        self.settle(span, here, trajectory)
    }

    /// A stream that comes from `here` to `end` at once, or stays.
    fn decided(&mut self, here: Classifier, end: Classifier) -> Trajectory {
        let mut trajectory = self.restarted(here);
        // There is room for a second state.
        let _ = trajectory.add(end);
        trajectory
    }

    /// It can't be judged now.
    fn wait(&mut self, obstacle: Obstacle) -> Ruling {
        match obstacle {
            Obstacle::Queue => Ruling::Defer,
            Obstacle::Room => {
                self.place.make_room(self.court.enforce);
                Ruling::Refuse
            }
        }
    }

    /// What is known of the stream before `here`.
    fn restarted(&mut self, here: Classifier) -> Trajectory {
        let known = self.place.entry().map(|entry| *entry.trajectory());
        known.unwrap_or(Trajectory::NONE).restarted(here)
    }

    /// It takes the stream from `here` along `trajectory`.
    fn settle(&mut self, span: Span, here: Classifier, trajectory: Trajectory) -> Ruling {
        let end = trajectory.last();
        if self.court.forbidden(end).is_some() {
            return self.found(span, here, end, !self.is_uncertain);
        }
        let is_undecided = !trajectory.is_decided_next();
        if self.is_uncertain && is_undecided {
            return Ruling::Defer;
        }
        let (cpu, passage) = (self.cpu, self.passage());
        let Some(entry) = self.note(span, here) else {
            if is_undecided {
                return self.wait(Obstacle::Room);
            }
            self.place.pass_unmarked(cpu);
            return Ruling::Pass;
        };
        entry.settle(trajectory, span.end().max(end.offset()));
        // What is ahead is in the queue, where it can be seen.
        entry.set_ahead(false);
        entry.set_urgent(false);
        entry.set_passage(passage);
        Ruling::Pass
    }

    /// It leaves a gap before it, and waits in the queue: what fills the gap is judged with it.
    fn ahead(&mut self, span: Span, here: Classifier) -> Ruling {
        let (passage, trajectory) = (self.passage(), self.restarted(here));
        let Some(entry) = self.note(span, here) else {
            return self.wait(Obstacle::Room);
        };
        entry.settle(trajectory, here.offset());
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
        // The bits of a way's number tell which places it leaves out.
        const WAYS: usize = 1 << 3;
        let mut ways = [here; WAYS];
        let is_left_out = |way: usize, seq: u32| {
            let mut bits = [1, 2, 4].into_iter().zip(places);
            bits.any(|(bit, place)| way & bit != 0 && place == Some(seq))
        };
        let mut seq = span.seq(here.offset().into());
        let mut left = URGENT_MAX;
        let read = self.read(span, here, |bytes| {
            for byte in bytes.get(..left).unwrap_or(bytes) {
                for (way, state) in (0..WAYS).zip(&mut ways) {
                    if !is_left_out(way, seq) {
                        state.feed(core::slice::from_ref(byte));
                    }
                }
                seq = seq.wrapping_add(1);
            }
            left = left.saturating_sub(bytes.len());
            left != 0 && ways.iter().any(|state| state.verdict().is_none())
        });
        if let Err(obstacle) = read {
            return self.wait(obstacle);
        }
        let is_http = |&&state: &&Classifier| self.court.forbidden(state).is_some();
        if let Some(&http) = ways.iter().find(is_http) {
            return self.found(span, here, http, false);
        }
        if ways.iter().any(|state| state.verdict().is_none()) {
            return Ruling::Defer;
        }
        let [plain, ..] = ways;
        let trajectory = self.decided(here, plain);
        if self.note(span, here).is_none() {
            return self.wait(Obstacle::Room);
        }
        let ruling = self.settle(span, here, trajectory);
        if let Some(entry) = self.place.entry() {
            entry.set_urgent(true);
        }
        ruling
    }

    /// Segments of the flow are under way, and may be taken before this one, after it, or never.
    fn in_motion(&mut self, span: Span, entry: Undecided) -> Ruling {
        if self.segment.is_urgent() || entry.is_urgent() {
            return Ruling::Defer;
        }
        let base = entry.trajectory().first();
        if span.last <= base.offset().into() {
            return Ruling::Pass;
        }
        if entry.trajectory().is_decided_next() {
            return self.beside_decided(span, entry);
        }
        if span.first != i64::from(entry.end()) || entry.is_ahead() || self.position.has_queue {
            return Ruling::Defer;
        }

        let tip = entry.trajectory().last();
        Counter::Inspected.count();
        let mut trajectory = *entry.trajectory();
        self.segment.read(0, |bytes| trajectory.feed(bytes));
        if self.court.forbidden(trajectory.last()).is_some() {
            return self.found(span, tip, trajectory.last(), false);
        }
        if trajectory.has_left_out() {
            return Ruling::Defer;
        }
        let end = span.end();
        self.follow(|entry| {
            entry.settle(trajectory, end);
            true
        })
    }

    /// Whatever is taken first of what is under way decides for something else. One that decides for
    /// something else itself, or is read behind such a one, may come in any order.
    fn beside_decided(&mut self, span: Span, entry: Undecided) -> Ruling {
        let base = entry.trajectory().first();
        if span.first <= base.offset().into() {
            if self.position.is_filtered() {
                return Ruling::Defer;
            }
            Counter::Inspected.count();
            let own = self.segment.classify(span.skip(base.offset()), base);
            return match (own.verdict(), self.court.forbidden(own)) {
                (Some(_), None) => self.follow(|entry| entry.trajectory_mut().add(own)),
                _ => Ruling::Defer,
            };
        }
        let is_next = span.first == i64::from(entry.end());
        self.follow(|entry| {
            if is_next {
                entry.extend(span.end());
            } else {
                entry.set_ahead(true);
            }
            true
        })
    }

    /// It passes beside what is under way, if the entry can be told what becomes of the stream.
    fn follow(&mut self, tell: impl FnOnce(&mut Undecided) -> bool) -> Ruling {
        let cpu = self.cpu;
        let Some(entry) = self.place.entry() else {
            return Ruling::Defer;
        };
        if !tell(entry) {
            return Ruling::Defer;
        }
        entry.set_passage(entry.passage().and_now(cpu));
        Ruling::Pass
    }

    /// It completes a forbidden line, which was at `here` before it. Nothing else can be read from there
    /// on if that `is_certain`: it begins where the socket stands, and can be read in one way.
    fn found(&mut self, span: Span, here: Classifier, end: Classifier, is_certain: bool) -> Ruling {
        let (Some(kind), Some(verdict)) = (self.court.forbidden(end), end.verdict()) else {
            return Ruling::Defer;
        };
        let start = span.start;
        let takes = match self.position.socket {
            Some(socket) => socket.takes(self.segment, is_certain),
            None if self.segment.ack() == start.sent => Takes::Unknown,
            None => Takes::No,
        };
        let connection = (takes != Takes::No).then(|| {
            let name = Name::new(self.hash, start);
            let is_known = self.court.connections.is_known(name);
            Culprit {
                name,
                is_condemned: takes == Takes::Yes,
                line: (!is_known).then(|| self.line(span, here, end)),
            }
        });
        Ruling::Http(Found {
            kind,
            verdict,
            connection,
        })
    }

    /// The line that it completes.
    fn line(&mut self, span: Span, here: Classifier, end: Classifier) -> Line {
        let known = self.restarted(here);
        let mut line = FirstLine::new(known.text(here.offset()), here, end);
        // What the queue does not give up any more is missing from the line.
        let _ = self.read(span, here, |bytes| line.add(bytes));
        line.finish()
    }

    /// Hands over what the segment has behind `here` and, if it fills a gap, what waits behind that,
    /// until `consume` returns false.
    fn read(
        &mut self,
        span: Span,
        here: Classifier,
        mut consume: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Obstacle> {
        let goes_on = self.segment.read(span.skip(here.offset()), &mut consume);
        if !goes_on || !self.position.has_queue {
            return Ok(());
        }
        let Some(socket) = self.position.socket else {
            return Ok(());
        };
        // The entry keeps how much of the queue was read.
        let entry = self.note(span, here).ok_or(Obstacle::Room)?;
        let now = time::uptime_seconds();
        let mut budget = entry.budget(now);
        let queue = socket.queue().ok_or(Obstacle::Queue)?;
        let is_whole = read_released(queue, span.seq(span.last), &mut budget, consume);
        entry.set_budget(&budget, now);
        is_whole.then_some(()).ok_or(Obstacle::Queue)
    }

    /// The flow's entry, which is made if there is none; `None` if there is no room.
    fn note(&mut self, span: Span, here: Classifier) -> Option<&mut Undecided> {
        if self.place.entry().is_none() {
            let (cpu, passage) = (self.cpu, self.passage());
            self.place.insert(span.start, here, cpu, passage)?;
        }
        self.place.entry()
    }

    /// That of this segment, and of what passed without an entry before it.
    fn passage(&self) -> Passage {
        match self.is_uncertain {
            true => Passage::now(None),
            false => Passage::now(self.cpu),
        }
    }
}
