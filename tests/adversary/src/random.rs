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
use crate::oracle::{check, is_lossless, Violation};
use crate::plan::show::Text;
use crate::plan::Plan;
use crate::shrink::shrink;
use crate::tally::Tally;

/// How many failed cases are reported one by one.
const REPORTED: u64 = 20;

/// The parameters of a run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) connections: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) limits: Limits,
    /// Liveness is not checked.
    pub(crate) safety_only: bool,
}

/// A case that violates an invariant.
struct Failure {
    case: u64,
    plan: Arc<Plan>,
    violation: Violation,
}

/// Runs cases until there are enough, or the time is over.
pub(crate) fn run(mut run: Run) -> Result<Tally> {
    let mut engine = Engine::start(run.limits.cpus.unwrap_or(2))?;
    exclude_unknown_faults(&mut engine, &mut run.limits)?;
    let begin = Instant::now();
    let mut tally = Tally::default();
    let mut shrunk: Vec<Violation> = Vec::new();
    for first in (0..run.connections).step_by(BATCH as usize) {
        if run.time.is_some_and(|time| begin.elapsed() >= time) {
            break;
        }
        let setting = setting(run.seed, first, &run.limits);
        engine.set_environment(&setting.environment)?;
        engine.lock_sockets(setting.lock_sockets);
        let mut failures = Vec::new();
        let cases = first..(first + BATCH).min(run.connections);
        let plans = cases.map(|case| (case, Arc::new(plan(run.seed, case, &run.limits))));
        engine.run(plans, run.concurrency, |case, plan, outcome| {
            let violation = check(&plan, &outcome)
                .filter(|seen| !run.safety_only || *seen != Violation::Liveness);
            tally.add(case, &plan, &outcome, violation.as_ref());
            if let Some(violation) = violation {
                if tally.violations() <= REPORTED {
                    eprintln!("{}", report(&run, case, &plan, &violation, &outcome.read));
                }
                failures.push(Failure {
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
        // The first failure of each kind is shrunk.
        for Failure {
            case,
            plan,
            violation,
        } in failures
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

/// Runs one case, and prints its plan, its packets and its outcome.
pub(crate) fn replay(seed: u64, case: u64, mut limits: Limits) -> Result<Option<Violation>> {
    let mut engine = Engine::start(limits.cpus.unwrap_or(2))?;
    exclude_unknown_faults(&mut engine, &mut limits)?;
    let setting = setting(seed, case, &limits);
    engine.set_environment(&setting.environment)?;
    engine.lock_sockets(setting.lock_sockets);
    let plan = plan(seed, case, &limits);
    println!(
        "case {case} of seed {seed}, {:?}, sockets locked: {}\n{plan}\n",
        setting.environment, setting.lock_sockets
    );
    let outcome = engine.run_one(&plan, true)?;
    let violation = check(&plan, &outcome);
    println!(
        "\nthe server read {}{}",
        Text(&outcome.read),
        outcome
            .error
            .map_or(String::new(), |error| format!(", then: {error}"))
    );
    println!(
        "retransmissions: {}{}",
        outcome.client.retransmissions,
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

/// Excludes the faults that this kernel does not know, and says so.
fn exclude_unknown_faults(engine: &mut Engine, limits: &mut Limits) -> Result<()> {
    limits.unknown_faults = unknown_faults(engine)?;
    for fault in &limits.unknown_faults {
        eprintln!("this kernel does not know the fault {fault:?}: left out");
    }
    Ok(())
}

/// A failed case, and how to replay it.
fn report(run: &Run, case: u64, plan: &Plan, violation: &Violation, read: &[u8]) -> String {
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
    let (small, reproduced) = shrink(engine, plan, violation)?;
    let what = if reproduced {
        "the smallest plan that still fails"
    } else {
        "not reproduced; the whole plan"
    };
    eprintln!(
        "{}, seed {seed}, case {case}: {what}:\n{small}",
        describe(violation)
    );
    Ok(())
}
