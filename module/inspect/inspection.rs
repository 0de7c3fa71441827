// SPDX-License-Identifier: GPL-2.0

//! One inspection: selects the entry of the segment's stream, and the way in which the segment is
//! inspected.

#![forbid(unsafe_code)]

use super::{
    http_match::{Found, ShownLine},
    Decision, Inspector,
};
use crate::{
    classifier_states::States,
    entry::{Entry, InFlight},
    kernel_ext::{packet::Segment, socket::SocketLookup, time},
    socket_state::SocketState,
    span::Span,
    stream::read_ofo_queue,
    table::{Ambiguous, InFlightBefore, LockedFlow},
};
use classifier::Classifier;

/// The inspection of a segment. The bucket of its flow is locked, and so is its socket, if there is
/// one.
pub(super) struct Inspection<'a> {
    pub(super) inspector: Inspector<'a>,
    pub(super) segment: &'a Segment<'a>,
    /// The hash of the segment's flow.
    pub(super) hash: u64,
    pub(super) socket: SocketState<'a>,
    pub(super) flow: LockedFlow<'a>,
    /// What was in flight before the socket's state was read.
    pub(super) before: InFlightBefore,
    /// Whether segments of the flow that no entry records may be in flight.
    pub(super) may_be_untracked: bool,
    /// Its [`first_state`](super::first_state).
    pub(super) first: Option<Classifier>,
    /// A first line of HTTP that the segment completes, and that may pass.
    pub(super) permitted: Option<Found>,
    /// Gets the first line of a connection that is found.
    pub(super) line: &'a mut Option<ShownLine>,
}

/// Why a stream can't be read now.
pub(super) enum NotNow {
    /// The out-of-order queue has an owner, or has been scanned too often.
    Queue,
    /// The table has no free slot.
    NoSlot,
}

impl Inspection<'_> {
    /// Decides on the segment.
    pub(super) fn decide(&mut self) -> Decision {
        let decision = self.inspect();
        let is_put_off = matches!(decision, Decision::Defer | Decision::Refuse);
        let passes_anyway = is_put_off && !self.inspector.policy.enforces();
        if matches!(decision, Decision::Defer) {
            if passes_anyway {
                self.stop_tracking();
            }
            self.flow.request_grace_period();
        }
        match self.permitted.take() {
            Some(found) if passes_anyway || matches!(decision, Decision::Pass) => {
                self.http_match(found)
            }
            _ => decision,
        }
    }

    /// Frees the entry of a stream of which a segment passes against the decision. While the socket has
    /// received nothing, a segment that TCP discards can be sent again and again, so the scan budget is
    /// kept.
    fn stop_tracking(&mut self) {
        let now = time::uptime_seconds();
        match self.flow.entry_mut() {
            Some(entry) if self.socket.received == 0 && entry.has_scanned(now) => {
                entry.reset_states();
            }
            _ => self.flow.free(),
        }
    }

    fn inspect(&mut self) -> Decision {
        let first_seq = match self.socket.first_seq() {
            Some(first_seq) => {
                let has_entry = self.flow.select(|entry| self.socket.has_entry(entry));
                if !has_entry && self.socket.is_syn_cookie() && self.before.is_tracked() {
                    // Of two segments with SYN cookies, each of which would create a socket, TCP
                    // uses the first that it receives.
                    return Decision::Defer;
                }
                if self.socket.backlog_may_have_data && self.flow.has_other_entry() {
                    // That may be this stream's: a weakly ordered processor can show where the
                    // owner moves `rcv_nxt` before it shows that something was received.
                    return Decision::Defer;
                }
                // Segments of the backlog may have no entry: they were out of order, or decided, or
                // they passed before there was a socket, or while the filter was switched off.
                self.may_be_untracked |=
                    !has_entry && (self.before.is_tracked() || self.socket.backlog_may_have_data);
                first_seq
            }
            None => match self.flow.select_only() {
                Ok(Some(entry)) => entry.first_seq(),
                // Data were received, and the stream is decided.
                Ok(None) => return Decision::Pass,
                Err(Ambiguous) => return Decision::Defer,
            },
        };
        if let Some(entry) = self.flow.entry() {
            self.inspector.policy.adopt(entry.rules());
        }
        if self.is_of_other_device() {
            return Decision::Refuse;
        }
        let span = Span::new(self.segment, first_seq);
        match self.flow.entry() {
            // The stream is decided, or was begun before the filter was switched on.
            None if self.socket.received != 0 => Decision::Pass,
            None => self.inspect_synced(span, Some(Classifier::new())),
            Some(entry) if self.is_in_flight(entry) => self.inspect_in_flight(span, *entry),
            Some(_) if self.socket.received == 0 => {
                self.inspect_synced(span, Some(Classifier::new()))
            }
            // It only recorded what was in flight behind a segment that needed no entry.
            Some(entry)
                if !entry.is_undecided() && entry.states().at(self.socket.received).is_none() =>
            {
                self.flow.free();
                Decision::Pass
            }
            Some(entry) => self.inspect_synced(span, entry.states().at(self.socket.received)),
        }
    }

    /// Whether the selected entry belongs to another connection with the same addresses, ports and
    /// sequence numbers: sockets that are bound to different devices (VRF) can share them.
    /// Otherwise the entry gets the segment's device.
    fn is_of_other_device(&mut self) -> bool {
        let flow = self.segment.flow();
        let Some(entry) = self.flow.entry_mut() else {
            return false;
        };
        if entry.flow().has_device_of(flow) {
            return false;
        }
        if let SocketLookup::Socket(socket) = entry.flow().look_up_socket() {
            let is_same = self
                .socket
                .socket()
                .is_some_and(|locked| locked.is(&socket));
            if !is_same {
                return true;
            }
        }
        entry.set_flow(*flow);
        false
    }

    /// Whether segments in flight may still change what the socket has received.
    fn is_in_flight(&self, entry: &Entry) -> bool {
        if self.socket.has_backlog {
            return true;
        }
        let received = self.socket.received;
        let states = entry.states();
        let is_decided = states
            .at(received)
            .is_some_and(|here| here.verdict().is_some());
        let have_arrived = received == entry.end()
            && states.last().verdict().is_none()
            && !entry.is_out_of_order();
        if is_decided || have_arrived {
            return false;
        }
        // tcp_child_process() can put the segment that completes the handshake into the backlog
        // without counting it.
        let may_be_uncounted = received == 0 && self.socket.is_owned();
        may_be_uncounted || self.flow.was_in_flight(self.before)
    }

    /// A range of states that begins at `here`, with the stored text before it.
    pub(super) fn states_from(&self, here: Classifier) -> States {
        let known = self.flow.entry().map(|entry| *entry.states());
        known.unwrap_or(States::NONE).restarted_at(here)
    }

    /// What is in flight once this segment passes.
    pub(super) fn in_flight(&self) -> InFlight {
        InFlight::new(self.segment.cpu().filter(|_| !self.may_be_untracked))
    }

    /// The entry of the stream, which is added if there is none; `None` if there is no free slot.
    pub(super) fn entry_or_insert(&mut self, span: Span, here: Classifier) -> Option<&mut Entry> {
        if self.flow.entry().is_none() {
            let (cpu, in_flight) = (self.segment.cpu(), self.in_flight());
            self.flow.insert(span.first_seq, here, cpu, in_flight)?;
        }
        let policy = self.inspector.policy;
        let entry = self.flow.entry_mut()?;
        entry.set_rules(policy.rule_numbers(), !policy.enforces());
        Some(entry)
    }

    /// Passes to `consume` what the segment holds from the offset of `here` on and, if there is an
    /// out-of-order queue, what TCP will receive from that after it, until `consume` returns false.
    pub(super) fn read(
        &mut self,
        span: Span,
        here: Classifier,
        mut consume: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), NotNow> {
        let goes_on = self.segment.read(span.skip(here.offset()), &mut consume);
        if !goes_on || !self.socket.has_ofo_queue {
            return Ok(());
        }
        let Some(socket) = self.socket.socket() else {
            return Ok(());
        };
        // The entry stores the scan budget.
        let entry = self.entry_or_insert(span, here).ok_or(NotNow::NoSlot)?;
        let now = time::uptime_seconds();
        let mut budget = entry.scan_budget(now);
        let queue = socket.ofo_queue().ok_or(NotNow::Queue)?;
        let is_complete = read_ofo_queue(queue, span.seq(span.end), &mut budget, consume);
        entry.set_scan_budget(&budget, now);
        is_complete.then_some(()).ok_or(NotNow::Queue)
    }

    /// The decision on a segment that can't be inspected now.
    pub(super) fn not_now(&mut self, reason: NotNow) -> Decision {
        match reason {
            NotNow::Queue => Decision::Defer,
            NotNow::NoSlot => {
                if self.inspector.policy.enforces() {
                    self.flow.make_room();
                }
                Decision::Refuse
            }
        }
    }
}
