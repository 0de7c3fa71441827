// SPDX-License-Identifier: GPL-2.0
//! `filterctl reset`.

use std::io::Write;

use anyhow::Result;

use crate::sysfs::Sysfs;
use crate::uapi::{HTTP_FILTER_RESET, HTTP_FILTER_STATS};

/// Sets the counters to zero.
pub(crate) fn run(sysfs: &Sysfs, out: &mut dyn Write) -> Result<()> {
    sysfs.write(&format!("{HTTP_FILTER_STATS}/{HTTP_FILTER_RESET}"), "1")?;
    writeln!(out, "the counters are set to zero")?;
    Ok(())
}
