// SPDX-License-Identifier: GPL-2.0

//! A set of flows that can be asked for a socket's, at the cost of a few loads.

use super::{bindings, socket::Flow};
use kernel::{error::to_result, prelude::*};

/// A set of flows that may seem to have one that it has not, but not the other way round.
///
/// # Invariants
///
/// It was initialised by `hf_flow_set_init()`.
pub(crate) struct FlowSet(bindings::hf_flow_set);

// SAFETY: Its slots are atomic, and all else is constant.
unsafe impl Send for FlowSet {}
// SAFETY: As above.
unsafe impl Sync for FlowSet {}

impl FlowSet {
    /// An empty set, made for so many flows. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let mut set = bindings::hf_flow_set::default();
        // SAFETY: `set` is valid for a write.
        to_result(unsafe { bindings::hf_flow_set_init(&mut set, capacity) })?;
        // INVARIANT: It was just initialised.
        Ok(Self(set))
    }

    /// Adds a flow, which can be in it several times; fully ordered. Any context.
    pub(crate) fn add(&self, flow: &Flow) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_flow_set_add(&self.0, &flow.0) }
    }

    /// Removes a flow that was added, once. Any context.
    pub(crate) fn remove(&self, flow: &Flow) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_flow_set_remove(&self.0, &flow.0) }
    }

    /// What C asks; valid as long as this is, and stays where it is.
    pub(super) fn as_ptr(&self) -> *const bindings::hf_flow_set {
        &self.0
    }
}

impl Drop for FlowSet {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_flow_set_free(&mut self.0) }
    }
}
