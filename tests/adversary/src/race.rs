// SPDX-License-Identifier: GPL-2.0
//! Two segments of one connection on two CPUs at the same moment: each is harmless by itself, and with
//! the other, or with what follows, it is a request.

use std::sync::Arc;

use anyhow::{bail, Result};

use crate::address::Family;
use crate::engine::Engine;
use crate::namespace::Environment;
use crate::oracle::judge;
use crate::plan::{Action, Again, Opening, Options, Plan, Segment, Socket};
use crate::tally::Tally;

/// How many connections at once; their segments still meet one pair at a time.
const CONCURRENCY: usize = 32;

/// Runs so many rounds of each race for each family.
pub(crate) fn run(rounds: u64, families: &[Family]) -> Result<Tally> {
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("this takes two CPUs");
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
                let violation = judge(&plan, &outcome);
                tally.add(round, &plan, &outcome, violation.as_ref());
                true
            })?;
        }
    }
    Ok(tally)
}

/// Each of them holds bytes that the other lacks.
fn for_the_start(family: Family) -> Plan {
    let together = Action::Together(Segment::new(0, "GE"), Segment::new(0, "??T / HTTP/1.1"));
    plan(family, Opening::default(), together, 0)
}

/// Each of them completes the handshake, and says where the stream begins.
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
        again: Again { tries, recut: None },
    }
}
