// SPDX-License-Identifier: GPL-2.0

//! An entry of the table: what is known of one stream whose start is undecided.

#![forbid(unsafe_code)]

use crate::{
    classifier_states::States,
    flow_policy::RuleNumbers,
    kernel_ext::{
        rcu::GracePeriod,
        socket::{FirstSeq, Flow},
    },
    stream::ScanBudget,
};
use classifier::Classifier;
use kernel::prelude::*;

/// Packets that have passed the hook and may not have reached TCP yet.
#[derive(Clone, Copy)]
pub(crate) struct InFlight {
    /// Begun after the last of them passed. Once it has elapsed, all of them have reached TCP:
    /// bottom halves are off, or RCU is held, from the hook to the socket.
    grace_period: GracePeriod,
    /// The CPU in whose softirq all of them passed, or [`InFlight::ANY_CPU`].
    cpu: u16,
}

impl InFlight {
    const ANY_CPU: u16 = u16::MAX;

    /// No packets.
    pub(crate) const NONE: Self = Self {
        grace_period: GracePeriod::NONE,
        cpu: 0,
    };

    /// A packet that passes now. `cpu` is [`Segment::cpu()`].
    ///
    /// [`Segment::cpu()`]: crate::kernel_ext::packet::Segment::cpu
    pub(crate) fn new(cpu: Option<u32>) -> Self {
        Self {
            grace_period: GracePeriod::next(),
            cpu: cpu.map_or(Self::ANY_CPU, |cpu| {
                u16::try_from(cpu).unwrap_or(Self::ANY_CPU)
            }),
        }
    }

    /// The same and another packet, which passes now.
    pub(crate) fn and(self, cpu: Option<u32>) -> Self {
        let new = Self::new(cpu);
        if new.cpu == self.cpu {
            new
        } else {
            Self::new(None)
        }
    }

    /// Requests the grace period, so that all of them have reached TCP when a segment is
    /// retransmitted. Any context that a hook runs in.
    pub(crate) fn request_grace_period(self) {
        self.grace_period.request();
    }

    /// Whether all of them have reached TCP, as seen by a packet whose [`Segment::cpu()`] is `cpu`.
    /// Packets in softirqs of one CPU reach TCP one after the other.
    ///
    /// [`Segment::cpu()`]: crate::kernel_ext::packet::Segment::cpu
    pub(crate) fn have_arrived(self, cpu: Option<u32>) -> bool {
        cpu.is_some_and(|cpu| self.cpu != Self::ANY_CPU && u32::from(self.cpu) == cpu)
            || self.grace_period.has_elapsed()
    }
}

/// A stream whose start is undecided, or was when its last packet passed.
///
/// `states` covers all data that have passed and that TCP may still accept: wherever the socket
/// comes to stand, it has the classifier's state there.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Entry {
    flow: Flow,
    rules: RuleNumbers,
    grace_period: GracePeriod,
    first_seq: FirstSeq,
    end: u32,
    states: States,
    since: u16,
    cpu: u16,
    scanned: u16,
    /// When `scanned` was set, in seconds of uptime, the low byte.
    scanned_at: u8,
    flags: u8,
}

static_assert!(core::mem::size_of::<Entry>() <= 136);

/// The greatest age, in seconds.
const MAX_AGE: u16 = u16::MAX / 2;

/// Segments behind a gap have passed since the last one that was inspected synced and in order.
const OUT_OF_ORDER: u8 = 1 << 0;
/// A segment that was read as urgent data may be in flight.
const URGENT: u8 = 1 << 1;
/// The sweep is to evict the entry, by aborting its connection.
const EVICT: u8 = 1 << 2;
/// All segments of the flow pass.
const EXEMPT: u8 = 1 << 3;

impl Entry {
    /// An unused entry.
    pub(crate) const FREE: Self = Self {
        flow: Flow::NONE,
        grace_period: GracePeriod::NONE,
        first_seq: FirstSeq {
            received: 0,
            sent: 0,
        },
        end: 0,
        states: States::NONE,
        rules: RuleNumbers::UNKNOWN,
        since: 0,
        cpu: 0,
        scanned: 0,
        scanned_at: 0,
        flags: 0,
    };

    /// An entry for a stream that is at `here`, made at `now`, in seconds of uptime.
    pub(crate) fn new(
        flow: Flow,
        first_seq: FirstSeq,
        here: Classifier,
        now: u32,
        in_flight: InFlight,
    ) -> Self {
        let mut new = Self {
            flow,
            first_seq,
            since: now as u16,
            ..Self::FREE
        };
        new.set_states(States::NONE.restarted_at(here), here.offset());
        new.set_in_flight(in_flight);
        new
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Replaces the flow by one with another input device.
    pub(crate) fn set_flow(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// The first sequence numbers of its connection.
    pub(crate) fn first_seq(&self) -> FirstSeq {
        self.first_seq
    }

    /// Offset behind the last byte that has passed without a gap before it.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Its age at `now`, in seconds.
    pub(crate) fn age(&self, now: u32) -> u16 {
        (now as u16).wrapping_sub(self.since)
    }

    /// Limits the age to [`MAX_AGE`], so that it does not wrap around. To be called every few
    /// hours.
    pub(crate) fn limit_age(&mut self, now: u32) {
        if self.age(now) > MAX_AGE {
            self.set_oldest(now);
        }
    }

    fn set_oldest(&mut self, now: u32) {
        self.since = (now as u16).wrapping_sub(MAX_AGE);
    }

    /// The states at the offsets where its socket may come to stand.
    pub(crate) fn states(&self) -> &States {
        &self.states
    }

    /// The same, to add to them.
    pub(crate) fn states_mut(&mut self) -> &mut States {
        &mut self.states
    }

    /// The rules for its flow, as they were looked up.
    pub(crate) fn rules(&self) -> RuleNumbers {
        self.rules
    }

    /// Sets [`Self::rules`], and whether they let all segments of the flow pass.
    pub(crate) fn set_rules(&mut self, rules: RuleNumbers, is_exempt: bool) {
        self.rules = rules;
        self.set(EXEMPT, is_exempt);
    }

    /// Whether all segments of its flow pass.
    pub(crate) fn is_exempt(&self) -> bool {
        self.flags & EXEMPT != 0
    }

    /// Forgets the rules for its flow, and what they led to, but for whether all of its segments pass.
    pub(crate) fn forget_rules(&mut self, is_exempt: bool) {
        self.set_rules(RuleNumbers::UNKNOWN, is_exempt);
        self.set(EVICT, false);
    }

    /// Whether it has an undecided state behind the stream's beginning. Such an entry must be kept
    /// as long as its socket may stand there. Any other one only records what is in flight: the
    /// state at the beginning is the initial one.
    pub(crate) fn is_undecided(&self) -> bool {
        self.states.is_undecided()
    }

    /// Sets the states, and [`Self::end`].
    pub(crate) fn set_states(&mut self, states: States, end: u32) {
        self.states = states;
        self.end = end;
    }

    /// Puts the states back to the stream's beginning.
    pub(crate) fn reset_states(&mut self) {
        self.set_states(States::NONE.restarted_at(Classifier::new()), 0);
    }

    /// Sets [`Self::end`].
    pub(crate) fn set_end(&mut self, end: u32) {
        self.end = end;
    }

    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight {
            grace_period: self.grace_period,
            cpu: self.cpu,
        }
    }

    pub(crate) fn set_in_flight(&mut self, in_flight: InFlight) {
        (self.grace_period, self.cpu) = (in_flight.grace_period, in_flight.cpu);
    }

    pub(crate) fn is_out_of_order(&self) -> bool {
        self.flags & OUT_OF_ORDER != 0
    }

    pub(crate) fn set_out_of_order(&mut self, out_of_order: bool) {
        self.set(OUT_OF_ORDER, out_of_order);
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.flags & URGENT != 0
    }

    pub(crate) fn set_urgent(&mut self, urgent: bool) {
        self.set(URGENT, urgent);
    }

    pub(crate) fn is_to_be_evicted(&self) -> bool {
        self.flags & EVICT != 0
    }

    pub(crate) fn mark_for_eviction(&mut self) {
        self.set(EVICT, true);
    }

    /// Its connection can't be aborted now. It counts as the oldest, so that all others are evicted
    /// before it is tried again.
    pub(crate) fn postpone_eviction(&mut self, now: u32) {
        self.set(EVICT, false);
        self.set_oldest(now);
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on {
            self.flags | flag
        } else {
            self.flags & !flag
        };
    }

    /// How much of its socket's out-of-order queue may be scanned at `now`, in seconds of uptime.
    pub(crate) fn scan_budget(&self, now: u32) -> ScanBudget {
        // After more than four minutes it may be refilled by less than it could.
        let elapsed = (now as u8).wrapping_sub(self.scanned_at);
        ScanBudget::new(self.scanned).refilled(elapsed)
    }

    /// Whether some of that budget is used up.
    pub(crate) fn has_scanned(&self, now: u32) -> bool {
        self.scan_budget(now).used() != 0
    }

    /// Stores what is left of that budget.
    pub(crate) fn set_scan_budget(&mut self, budget: &ScanBudget, now: u32) {
        self.scanned = budget.used();
        self.scanned_at = now as u8;
    }
}
