// SPDX-License-Identifier: GPL-2.0

//! Rules: what happens to HTTP, by where it comes from and whom it is for. One ordered list, of which
//! the first rule that matches decides.

#![forbid(unsafe_code)]

mod parser;
mod ranges;
mod words;

use crate::{
    kernel_ext::socket::initial_netns,
    policy::{Action, Detect, Kind},
};
use core::net::IpAddr;
use kernel::{
    prelude::*,
    sync::{
        atomic::{ordering::Relaxed, Atomic},
        Arc,
    },
};
use ranges::{Addresses, Ranges};

pub(crate) use parser::{RulesError, SyntaxError};

/// The most rules in a set.
pub(crate) const MAX_RULES: usize = 1024;

/// The most prefixes of addresses in a set.
pub(crate) const MAX_PREFIXES: usize = 16384;

/// The most other values in a set: ports, names and numbers.
pub(crate) const MAX_VALUES: usize = 4096;

/// The most bytes of a set's text.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// What rules ask of a connection.
pub(crate) trait Subject {
    /// The other end's address, if it is known.
    fn peer(&self) -> Option<IpAddr>;

    /// This end's address, if it is known.
    fn local(&self) -> Option<IpAddr>;

    /// This end's port; 0 if it is not known.
    fn port(&self) -> u16;

    /// Whether it comes in by a device of this name.
    fn is_on(&self, device: &[u8]) -> bool;

    /// The inode of its network namespace; `None` for the one that the system started with.
    fn netns(&self) -> Option<u32>;

    /// Whether its socket was made in the control group at this path, or below.
    fn is_in(&self, path: &[u8]) -> bool;
}

/// A part of a set's text, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// Its length.
    pub(crate) fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// A rule: an action, and the conditions for it, all of which must hold.
pub(crate) struct Rule {
    action: Action,
    kinds: Detect,
    from: Option<Addresses>,
    to: Option<Addresses>,
    ports: Option<Ranges<u16>>,
    devices: Option<KVVec<Span>>,
    namespaces: Option<KVVec<Option<u32>>>,
    cgroups: Option<KVVec<Span>>,
    until: Option<i64>,
    is_expired: Atomic<u32>,
    hits: Arc<Atomic<u64>>,
    line: u32,
    span: Span,
}

impl Rule {
    /// What it does.
    pub(crate) fn action(&self) -> Action {
        self.action
    }

    /// The line of the text that it begins in, from 1 on.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Its place in the text, without a comment.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// How many connections it has decided on.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Notes a connection that it has decided on. Any context.
    pub(crate) fn count_hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    /// Whether its time is over.
    pub(crate) fn is_expired(&self) -> bool {
        self.is_expired.load(Relaxed) != 0
    }

    /// Whether it holds for a connection, whatever kind of HTTP that speaks. What costs least is asked
    /// first.
    fn matches(&self, text: &[u8], subject: &impl Subject) -> bool {
        !self.is_expired()
            && holds(&self.ports, |ports| ports.contain(subject.port()))
            && holds(&self.from, |from| {
                subject.peer().is_some_and(|peer| from.contain(peer))
            })
            && holds(&self.to, |to| {
                subject.local().is_some_and(|local| to.contain(local))
            })
            && holds(&self.namespaces, |all| all.contains(&subject.netns()))
            && holds(&self.devices, |all| {
                all.iter().any(|name| subject.is_on(name.of(text)))
            })
            && holds(&self.cgroups, |all| {
                all.iter().any(|path| subject.is_in(path.of(text)))
            })
    }
}

/// The network namespace with this inode, as [`Subject::netns`] tells of it.
pub(crate) fn namespace(inode: u32) -> Option<u32> {
    (inode != initial_netns()).then_some(inode)
}

/// Whether a condition holds, or is not set.
fn holds<T>(condition: &Option<T>, holds: impl FnOnce(&T) -> bool) -> bool {
    condition.as_ref().is_none_or(holds)
}

/// A set of rules, and its text.
pub(crate) struct RuleSet {
    generation: u32,
    text: KVVec<u8>,
    rules: KVVec<Rule>,
}

impl RuleSet {
    /// The set without a rule. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn empty() -> Result<Self> {
        Ok(Self {
            generation: 1,
            text: KVVec::with_capacity(0, GFP_KERNEL)?,
            rules: KVVec::with_capacity(0, GFP_KERNEL)?,
        })
    }

    /// Which set it is: each that replaces another has the next number, which wraps.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Its text, as it was given.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its rules, in order.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of this number, from 1 on.
    pub(crate) fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get((number as usize).checked_sub(1)?)
    }

    /// Passes to `decide`, for each of these `kinds` of HTTP, the number of the first rule that matches;
    /// not for those for which there is none. Any context.
    pub(crate) fn look_up(
        &self,
        subject: &impl Subject,
        kinds: Detect,
        mut decide: impl FnMut(Kind, u32),
    ) {
        let mut left = kinds;
        for (number, rule) in (1..=u32::MAX).zip(self.rules.iter()) {
            let decided = left.and(rule.kinds);
            if decided.is_empty() || !rule.matches(&self.text, subject) {
                continue;
            }
            decided.kinds().for_each(|kind| decide(kind, number));
            left = left.without(decided);
            if left.is_empty() {
                break;
            }
        }
    }

    /// Whether a rule has an end.
    pub(crate) fn has_ends(&self) -> bool {
        self.rules.iter().any(|rule| rule.until.is_some())
    }

    /// Notes which rules have ended at `now`, in seconds since 1970 (`CLOCK_REALTIME`). Returns whether
    /// that has changed for one.
    pub(crate) fn note_expired(&self, now: i64) -> bool {
        let mut has_changed = false;
        for rule in self.rules.iter() {
            let is_expired = rule.until.is_some_and(|until| until <= now);
            if is_expired != rule.is_expired() {
                rule.is_expired.store(is_expired.into(), Relaxed);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Lets each rule that `old` has as well go on counting its hits. Of rules that are the same, each has
    /// those of one.
    fn keep_hits(&mut self, old: &Self) {
        let (text, old_rules) = (&self.text, &old.rules);
        let bit = |index: usize| 1_u64.wrapping_shl(index as u32);
        let mut kept = [0; MAX_RULES.div_ceil(u64::BITS as usize)];
        // Most are where they were, relative to the one before.
        let mut next = 0;
        for rule in self.rules.iter_mut() {
            let is_same = |other: &Rule| {
                words::of(other.span.of(&old.text)).eq(words::of(rule.span.of(text)))
            };
            let mut indices = Iterator::chain(next..old_rules.len(), 0..next);
            let found = indices.find_map(|index| {
                let other = old_rules.get(index).filter(|other| is_same(other))?;
                let kept = kept.get_mut(index / u64::BITS as usize)?;
                let is_free = *kept & bit(index) == 0;
                *kept |= bit(index);
                is_free.then_some((index, other))
            });
            if let Some((index, same)) = found {
                rule.hits = same.hits.clone();
                next = index.wrapping_add(1);
            }
        }
    }
}
