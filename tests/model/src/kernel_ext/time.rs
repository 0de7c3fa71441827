// SPDX-License-Identifier: GPL-2.0

//! Time.

use crate::world::{observe, with};

/// Seconds since the system started.
pub(crate) fn uptime_seconds() -> u32 {
    observe(with(|world| world.seconds))
}
