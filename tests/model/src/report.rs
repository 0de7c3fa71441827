// SPDX-License-Identifier: GPL-2.0

//! The kernel log, which is not part of the model.

use crate::{
    kernel_ext::packet::Segment,
    policy::{Action, Kind},
};
use classifier::LogLine;

/// One line for a connection.
pub(crate) fn connection(_: Action, _: Option<u32>, _: &Segment<'_>, _: Kind, _: &LogLine) {}
