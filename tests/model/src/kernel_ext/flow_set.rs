// SPDX-License-Identifier: GPL-2.0

//! A set of flows, which has those that were added, and no others.

use super::socket::Flow;
use kernel::{
    prelude::*,
    sync::atomic::{
        ordering::{Full, Relaxed},
        Atomic,
    },
};

/// How many flows a scenario may have.
const FLOWS: usize = 80;

/// A set of flows.
pub(crate) struct FlowSet([Atomic<u32>; FLOWS]);

impl FlowSet {
    pub(crate) fn new(_capacity: usize) -> Result<Self> {
        Ok(Self([const { Atomic::new(0) }; FLOWS]))
    }

    fn count(&self, flow: &Flow) -> &Atomic<u32> {
        let [number, ..] = flow.identity();
        &self.0[number as usize]
    }

    pub(crate) fn add(&self, flow: &Flow) {
        self.count(flow).fetch_add(1, Full);
    }

    pub(crate) fn remove(&self, flow: &Flow) {
        let before = self.count(flow).fetch_add(1_u32.wrapping_neg(), Full);
        assert!(before != 0, "a flow is removed that is not in the set");
    }

    pub(crate) fn may_have(&self, flow: &Flow) -> bool {
        self.count(flow).load(Relaxed) != 0
    }
}
