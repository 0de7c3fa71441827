// SPDX-License-Identifier: GPL-2.0

//! A segment of which it is known what TCP will do with it: where the socket stands is known, and
//! nothing is in flight that could move it.

#![forbid(unsafe_code)]

use super::{
    inspection::{Inspection, NotNow},
    Decision,
};
use crate::{classifier_states::States, counters::Counter, span::Span, stream::classify};
use classifier::Classifier;

impl Inspection<'_> {
    /// Inspects a segment while nothing is in flight, and the stream is at `here`; `None` if that
    /// is not known.
    pub(super) fn inspect_synced(&mut self, span: Span, here: Option<Classifier>) -> Decision {
        let received = i64::from(self.socket.received);
        let is_duplicate = span.end <= received && !self.segment.is_urgent();
        let Some(here) = here else {
            if is_duplicate || self.socket.is_done() {
                return Decision::Pass;
            }
            // Nobody knows what the segment would complete.
            if self.inspector.policy.enforces() {
                self.flow.evict();
            }
            return Decision::Defer;
        };
        if here.verdict().is_some() {
            self.flow.free();
            return Decision::Pass;
        }
        if is_duplicate {
            return Decision::Pass;
        }
        if self.segment.is_urgent() || self.socket.urgent.is_some() {
            return self.inspect_urgent(span, here);
        }
        if span.start > received {
            return self.pass_out_of_order(span, here);
        }

        Counter::Inspected.count();
        if !self.socket.may_have_filter() {
            let end = match self.first {
                Some(end) if span.start == 0 && here == Classifier::new() => end,
                _ => classify(self.segment, span.skip(here.offset()), here),
            };
            if end.verdict().is_some() {
                // TCP receives all of the segment, or nothing.
                return self.pass_decided(span, here, end);
            }
        }
        let mut states = self.states_from(here);
        if let Err(reason) = self.read(span, here, |bytes| states.feed(bytes)) {
            return self.not_now(reason);
        }
        self.pass_unless_forbidden(span, here, states)
    }

    /// Decides on a segment that moves the stream from `here` to `end` at once, which is decided, or
    /// not at all. It needs no entry.
    fn pass_decided(&mut self, span: Span, here: Classifier, end: Classifier) -> Decision {
        if let Some(decision) = self.match_forbidden(span, here, end, !self.may_be_untracked) {
            return decision;
        }
        if self.flow.entry().is_none() {
            self.flow.pass_untracked(self.segment.cpu());
            return Decision::Pass;
        }
        let states = self.states_of_one_step(here, end);
        self.pass_unless_forbidden(span, here, states)
    }

    /// The states of a stream that moves from `here` to `end` at once, or not at all.
    pub(super) fn states_of_one_step(&self, here: Classifier, end: Classifier) -> States {
        let mut states = self.states_from(here);
        // There is room for a second state.
        let _ = states.add_decided(end);
        states
    }

    /// Decides on a segment that moves the stream from `here` along `states`, and records them.
    pub(super) fn pass_unless_forbidden(
        &mut self,
        span: Span,
        here: Classifier,
        states: States,
    ) -> Decision {
        let end = states.last();
        if let Some(decision) = self.match_forbidden(span, here, end, !self.may_be_untracked) {
            return decision;
        }
        let is_undecided = !states.is_decided_after_first();
        if self.may_be_untracked && is_undecided {
            return Decision::Defer;
        }
        let (cpu, in_flight) = (self.segment.cpu(), self.in_flight());
        let Some(entry) = self.entry_or_insert(span, here) else {
            if is_undecided {
                return self.not_now(NotNow::NoSlot);
            }
            self.flow.pass_untracked(cpu);
            return Decision::Pass;
        };
        entry.set_states(states, span.end_or_zero().max(end.offset()));
        // Out-of-order segments are in the socket's queue, where they can be read.
        entry.set_out_of_order(false);
        entry.set_urgent(false);
        entry.set_in_flight(in_flight);
        Decision::Pass
    }

    /// A segment behind a gap goes to the out-of-order queue. It is read with the segment that
    /// fills the gap.
    fn pass_out_of_order(&mut self, span: Span, here: Classifier) -> Decision {
        let (in_flight, states) = (self.in_flight(), self.states_from(here));
        let Some(entry) = self.entry_or_insert(span, here) else {
            return self.not_now(NotNow::NoSlot);
        };
        entry.set_states(states, here.offset());
        entry.set_out_of_order(true);
        entry.set_in_flight(in_flight);
        Decision::Pass
    }
}
