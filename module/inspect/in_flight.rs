// SPDX-License-Identifier: GPL-2.0

//! A segment that comes while others of its flow are in flight: TCP may receive those before it,
//! after it, or not at all.

#![forbid(unsafe_code)]

use super::{inspection::Inspection, Decision};
use crate::{counters::Counter, entry::Entry, span::Span, stream::classify};

impl Inspection<'_> {
    /// Inspects a segment while those that `entry` records are in flight.
    pub(super) fn inspect_in_flight(&mut self, span: Span, entry: Entry) -> Decision {
        if self.segment.is_urgent() || entry.is_urgent() {
            return Decision::Defer;
        }
        if span.end <= entry.states().start().into() {
            return Decision::Pass;
        }
        if entry.states().is_decided_after_first() {
            return self.inspect_beside_decided(span, entry);
        }
        let continues = span.start == i64::from(entry.end());
        if !continues || entry.is_out_of_order() || self.socket.has_ofo_queue {
            return Decision::Defer;
        }

        let here = entry.states().last();
        Counter::Inspected.count();
        let mut states = *entry.states();
        self.segment.read(0, |bytes| states.feed(bytes));
        if let Some(decision) = self.match_forbidden(span, here, states.last(), false) {
            return decision;
        }
        if states.is_incomplete() {
            return Decision::Defer;
        }
        let end = span.end_or_zero();
        self.pass_beside(|entry| {
            entry.set_states(states, end);
            true
        })
    }

    /// Inspects a segment while no undecided segment is in flight that begins where the socket
    /// stands: those that do make the stream something other than HTTP, or all lie behind a gap. A
    /// segment that makes it so itself, or that lies behind, may pass in any order.
    fn inspect_beside_decided(&mut self, span: Span, entry: Entry) -> Decision {
        let base = entry.states().first();
        if span.start <= base.offset().into() {
            if self.socket.may_have_filter() {
                return Decision::Defer;
            }
            Counter::Inspected.count();
            let own = classify(self.segment, span.skip(base.offset()), base);
            if own.verdict().is_none() || self.inspector.forbidden(own).is_some() {
                return Decision::Defer;
            }
            // Noted, if it is HTTP that may pass.
            let _ = self.match_forbidden(span, base, own, false);
            return self.pass_beside(|entry| entry.states_mut().add_decided(own));
        }
        let continues = span.start == i64::from(entry.end());
        self.pass_beside(|entry| {
            if continues {
                entry.set_end(span.end_or_zero());
            } else {
                entry.set_out_of_order(true);
            }
            true
        })
    }

    /// Passes the segment beside those in flight, if `update` can record in the entry what that
    /// makes of the stream.
    fn pass_beside(&mut self, update: impl FnOnce(&mut Entry) -> bool) -> Decision {
        let cpu = self.segment.cpu();
        let Some(entry) = self.flow.entry_mut() else {
            return Decision::Defer;
        };
        if !update(entry) {
            return Decision::Defer;
        }
        entry.set_in_flight(entry.in_flight().and(cpu));
        Decision::Pass
    }
}
