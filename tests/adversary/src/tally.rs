// SPDX-License-Identifier: GPL-2.0
//! The counters of a run.

use crate::oracle::{forbidden, is_lossless, must_be_delivered, Outcome, Violation};
use crate::plan::Plan;

/// The counters of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connections: u64,
    pub(crate) safety: u64,
    pub(crate) liveness: u64,
    /// Retransmissions although nothing was lost.
    pub(crate) avoidable: u64,
    /// The cases with such retransmissions, from one CPU and from two.
    pub(crate) avoidable_on_one_cpu: Vec<u64>,
    pub(crate) avoidable_on_two_cpus: Vec<u64>,
    /// Connections whose stream had to be delivered, and those whose stream is HTTP.
    pub(crate) benign: u64,
    pub(crate) http: u64,
}

impl Tally {
    pub(crate) fn add(
        &mut self,
        case: u64,
        plan: &Plan,
        outcome: &Outcome,
        violation: Option<&Violation>,
    ) {
        self.connections += 1;
        self.http += u64::from(forbidden(&plan.stream).is_some());
        self.benign += u64::from(must_be_delivered(plan));
        if is_lossless(plan) && outcome.client.retransmissions > 0 {
            if plan.is_on_one_cpu() {
                self.avoidable_on_one_cpu.push(case);
            } else {
                self.avoidable_on_two_cpus.push(case);
            }
            self.avoidable += u64::from(outcome.client.retransmissions);
        }
        match violation {
            Some(Violation::Safety(_)) => self.safety += 1,
            Some(Violation::Liveness) => self.liveness += 1,
            None => {}
        }
    }

    pub(crate) fn violations(&self) -> u64 {
        self.safety + self.liveness
    }
}
