// SPDX-License-Identifier: GPL-2.0
//! Random plans. Each is derived from a seed and the number of its case alone.

mod decoy;
mod ordering;

use std::fmt;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::address::Family;
use crate::namespace::Environment;
use crate::oracle::forbidden;
use crate::plan::{Action, Fault, Opening, Options, Plan, Retransmission, Segment, Socket};
use crate::stream;

/// What the command line fixes; the rest is drawn at random.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) family: Option<Family>,
    pub(crate) slow_reader: bool,
    pub(crate) cpus: Option<usize>,
    pub(crate) lock_sockets: bool,
    pub(crate) mtu: Option<u16>,
    pub(crate) early_demux: Option<bool>,
    /// Faults that this kernel does not know: it would take such segments.
    pub(crate) unknown_faults: Vec<Fault>,
}

impl fmt::Display for Limits {
    /// The command line's options for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(family) = self.family {
            write!(f, " --{}", family.name())?;
        }
        if let Some(cpus) = self.cpus {
            write!(f, " --cpus {cpus}")?;
        }
        for (given, option) in [
            (self.slow_reader, " --slow-reader"),
            (self.lock_sockets, " --lock-sockets"),
        ] {
            f.write_str(if given { option } else { "" })?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " --mtu {mtu}")?;
        }
        if let Some(early_demux) = self.early_demux {
            write!(f, " --early-demux {}", u8::from(early_demux))?;
        }
        Ok(())
    }
}

/// How many cases share a setting.
pub(crate) const BATCH: u64 = 250;

/// What the cases of a batch share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) environment: Environment,
    pub(crate) lock_sockets: bool,
}

/// The setting of a case's batch.
pub(crate) fn setting(seed: u64, case: u64, limits: &Limits) -> Setting {
    // No case has a number that high.
    let random = &mut source(seed, u64::MAX - case / BATCH);
    let mtu = *[576, 1500, 1500, 9000].choose(random).unwrap_or(&1500);
    let (early_demux, lock_sockets) = (random.random_bool(0.7), random.random_bool(0.3));
    Setting {
        environment: Environment {
            early_demux: limits.early_demux.unwrap_or(early_demux),
            mtu: limits.mtu.unwrap_or(mtu),
            syn_cookies: random.random_bool(0.15),
            fast_open: random.random_bool(0.15),
        },
        lock_sockets: limits.lock_sockets || lock_sockets,
    }
}

/// A case's plan.
pub(crate) fn plan(seed: u64, case: u64, limits: &Limits) -> Plan {
    let environment = setting(seed, case, limits).environment;
    let random = &mut source(seed, case);
    let drawn = *Family::BOTH.choose(random).unwrap_or(&Family::Ipv4);
    let mut family = limits.family.unwrap_or(drawn);
    let mut socket = match random.random_range(0..10) {
        0 | 1 => Socket::Slow,
        2 => Socket::SmallBuffer,
        3 => Socket::Inline,
        4 => Socket::Mapped,
        _ => Socket::Plain,
    };
    if limits.slow_reader {
        socket = Socket::Slow;
    }
    if socket == Socket::Mapped {
        if limits.family == Some(Family::Ipv6) {
            socket = Socket::Plain;
        } else {
            family = Family::Ipv4;
        }
    }
    let options = Options {
        timestamps: random.random_bool(0.7),
        selective_acks: random.random_bool(0.8),
        window_scale: random.random_bool(0.7).then(|| random.random_range(0..=10)),
        segment_size: environment.segment_size(),
    };
    let stream = stream::random(random);
    let mut plan = Plan {
        family,
        socket,
        options,
        opening: opening(random, &stream, environment.syn_cookies),
        actions: Vec::new(),
        retransmission: Retransmission {
            tries: 0,
            recut: random.random_bool(0.5).then(|| random.random()),
        },
        stream,
    };
    let mut segments = ordering::attack(random, &plan);
    decoy::add(random, &plan, &limits.unknown_faults, &mut segments);
    plan.actions = act(random, &plan, segments, limits.cpus.unwrap_or(2));
    // A stream that must not be delivered is retransmitted only a few times.
    plan.retransmission.tries = if forbidden(&plan.stream).is_some() || !plan.copies_agree() {
        2
    } else {
        12
    };
    plan
}

/// The random number generator of a case.
fn source(seed: u64, case: u64) -> ChaCha8Rng {
    let mut source = ChaCha8Rng::seed_from_u64(seed);
    source.set_stream(case);
    source
}

fn opening(random: &mut impl Rng, stream: &[u8], syn_cookies: bool) -> Opening {
    let third_ack_carries = random.random_bool(0.25);
    let mut opening = Opening {
        third_ack_carries,
        start_is_open: third_ack_carries && syn_cookies,
        ..Opening::default()
    };
    if random.random_bool(0.08) {
        let size = random.random_range(1..=stream.len().min(400));
        opening.syn_data = stream[..size].to_vec();
        opening.fast_open = random.random_bool(0.5);
    }
    opening
}

/// The segments as actions, with changes of the CPU, simultaneous segments, pauses and probes
/// between them.
fn act(random: &mut impl Rng, plan: &Plan, segments: Vec<Segment>, cpus: usize) -> Vec<Action> {
    let many = cpus > 1;
    let changing_cpus = many && random.random_bool(0.25);
    let together = many && random.random_bool(0.2);
    let settling = random.random_bool(0.3);
    let probing = random.random_bool(0.1);
    let mut actions = Vec::new();
    let mut segments = segments.into_iter().peekable();
    while let Some(segment) = segments.next() {
        if changing_cpus && random.random_bool(0.6) {
            actions.push(Action::Cpu(random.random_range(0..cpus)));
        }
        // Nothing may be sent together with the end of the handshake: TCP resets what comes too
        // early.
        let first = actions.is_empty() && plan.opening.third_ack_carries;
        match segments.peek() {
            Some(_) if together && !first && random.random_bool(0.5) => {
                let other = segments.next().unwrap_or_else(|| segment.clone());
                actions.push(Action::Together(segment, other));
            }
            _ => actions.push(Action::Send(segment)),
        }
        if settling && random.random_bool(0.3) {
            actions.push(Action::Settle);
        }
        if probing && random.random_bool(0.3) {
            actions.push(Action::KeepAlive(random.random()));
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_its_seed_and_number() {
        let limits = Limits::default();
        for case in 0..300 {
            let [one, other] = [(); 2].map(|()| format!("{:?}", plan(7, case, &limits)));
            assert_eq!(one, other);
        }
        assert_ne!(
            format!("{:?}", plan(7, 0, &limits)),
            format!("{:?}", plan(8, 0, &limits))
        );
        assert_ne!(
            format!("{:?}", plan(7, 0, &limits)),
            format!("{:?}", plan(7, 1, &limits))
        );
    }

    #[test]
    fn plans_test_both_invariants() {
        let plans: Vec<Plan> = (0..500)
            .map(|case| plan(1, case, &Limits::default()))
            .collect();
        let share = |count: usize| count * 100 / plans.len();
        assert!(
            share(
                plans
                    .iter()
                    .filter(|plan| forbidden(&plan.stream).is_some())
                    .count()
            ) > 30
        );
        assert!(
            share(
                plans
                    .iter()
                    .filter(|plan| crate::oracle::must_be_delivered(plan))
                    .count()
            ) > 25
        );
        assert!(share(plans.iter().filter(|plan| !plan.copies_agree()).count()) > 15);
    }

    #[test]
    fn limits_are_shown_as_they_are_given() {
        let limits = Limits {
            family: Some(Family::Ipv4),
            cpus: Some(2),
            lock_sockets: true,
            early_demux: Some(false),
            ..Limits::default()
        };
        assert_eq!(
            limits.to_string(),
            " --ipv4 --cpus 2 --lock-sockets --early-demux 0"
        );
        assert_eq!(Limits::default().to_string(), "");
    }

    #[test]
    fn every_byte_is_sent() {
        for case in 0..500 {
            let plan = plan(3, case, &Limits::default());
            let mut sent = vec![false; plan.stream.len()];
            for segment in plan.segments().filter(|segment| segment.fault.is_none()) {
                for place in segment.offset.max(0)..segment.end() {
                    if let Some(byte) = sent.get_mut(place as usize) {
                        *byte = true;
                    }
                }
            }
            assert!(sent.iter().all(|&sent| sent), "case {case}\n{plan}");
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits {
            family: Some(Family::Ipv6),
            cpus: Some(1),
            unknown_faults: vec![Fault::Md5],
            ..Limits::default()
        };
        for case in 0..300 {
            let plan = plan(5, case, &limits);
            assert_eq!(plan.family, Family::Ipv6);
            assert!(plan
                .segments()
                .all(|segment| segment.fault != Some(Fault::Md5)));
            assert!(!plan
                .actions
                .iter()
                .any(|action| matches!(action, Action::Cpu(_) | Action::Together(..))));
        }
    }
}
