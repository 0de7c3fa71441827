// SPDX-License-Identifier: GPL-2.0
//! `filterctl unload`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::module;
use crate::uapi::HTTP_FILTER_MODULE;

/// Unloads the module, unless it isn't loaded anyway.
pub(crate) fn run(root: &Path, out: &mut dyn Write) -> Result<()> {
    if root.is_dir() {
        module::unload()?;
        writeln!(out, "{HTTP_FILTER_MODULE} is unloaded")?;
    } else {
        writeln!(out, "{HTTP_FILTER_MODULE} is not loaded")?;
    }
    Ok(())
}
