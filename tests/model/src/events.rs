// SPDX-License-Identifier: GPL-2.0

//! Events, to which nobody listens.

use crate::{
    inspect::ShownLine,
    kernel_ext::{
        packet::Segment,
        socket::{FirstSeq, Flow},
    },
    policy::{Action, Kind},
};
use kernel::prelude::*;

/// The events of a filter.
pub(crate) struct Events(());

impl Events {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(()))
    }

    pub(crate) fn has_listeners(&self) -> bool {
        false
    }

    pub(crate) fn found(
        &self,
        _: &Segment<'_>,
        _: FirstSeq,
        _: Kind,
        _: (Action, Option<u32>),
        _: &ShownLine,
    ) {
    }

    pub(crate) fn count_segment(&self, _: &Segment<'_>, _: FirstSeq) {}

    pub(crate) fn aborted(&self, _: Option<u32>, _: &Flow, _: FirstSeq) {}
}
