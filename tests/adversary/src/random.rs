// SPDX-License-Identifier: GPL-2.0
//! The randomised test, and the replay of one of its cases.

use std::io::{stderr, IsTerminal};
use std::mem::discriminant;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::attack::{plan, setting, Limits, BATCH};
use crate::calibrate::unknown_faults;
use crate::engine::Engine;
use crate::oracle::{is_lossless, judge, Violation};
use crate::plan::show::Text;
use crate::plan::Plan;
use crate::shrink::shrink;
use crate::tally::Tally;

/// How many broken cases are told one by one.
const TOLD: u64 = 20;

/// What is to be run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) connections: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) limits: Limits,
    /// Only safety is demanded.
    pub(crate) safety_only: bool,
}

/// A case that broke an invariant.
struct Broken {
    case: u64,
    plan: Arc<Plan>,
    violation: Violation,
}

/// Runs cases until there were enough, or the time is over.
pub(crate) fn run(mut run: Run) -> Result<Tally> {
    let mut engine = Engine::start(run.limits.cpus.unwrap_or(2))?;
    learn_faults(&mut engine, &mut run.limits)?;
    let begin = Instant::now();
    let mut tally = Tally::default();
    let mut shrunk: Vec<Violation> = Vec::new();
    for first in (0..run.connections).step_by(BATCH as usize) {
        if run.time.is_some_and(|time| begin.elapsed() >= time) {
            break;
        }
        let setting = setting(run.seed, first, &run.limits);
        engine.set_environment(&setting.environment)?;
        engine.set_hammer(setting.hammer);
        let mut broken = Vec::new();
        let cases = first..(first + BATCH).min(run.connections);
        let plans = cases.map(|case| (case, Arc::new(plan(run.seed, case, &run.limits))));
        engine.run(plans, run.concurrency, |case, plan, outcome| {
            let violation = judge(&plan, &outcome)
                .filter(|seen| !run.safety_only || *seen != Violation::Liveness);
            tally.add(case, &plan, &outcome, violation.as_ref());
            if let Some(violation) = violation {
                if tally.violations() <= TOLD {
                    eprintln!("{}", told(&run, case, &plan, &violation, &outcome.read));
                }
                broken.push(Broken {
                    case,
                    plan,
                    violation,
                });
            }
            if stderr().is_terminal() {
                eprint!(
                    "\r{} of {} connections, {} violations ",
                    tally.connections,
                    run.connections,
                    tally.violations()
                );
            }
            run.time.is_none_or(|time| begin.elapsed() < time)
        })?;
        // The first broken case of each kind is shown as small as it gets.
        for Broken {
            case,
            plan,
            violation,
        } in broken
        {
            if shrunk
                .iter()
                .all(|other| discriminant(other) != discriminant(&violation))
            {
                show_smallest(&mut engine, run.seed, case, &plan, &violation)?;
                shrunk.push(violation);
            }
        }
    }
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    Ok(tally)
}

/// Runs one case, and tells all about it.
pub(crate) fn replay(seed: u64, case: u64, mut limits: Limits) -> Result<Option<Violation>> {
    let mut engine = Engine::start(limits.cpus.unwrap_or(2))?;
    learn_faults(&mut engine, &mut limits)?;
    let setting = setting(seed, case, &limits);
    engine.set_environment(&setting.environment)?;
    engine.set_hammer(setting.hammer);
    let plan = plan(seed, case, &limits);
    println!(
        "case {case} of seed {seed}, {:?}, hammer {}\n{plan}\n",
        setting.environment, setting.hammer
    );
    let outcome = engine.run_one(&plan, true)?;
    let violation = judge(&plan, &outcome);
    println!(
        "\nthe server read {}{}",
        Text(&outcome.read),
        outcome
            .error
            .map_or(String::new(), |error| format!(", then: {error}"))
    );
    println!(
        "sent again: {}{}",
        outcome.client.sent_again,
        if is_lossless(&plan) {
            ", avoidable"
        } else {
            ""
        }
    );
    println!(
        "{}",
        match &violation {
            Some(violation) => describe(violation),
            None => "no violation".into(),
        }
    );
    Ok(violation)
}

/// Leaves those faults out that are none here, and says so.
fn learn_faults(engine: &mut Engine, limits: &mut Limits) -> Result<()> {
    limits.unknown_faults = unknown_faults(engine)?;
    for fault in &limits.unknown_faults {
        eprintln!("this kernel does not know the fault {fault:?}: left out");
    }
    Ok(())
}

/// A broken case, and how to see it again.
fn told(run: &Run, case: u64, plan: &Plan, violation: &Violation, read: &[u8]) -> String {
    format!(
        "{}: read {} of {}\n  replay with: adversary replay --seed {} --case {case}{}",
        describe(violation),
        Text(read),
        Text(&plan.stream),
        run.seed,
        run.limits
    )
}

fn describe(violation: &Violation) -> String {
    match violation {
        Violation::Safety(verdict) => format!("safety violation ({})", verdict.name()),
        Violation::Liveness => "liveness violation".into(),
    }
}

fn show_smallest(
    engine: &mut Engine,
    seed: u64,
    case: u64,
    plan: &Plan,
    violation: &Violation,
) -> Result<()> {
    let (small, again) = shrink(engine, plan, violation)?;
    let what = if again {
        "the smallest plan that still fails"
    } else {
        "not seen again; the whole plan"
    };
    eprintln!(
        "{}, seed {seed}, case {case}: {what}:\n{small}",
        describe(violation)
    );
    Ok(())
}
