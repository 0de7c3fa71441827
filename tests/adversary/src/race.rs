// SPDX-License-Identifier: GPL-2.0
//! Two segments of one connection, received on two CPUs at the same time: neither is a request, but
//! both are, together or with what follows.

use std::sync::Arc;

use anyhow::{bail, Result};

use crate::address::Family;
use crate::engine::Engine;
use crate::namespace::Environment;
use crate::oracle::check;
use crate::plan::{Action, Opening, Options, Plan, Retransmission, Segment, Socket};
use crate::tally::Tally;

/// How many connections at once. Pairs of segments are sent one at a time.
const CONCURRENCY: usize = 32;

/// Runs this many rounds of each race, for each family.
pub(crate) fn run(rounds: u64, families: &[Family]) -> Result<Tally> {
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("two CPUs are needed");
    }
    let mut engine = Engine::start(2)?;
    let mut tally = Tally::default();
    for syn_cookies in [false, true] {
        engine.set_environment(&Environment {
            syn_cookies,
            ..Environment::default()
        })?;
        for &family in families {
            let plan = Arc::new(if syn_cookies {
                for_the_handshake(family)
            } else {
                for_the_start(family)
            });
            let plans = (0..rounds).map(|round| (round, plan.clone()));
            engine.run(plans, CONCURRENCY, |round, plan, outcome| {
                let violation = check(&plan, &outcome);
                tally.add(round, &plan, &outcome, violation.as_ref());
                true
            })?;
        }
    }
    Ok(tally)
}

/// Two first segments: each has bytes of the request that the other lacks.
fn for_the_start(family: Family) -> Plan {
    let together = Action::Together(Segment::new(0, "GE"), Segment::new(0, "??T / HTTP/1.1"));
    plan(family, Opening::default(), together, 0)
}

/// Two segments that complete the handshake of a SYN cookie: each tells where the stream begins.
fn for_the_handshake(family: Family) -> Plan {
    let opening = Opening {
        third_ack_carries: true,
        start_is_open: true,
        ..Opening::default()
    };
    let together = Action::Together(Segment::new(0, "G"), Segment::new(1, "E"));
    plan(family, opening, together, 2)
}

fn plan(family: Family, opening: Opening, together: Action, tries: u32) -> Plan {
    Plan {
        family,
        socket: Socket::Plain,
        options: Options {
            timestamps: false,
            selective_acks: true,
            window_scale: None,
            segment_size: 1400,
        },
        opening,
        stream: b"GET / HTTP/1.1".to_vec(),
        actions: vec![together],
        retransmission: Retransmission { tries, recut: None },
    }
}
