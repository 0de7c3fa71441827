// SPDX-License-Identifier: GPL-2.0
//! Row 34: so many half-started connections that no table holds them all.

use std::sync::Arc;

use anyhow::{ensure, Result};

use super::{cut, send, Case, CONCURRENCY, INNOCENT, REQUEST};
use crate::address::Family;
use crate::engine::Engine;
use crate::oracle::{must_be_delivered, Outcome};
use crate::plan::{Action, Segment};

pub(super) const ROW: u8 = 34;

/// Opens so many connections that send one byte each, and while they stay runs what must work then.
pub(super) fn run(
    engine: &mut Engine,
    family: Family,
    openers: usize,
) -> Result<Vec<(Case, Outcome)>> {
    let opener = Case::new(
        ROW,
        "",
        b"G",
        vec![Action::Send(Segment::new(0, "G")), Action::Hold],
    );
    let mut plan = opener.plan;
    plan.family = family;
    let held = engine.hold((0..openers).map(|_| plan.clone()))?;
    ensure!(
        held == openers,
        "only {held} of {openers} connections could be half-started"
    );
    let mut outcomes = Vec::new();
    let cases = [
        Case::new(
            ROW,
            format!("a cut start beside {openers} half-started connections"),
            REQUEST,
            send(cut(REQUEST, &[3])),
        ),
        Case::new(
            ROW,
            format!("a cut start beside {openers} half-started connections"),
            INNOCENT,
            send(cut(INNOCENT, &[3])),
        ),
        Case::new(
            ROW,
            format!("a whole start beside {openers} half-started connections"),
            REQUEST,
            send(cut(REQUEST, &[])),
        ),
        Case::new(
            ROW,
            format!("a whole start beside {openers} half-started connections"),
            INNOCENT,
            send(cut(INNOCENT, &[])),
        ),
    ];
    let plans = cases.map(|mut case| {
        case.plan.family = family;
        case.plan.again.tries = if must_be_delivered(&case.plan) { 30 } else { 2 };
        (case.clone(), Arc::new(case.plan))
    });
    engine.run(plans, CONCURRENCY, |case, _, outcome| {
        outcomes.push((case, outcome));
        true
    })?;
    engine.release(held)?;
    Ok(outcomes)
}
