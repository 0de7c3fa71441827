// SPDX-License-Identifier: GPL-2.0
//! Two segments of one connection on two CPUs at the same moment: each is harmless after the other's
//! absence, and together they are a request.

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

/// Runs so many rounds for each family.
pub(crate) fn run(rounds: u64, families: &[Family]) -> Result<Tally> {
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("this takes two CPUs");
    }
    let mut engine = Engine::start(2)?;
    engine.set_environment(&Environment::default())?;
    let mut tally = Tally::default();
    for &family in families {
        let plan = Arc::new(plan(family));
        let plans = (0..rounds).map(|round| (round, plan.clone()));
        engine.run(plans, CONCURRENCY, |round, plan, outcome| {
            let violation = judge(&plan, &outcome);
            tally.add(round, &plan, &outcome, violation.as_ref());
            true
        })?;
    }
    Ok(tally)
}

fn plan(family: Family) -> Plan {
    let stream = b"GET / HTTP/1.1";
    Plan {
        family,
        socket: Socket::Plain,
        options: Options {
            timestamps: false,
            selective_acks: true,
            window_scale: None,
            segment_size: 1400,
        },
        opening: Opening::default(),
        stream: stream.to_vec(),
        actions: vec![Action::Together(
            Segment::new(0, "GE"),
            Segment::new(0, "??T / HTTP/1.1"),
        )],
        again: Again {
            tries: 0,
            recut: None,
        },
    }
}
