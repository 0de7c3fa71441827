// SPDX-License-Identifier: GPL-2.0
//! `filterctl unload`.

use std::io::Write;

use anyhow::Result;

use crate::module;
use crate::uapi::HTTP_FILTER_MODULE;

/// Unloads the module, unless it isn't loaded anyway. The kernel is asked, since its files may be out
/// of sight.
pub(crate) fn run(out: &mut dyn Write) -> Result<()> {
    if module::unload()? {
        writeln!(out, "{HTTP_FILTER_MODULE} is unloaded")?;
    } else {
        writeln!(out, "{HTTP_FILTER_MODULE} is not loaded")?;
    }
    Ok(())
}
