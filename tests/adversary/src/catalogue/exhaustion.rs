// SPDX-License-Identifier: GPL-2.0
//! More half-started connections than a table can hold.

use std::sync::Arc;

use anyhow::{ensure, Result};

use super::{cut, send, Case, Row, BENIGN, CONCURRENCY, REQUEST};
use crate::address::Family;
use crate::engine::Engine;
use crate::oracle::{must_be_delivered, Outcome};
use crate::plan::{Action, Segment};

/// Opens connections that send one byte each; while they are open, runs the cases.
pub(super) fn run(
    engine: &mut Engine,
    family: Family,
    half_started: usize,
) -> Result<Vec<(Case, Outcome)>> {
    let half_started_one = Case::new(
        Row::Exhaustion,
        "",
        b"G",
        vec![Action::Send(Segment::new(0, "G")), Action::Hold],
    );
    let mut plan = half_started_one.plan;
    plan.family = family;
    let held = engine.hold((0..half_started).map(|_| plan.clone()))?;
    ensure!(
        held == half_started,
        "only {held} of {half_started} connections could be half-started"
    );
    let mut outcomes = Vec::new();
    let cases = [
        Case::new(
            Row::Exhaustion,
            format!("a cut start beside {half_started} half-started connections"),
            REQUEST,
            send(cut(REQUEST, &[3])),
        ),
        Case::new(
            Row::Exhaustion,
            format!("a cut start beside {half_started} half-started connections"),
            BENIGN,
            send(cut(BENIGN, &[3])),
        ),
        Case::new(
            Row::Exhaustion,
            format!("a whole start beside {half_started} half-started connections"),
            REQUEST,
            send(cut(REQUEST, &[])),
        ),
        Case::new(
            Row::Exhaustion,
            format!("a whole start beside {half_started} half-started connections"),
            BENIGN,
            send(cut(BENIGN, &[])),
        ),
    ];
    let plans = cases.map(|mut case| {
        case.plan.family = family;
        case.plan.retransmission.tries = if must_be_delivered(&case.plan) { 30 } else { 2 };
        (case.clone(), Arc::new(case.plan))
    });
    engine.run(plans, CONCURRENCY, |case, _, outcome| {
        outcomes.push((case, outcome));
        true
    })?;
    engine.release(held)?;
    Ok(outcomes)
}
