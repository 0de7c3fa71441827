// SPDX-License-Identifier: GPL-2.0

//! Urgent data, which can be read in several ways.
//!
//! An application skips the urgent byte, or reads it in place (`SO_OOBINLINE`, which can be set at
//! any time); and another byte may become the urgent one before that is read (`tcp_check_urg()`).
//! So the stream is classified in every way in which it can be read, and a segment passes if all of
//! them make it something other than HTTP.

#![forbid(unsafe_code)]

use super::{
    inspection::{Inspection, NotNow},
    Decision,
};
use crate::{counters::Counter, span::Span};
use classifier::Classifier;

/// How many bytes are classified in every way. A segment that is not decided within them is
/// deferred.
const MAX_BYTES: usize = 1024;

/// How many bytes may be the urgent one: the two that a segment's urgent pointer can mean, and the
/// socket's.
const PLACES: usize = 3;

/// How many ways there are to read the stream. The bits of a reading's number tell which urgent
/// bytes it skips.
const READINGS: usize = 1 << PLACES;

impl Inspection<'_> {
    /// Inspects a segment with an urgent pointer, or for a socket that has one.
    pub(super) fn inspect_urgent(&mut self, span: Span, here: Classifier) -> Decision {
        let received = i64::from(self.socket.received);
        if span.start > received || span.end <= received {
            return Decision::Defer;
        }
        Counter::Inspected.count();
        let [at, before] = self.segment.urgent().map(Some);
        let places: [Option<u32>; PLACES] = match self.segment.is_urgent() {
            true => [at, before, self.socket.urgent],
            false => [None, None, self.socket.urgent],
        };
        let mut readings = [here; READINGS];
        let is_skipped = |reading: usize, seq: u32| {
            let mut bits = [1, 2, 4].into_iter().zip(places);
            bits.any(|(bit, place)| reading & bit != 0 && place == Some(seq))
        };
        let mut seq = span.seq(here.offset().into());
        let mut left = MAX_BYTES;
        let read = self.read(span, here, |bytes| {
            for byte in bytes.get(..left).unwrap_or(bytes) {
                for (reading, state) in (0..READINGS).zip(&mut readings) {
                    if !is_skipped(reading, seq) {
                        state.feed(core::slice::from_ref(byte));
                    }
                }
                seq = seq.wrapping_add(1);
            }
            left = left.saturating_sub(bytes.len());
            left != 0 && readings.iter().any(|state| state.verdict().is_none())
        });
        if let Err(reason) = read {
            return self.not_now(reason);
        }
        for end in readings {
            if let Some(decision) = self.match_forbidden(span, here, end, false) {
                return decision;
            }
        }
        if readings.iter().any(|state| state.verdict().is_none()) {
            return Decision::Defer;
        }
        let [plain, ..] = readings;
        let states = self.states_of_one_step(here, plain);
        if self.entry_or_insert(span, here).is_none() {
            return self.not_now(NotNow::NoSlot);
        }
        let decision = self.pass_unless_forbidden(span, here, states);
        if let Some(entry) = self.flow.entry_mut() {
            entry.set_urgent(true);
        }
        decision
    }
}
