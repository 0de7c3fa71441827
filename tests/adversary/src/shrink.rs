// SPDX-License-Identifier: GPL-2.0
//! Shrinks a plan that breaks an invariant to a smaller one that still does.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::engine::Engine;
use crate::oracle::{check, Violation};
use crate::plan::{Action, Opening, Plan, Segment, Socket};

/// The time limit.
const TIME: Duration = Duration::from_secs(60);
/// How often each smaller plan is run: some failures are races.
const RUNS: usize = 4;
/// How many runs at once.
const CONCURRENCY: usize = 64;
/// How often a smaller plan's client retransmits: fewer times, which is faster.
const TRIES: u32 = 3;

/// The smallest plan found that breaks the same invariant, and whether the violation was reproduced
/// at all.
pub(crate) fn shrink(
    engine: &mut Engine,
    plan: &Plan,
    violation: &Violation,
) -> Result<(Plan, bool)> {
    let late = Instant::now() + TIME;
    let mut best = plan.clone();
    best.retransmission.tries = best.retransmission.tries.min(TRIES);
    let reproduced = !failing(engine, vec![best.clone()], violation)?.is_empty();
    while reproduced && Instant::now() < late {
        let mut smaller = candidates(&best);
        smaller.retain(|candidate| size(candidate) < size(&best));
        match failing(engine, smaller, violation)?
            .into_iter()
            .min_by_key(size)
        {
            Some(candidate) => best = candidate,
            None => break,
        }
    }
    Ok((best, reproduced))
}

/// Those plans of which any of some runs breaks the invariant.
fn failing(engine: &mut Engine, plans: Vec<Plan>, violation: &Violation) -> Result<Vec<Plan>> {
    let runs = plans
        .iter()
        .enumerate()
        .flat_map(|(index, plan)| vec![(index, Arc::new(plan.clone())); RUNS]);
    let mut failed = vec![false; plans.len()];
    engine.run(runs, CONCURRENCY, |index, plan, outcome| {
        failed[index] |= check(&plan, &outcome)
            .is_some_and(|seen| discriminant(&seen) == discriminant(violation));
        true
    })?;
    Ok(plans
        .into_iter()
        .zip(failed)
        .filter(|(_, failed)| *failed)
        .map(|(plan, _)| plan)
        .collect())
}

/// What makes one plan smaller than another.
fn size(plan: &Plan) -> (usize, usize, usize, usize) {
    let data = plan.segments().map(|segment| segment.data.len()).sum();
    let options = &plan.options;
    let extras = [
        plan.socket != Socket::Plain,
        options.timestamps,
        options.selective_acks,
        options.window_scale.is_some(),
        plan.opening.third_ack_carries,
        plan.opening.fast_open,
        plan.retransmission.recut.is_some(),
    ];
    (
        plan.actions.len(),
        plan.stream.len() + plan.opening.syn_data.len(),
        data,
        extras.iter().filter(|&&extra| extra).count(),
    )
}

/// Smaller plans, the much smaller ones first.
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut candidates = Vec::new();
    let mut change = |change: &dyn Fn(&mut Plan)| {
        let mut candidate = plan.clone();
        change(&mut candidate);
        candidates.push(candidate);
    };
    let mut count = plan.actions.len();
    while count > 0 {
        for start in (0..plan.actions.len()).step_by(count) {
            let end = (start + count).min(plan.actions.len());
            change(&|plan| drop(plan.actions.drain(start..end)));
        }
        count /= 2;
    }
    for length in [
        plan.stream.len() / 2,
        plan.stream.len() * 7 / 8,
        plan.stream.len().saturating_sub(1),
    ] {
        change(&|plan| truncate(plan, length));
    }
    change(&|plan| plan.opening = Opening::default());
    change(&|plan| plan.socket = Socket::Plain);
    change(&|plan| plan.options.timestamps = false);
    change(&|plan| plan.options.selective_acks = false);
    change(&|plan| plan.options.window_scale = None);
    change(&|plan| plan.retransmission.recut = None);
    candidates
}

/// Ends a plan's stream, and what is sent of it, at this length.
fn truncate(plan: &mut Plan, length: usize) {
    let cut = |segment: &mut Segment| {
        let keep = (length as i32 - segment.offset).max(0) as usize;
        segment.data.truncate(keep);
    };
    plan.stream.truncate(length);
    plan.opening.syn_data.truncate(length);
    for action in &mut plan.actions {
        match action {
            Action::Send(segment) => cut(segment),
            Action::Together(one, other) => {
                cut(one);
                cut(other);
            }
            _ => {}
        }
    }
}
