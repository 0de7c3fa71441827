// SPDX-License-Identifier: GPL-2.0

//! What happens to the HTTP of one flow: the rules are looked up when that is first asked for, and
//! once for a flow that has an entry in the table.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{cgroup::Cgroup, packet::Segment, rcu::ReadSection, socket::Flow},
    policy::{Action, Config, Kind},
    rules::{Rule, Subject, MAX_RULES},
};
use classifier::Classifier;
use core::{cell::Cell, net::IpAddr};
use kernel::prelude::*;

/// The numbers of the rules that decide on a flow's HTTP, one for each kind, packed; and the
/// generation of the settings that have them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleNumbers(u64);

/// Bits of a number.
const NUMBER_BITS: u32 = 11;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// Where the generation is: its lowest bits, since all others than that of now are
/// [forgotten](crate::table::Table::forget_rules) at each change.
const GENERATION_SHIFT: u32 = 48;
const GENERATION_MASK: u64 = 0x7fff << GENERATION_SHIFT;

/// Set if the rules were looked up.
const KNOWN: u64 = 1 << 63;

static_assert!(MAX_RULES as u64 <= NUMBER_MASK);

impl RuleNumbers {
    /// They were not looked up.
    pub(crate) const UNKNOWN: Self = Self(0);

    fn none(generation: u32) -> Self {
        Self(KNOWN | ((u64::from(generation) << GENERATION_SHIFT) & GENERATION_MASK))
    }

    fn is_of(self, generation: u32) -> bool {
        let Self(none) = Self::none(generation);
        (self.0 ^ none) & (KNOWN | GENERATION_MASK) == 0
    }

    fn shift(kind: Kind) -> u32 {
        NUMBER_BITS.wrapping_mul(kind as u32)
    }

    /// The number of the rule for a kind, from 1 on; 0 if there is none.
    fn get(self, kind: Kind) -> u32 {
        (self.0.wrapping_shr(Self::shift(kind)) & NUMBER_MASK) as u32
    }

    fn set(&mut self, kind: Kind, number: u32) {
        self.0 |= u64::from(number).wrapping_shl(Self::shift(kind));
    }
}

/// What happens to the HTTP of a segment's flow.
pub(crate) struct FlowPolicy<'a> {
    config: &'a Config,
    segment: &'a Segment<'a>,
    numbers: Cell<RuleNumbers>,
}

impl<'a> FlowPolicy<'a> {
    /// That of a segment. Any context that a hook runs in.
    #[inline]
    pub(crate) fn new(config: &'a Config, segment: &'a Segment<'a>) -> Self {
        Self {
            config,
            segment,
            numbers: Cell::new(RuleNumbers::UNKNOWN),
        }
    }

    /// The kind of HTTP that a state has decided for, if it is to be detected.
    #[inline]
    pub(crate) fn detected(&self, state: Classifier) -> Option<Kind> {
        let kind = Kind::of(state.verdict()?)?;
        self.config.detect.contains(kind).then_some(kind)
    }

    /// Takes what was looked up for the same flow before, unless the settings have changed since.
    pub(crate) fn adopt(&self, numbers: RuleNumbers) {
        if numbers.is_of(self.config.generation) {
            self.numbers.set(numbers);
        }
    }

    /// The rules for the flow. They are looked up, if that has not been done.
    pub(crate) fn rule_numbers(&self) -> RuleNumbers {
        if self.numbers.get() == RuleNumbers::UNKNOWN {
            let (flow, section) = (self.segment.flow(), self.segment.read_section());
            let subject = FlowSubject::new(flow, Some(self.segment), section);
            self.numbers.set(look_up(self.config, &subject));
        }
        self.numbers.get()
    }

    /// The rule for a kind of HTTP, and its number; `None` if none matches.
    pub(crate) fn rule(&self, kind: Kind) -> Option<(u32, &'a Rule)> {
        let rules = &self.config.rules;
        if rules.rules().is_empty() {
            return None;
        }
        let number = self.rule_numbers().get(kind);
        Some((number, rules.rule(number)?))
    }

    /// What happens to a kind of HTTP.
    pub(crate) fn action(&self, kind: Kind) -> Action {
        let rule = self.rule(kind);
        rule.map_or(self.config.action, |(_, rule)| rule.action())
    }

    /// Whether a kind of HTTP is blocked. If none is, all segments pass.
    pub(crate) fn enforces(&self) -> bool {
        enforces(self.config, self.rule_numbers())
    }
}

/// Whether nothing of a flow is blocked, as far as that is known without a packet of it.
pub(crate) fn is_exempt(config: &Config, flow: &Flow, section: ReadSection<'_>) -> bool {
    let subject = FlowSubject::new(flow, None, section);
    !enforces(config, look_up(config, &subject))
}

#[inline(never)]
fn look_up(config: &Config, subject: &FlowSubject<'_>) -> RuleNumbers {
    let mut numbers = RuleNumbers::none(config.generation);
    config
        .rules
        .look_up(subject, config.detect, |kind, number| {
            numbers.set(kind, number);
        });
    numbers
}

fn enforces(config: &Config, numbers: RuleNumbers) -> bool {
    let mut kinds = config.detect.kinds();
    kinds.any(|kind| {
        let rule = config.rules.rule(numbers.get(kind));
        rule.map_or(config.action, Rule::action).blocks()
    })
}

/// A flow, as rules look at it.
struct FlowSubject<'a> {
    flow: &'a Flow,
    /// One of its segments, if there is one.
    segment: Option<&'a Segment<'a>>,
    section: ReadSection<'a>,
    /// Its socket's control group, if there is one; `None` until it is first asked for.
    cgroup: Cell<Option<Option<Cgroup<'a>>>>,
}

impl<'a> FlowSubject<'a> {
    fn new(flow: &'a Flow, segment: Option<&'a Segment<'a>>, section: ReadSection<'a>) -> Self {
        Self {
            flow,
            segment,
            section,
            cgroup: Cell::new(None),
        }
    }
}

impl Subject for FlowSubject<'_> {
    fn peer(&self) -> Option<IpAddr> {
        Some(self.flow.source().ip())
    }

    fn local(&self) -> Option<IpAddr> {
        Some(self.flow.destination().ip())
    }

    fn port(&self) -> u16 {
        self.flow.destination().port()
    }

    fn is_on(&self, device: &[u8]) -> bool {
        match self.segment {
            Some(segment) => segment.is_on(device),
            None => self.flow.is_on(device, self.section),
        }
    }

    fn netns(&self) -> Option<u32> {
        self.flow.netns(self.section)
    }

    fn is_in(&self, path: &[u8]) -> bool {
        let cgroup = self.cgroup.get();
        let cgroup = cgroup.unwrap_or_else(|| match self.segment {
            Some(segment) => segment.cgroup(),
            None => self.flow.cgroup(self.section),
        });
        self.cgroup.set(Some(cgroup));
        cgroup.is_some_and(|cgroup| cgroup.is_within(path))
    }
}
