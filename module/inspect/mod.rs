// SPDX-License-Identifier: GPL-2.0

//! Decides whether a segment may pass, given the state of its socket and what has passed before it.
//!
//! Offsets count from the first byte of a stream. `received` is the number of bytes that TCP has
//! received: the socket's own count, which segments that TCP discards do not change. A(n) is the
//! classifier's state after the first n bytes that the application can read. A state is undecided or
//! decided, and a decided state is never left; it is forbidden if it is HTTP of a kind that `detect`
//! names, and that is to be dropped or rejected ([`FlowPolicy`]). HTTP that may pass is a decided state like
//! any other, and is told of besides. If a flow has nothing that is forbidden, all of its segments pass.
//!
//! A segment is inspected in one of two ways.
//!
//! **Synced** ([`synced`]): `received` is exact, and nothing is in flight between the hook and TCP
//! that could change it. Then it is known what the segment does if TCP accepts it. A
//! segment that begins behind `received` goes to the out-of-order queue. Of any other, TCP receives
//! all bytes from `received` on, and after them the tails of segments in the out-of-order queue
//! (`tcp_data_queue()`, `tcp_ofo_queue()`). All states on the way are recorded, and the segment passes unless the last
//! one is forbidden.
//!
//! **In flight** ([`in_flight`]): segments are in the backlog of a socket that has an owner, or
//! have passed on another CPU a moment ago. TCP may receive them before this segment, after it, or
//! not at all. Only a segment that begins exactly where the last one ended may pass, so that each
//! offset has one content, whatever TCP receives.
//!
//! # Safety: no application reads a forbidden first line
//!
//! The states of an entry include A(received), as long as that is undecided, wherever the socket
//! may come to stand; and none of them is forbidden.
//!
//! 1. If synced, `received` is known, and so is A(received): it is the initial state, or recorded.
//!    A segment that begins behind `received` changes nothing. It goes to the out-of-order queue,
//!    and is read together with the segment that fills the gap. Any other segment leaves `received`
//!    as it is, or moves it to a state that is recorded. Until it has arrived, other segments of
//!    its flow are inspected in flight, or come later in a softirq of the same CPU.
//! 2. In flight, segments are chained end to end: each is the only content of its offsets that is
//!    in flight, and the out-of-order queue is empty. Whichever of them TCP receives, the stream is
//!    a prefix of the chain, and all states along the chain are recorded. Or each of those that
//!    begin where the socket stands makes the stream something other than HTTP: then the rest may
//!    overlap in any order, because one of these is received first.
//! 3. A segment that TCP discards does not change `received`. The states that were recorded for it
//!    are not looked up, and the next synced segment overwrites them. If TCP receives a part of a
//!    segment, because a socket filter trims it or because TCP has rewritten its out-of-order
//!    queue, `received` is one of the recorded offsets. If no state is recorded there, since there
//!    were too many, the connection is aborted.
//! 4. What is in flight is determined before the socket's state is read, but for [`first_state`]:
//!    what had arrived by then is in that state. A segment for which there is no socket passes if
//!    nothing of its flow is in flight.
//! 5. No entry means that nothing was received, that the stream is decided, or that it began before
//!    the filter was switched on, or while nothing of its flow was forbidden: any other entry with an
//!    undecided state behind the beginning lives as long as its socket. Out-of-order segments are
//!    found in the socket's queue. If the backlog holds segments of which no entry is known,
//!    nothing undecided passes.
//! 6. A segment that makes the stream something other than HTTP by itself needs no entry. While it is
//!    in flight, it must be recorded all the same: an undecided segment could pass beside it, and if
//!    TCP received that one first, its bytes and the tail of the decided segment could form a
//!    forbidden line. An entry records it, if there is one, and otherwise the bucket does: until it
//!    has arrived, no undecided segment of a new stream passes that shares its record.
//! 7. The socket of a blackholed connection ([`HttpConnections`]) stands where a segment that TCP
//!    was about to accept completes a forbidden line; or it will, if there is only its request. No
//!    segment with data passes to it any more: all are dropped unread, or inspected, if they were
//!    looked up before the connection was blackholed.
//!
//! # Liveness: everything else arrives, and nothing is retransmitted in vain
//!
//! A segment is dropped if it completes a forbidden line. In any other stream that does not happen,
//! unless accepted copies of a byte differ, or TCP would have discarded the segment, which then
//! blackholes no connection. Otherwise a segment is dropped only within an undecided start, and
//! only for a while: if it is inspected in flight and does not continue what has passed (until the
//! owner releases the socket, or a grace period has elapsed); if the out-of-order queue has been
//! scanned too often, or has an owner; if the table has no free slot; or if urgent data can be read
//! in several ways, until what decides is in the queue. Also dropped are data of a SYN that do not
//! make the stream something other than HTTP, SYNs that point to urgent data, second subflows of
//! Multipath TCP, segments to a socket that has sent a SYN and whose handshake goes on, segments
//! whose request has gone since it was looked up, the start of a stream that a BPF program has
//! assigned to a socket of another flow, segments that meet a backlog and another connection's
//! entry, and, of connections that have the same addresses, ports and sequence numbers on different
//! devices (VRF), all but the first. Out-of-order segments pass: dropping them would cost a
//! retransmission each time the network reorders packets. A stream whose first segment makes it
//! something other than HTTP passes without a drop.

#![forbid(unsafe_code)]

mod http_match;
mod in_flight;
mod inspection;
mod synced;
mod urgent;

use crate::{
    counters::Counter,
    events::Events,
    flow_policy::FlowPolicy,
    http_connections::{ConnectionId, HttpConnections},
    kernel_ext::{
        flow_hash,
        packet::Segment,
        socket::{FirstSeq, Socket, SocketLookup},
    },
    policy::{Action, Kind},
    socket_state::{Receiver, SocketState},
    stream::classify,
    table::{InFlightBefore, Table},
};
use classifier::{Classifier, LIMIT};

pub(crate) use http_match::{HttpConnection, HttpMatch, ShownLine};
use inspection::Inspection;

/// What is to be done with a segment.
pub(crate) enum Decision {
    /// It may pass.
    Pass,
    /// It would complete a first line of HTTP.
    Http(HttpMatch),
    /// It belongs to a connection that is blackholed for this action and has these numbers, and was not
    /// read.
    Blackholed(Action, FirstSeq),
    /// It is to be dropped so that it is retransmitted: its effect on the stream is not known now.
    Defer,
    /// The same, because the table has no free slot; or it would add what can't be inspected.
    Refuse,
}

/// Inspects segments.
#[derive(Clone, Copy)]
pub(crate) struct Inspector<'a> {
    /// The key of the hash of flows, by which `table` and `connections` find them.
    pub(crate) key: &'a flow_hash::Key,
    /// Streams whose start is undecided.
    pub(crate) table: &'a Table,
    /// Connections that were found to speak HTTP.
    pub(crate) connections: &'a HttpConnections,
    /// What happens to the HTTP of the segment's flow.
    pub(crate) policy: &'a FlowPolicy<'a>,
    /// Whether first lines are logged.
    pub(crate) log: bool,
    /// Whether somebody listens to events, in which first lines are told.
    pub(crate) events: &'a Events,
}

impl Inspector<'_> {
    /// Decides on a segment for which `lookup` was found, unless it is a SYN. `line` gets the first
    /// line of a connection that is found, if that is to be logged or told of. Any context that a hook runs in.
    #[inline]
    pub(crate) fn inspect(
        &self,
        segment: &Segment<'_>,
        lookup: SocketLookup<'_>,
        line: &mut Option<ShownLine>,
    ) -> Decision {
        if segment.is_syn() {
            return self.inspect_syn(segment);
        }
        let hash = self.key.hash(segment.flow());
        let SocketLookup::Socket(socket) = &lookup else {
            return self.inspect_start(segment, hash, lookup, None, line);
        };
        if self.connections.may_be_blackholed(hash) {
            let first_seq = socket.first_seq();
            if let Some(action) = self.blackholed(segment, hash, first_seq) {
                return Decision::Blackholed(action, first_seq);
            }
        }
        let first = first_state(segment, socket);
        let is_other =
            first.is_some_and(|end| end.verdict().is_some() && self.policy.detected(end).is_none());
        // What `Inspection` would find of nearly all streams.
        if is_other && self.table.pass_untracked(segment, hash) {
            Counter::Inspected.count();
            return Decision::Pass;
        }
        self.inspect_start(segment, hash, lookup, first, line)
    }

    /// What a segment's connection is blackholed for, if that is to be dropped for it.
    #[inline(never)]
    fn blackholed(&self, segment: &Segment<'_>, hash: u64, first_seq: FirstSeq) -> Option<Action> {
        let id = ConnectionId::new(hash, first_seq);
        (segment.len() != 0).then(|| self.connections.blackholed(id))?
    }

    /// Decides on a segment of an undecided start; `first` is its [`first_state`].
    #[inline(never)]
    fn inspect_start(
        &self,
        segment: &Segment<'_>,
        hash: u64,
        lookup: SocketLookup<'_>,
        first: Option<Classifier>,
        line: &mut Option<ShownLine>,
    ) -> Decision {
        match &lookup {
            SocketLookup::Socket(socket)
                if first.is_none() && socket.received() >= u64::from(LIMIT) =>
            {
                return Decision::Pass;
            }
            _ => {}
        }
        let Some(flow) = self.table.lock(segment.flow(), hash) else {
            return Decision::Refuse;
        };
        let before = flow.in_flight(segment.cpu());
        if let (Some(end), SocketLookup::Socket(socket), false) =
            (first, &lookup, flow.has_entries())
        {
            if let Some(decision) = self.first_match(segment, hash, socket, before, end) {
                return decision;
            }
        }
        let was_request = matches!(lookup, SocketLookup::Request(_));
        let lookup = match lookup {
            // A segment that has arrived since may have created the socket.
            SocketLookup::Request(_) | SocketLookup::RequestGone | SocketLookup::NoSocket => {
                segment.look_up_socket()
            }
            lookup => lookup,
        };
        let locked;
        let socket = match &lookup {
            // A segment in flight may be about to create the socket.
            SocketLookup::NoSocket if before.is_tracked() => {
                flow.request_grace_period();
                return Decision::Defer;
            }
            SocketLookup::NoSocket if !was_request => return Decision::Pass,
            SocketLookup::NoSocket
            | SocketLookup::RequestGone
            | SocketLookup::OtherFlow
            | SocketLookup::SynSent => return Decision::Defer,
            SocketLookup::Request(request) => SocketState::of_request(request),
            SocketLookup::Socket(socket) => {
                locked = socket.lock();
                SocketState::of(&locked)
            }
        };
        let mut inspection = Inspection {
            inspector: *self,
            segment,
            hash,
            socket,
            flow,
            before,
            may_be_untracked: before.is_untracked(),
            first,
            permitted: None,
            line,
        };
        inspection.decide()
    }

    /// What [`Inspection`] would decide on a segment of whose flow there is no entry, `end` being its
    /// [`first_state`]. `None` if that is not forbidden, or if the first line must be read.
    #[inline(never)]
    fn first_match(
        &self,
        segment: &Segment<'_>,
        hash: u64,
        socket: &Socket<'_>,
        before: InFlightBefore,
        end: Classifier,
    ) -> Option<Decision> {
        let kind = self.forbidden(end)?;
        let method = end.method().filter(|_| !self.log)?;
        if self.events.has_listeners() {
            return None;
        }
        let socket = socket.lock();
        if !SocketState::of(&socket).begins_at(segment.seq()) {
            return None;
        }
        Counter::Inspected.count();
        let receiver = (Receiver::Socket(&socket), socket.first_seq());
        let is_certain = !before.is_untracked();
        let method = |_| Some(method);
        Some(self.http_match(segment, receiver, hash, kind, is_certain, method))
    }

    /// Decides on a SYN. TCP receives its data before anything is known of the sender, so nothing
    /// is recorded: they pass if they make the stream something other than HTTP, and are sent again
    /// after a SYN without data otherwise.
    ///
    /// A second subflow of Multipath TCP would carry any part of the stream, in any order, and the
    /// offset in the subflow says nothing about it. Without the subflow, the peer uses the first
    /// one.
    ///
    /// A SYN that points to urgent data tells the socket which byte of the stream readers skip, while
    /// others of its segments are inspected. No stack sends one.
    fn inspect_syn(&self, segment: &Segment<'_>) -> Decision {
        if segment.is_mptcp_join() || segment.is_urgent() {
            return Decision::Refuse;
        }
        if segment.len() == 0 || !segment.syn_data_may_be_read() {
            return Decision::Pass;
        }
        Counter::Inspected.count();
        let end = classify(segment, 0, Classifier::new());
        match (end.verdict(), self.forbidden(end)) {
            (None, _) => Decision::Defer,
            (Some(_), None) => {
                // Its connection is not known yet.
                if self.policy.detected(end).is_some() {
                    Counter::Uninspectable.count();
                }
                Decision::Pass
            }
            // The data are sent again on the connection, which is counted then.
            (Some(_), Some(kind)) => Decision::Http(HttpMatch {
                kind,
                connection: None,
            }),
        }
    }

    /// The kind of HTTP that a state has decided for, if that is forbidden.
    fn forbidden(&self, state: Classifier) -> Option<Kind> {
        let kind = self.policy.detected(state)?;
        self.policy.action(kind).blocks().then_some(kind)
    }
}

/// The state after a segment, if that begins where its stream does.
///
/// Read without the socket's lock. Unless the flow has entries, the socket is not within an
/// undecided start, nor is an undecided or urgent segment in flight. Then a segment passes if this
/// state is a decided one and not forbidden, whatever the socket has received by now.
#[inline]
fn first_state(segment: &Segment<'_>, socket: &Socket<'_>) -> Option<Classifier> {
    if segment.is_urgent() || !socket.begins_at(segment.seq()) {
        return None;
    }
    Some(classify(segment, 0, Classifier::new()))
}
