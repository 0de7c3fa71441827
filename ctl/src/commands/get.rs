// SPDX-License-Identifier: GPL-2.0
//! `filterctl get`.

use std::io::Write;

use anyhow::{bail, Result};

use crate::cli::Get;
use crate::settings;
use crate::sysfs::Sysfs;

/// Prints a setting's value, or all settings with theirs, one a line.
pub(crate) fn run(sysfs: &Sysfs, arguments: &Get, out: &mut dyn Write) -> Result<()> {
    let all = settings::read(sysfs)?;
    let Some(key) = &arguments.key else {
        for (name, value) in &all {
            writeln!(out, "{}", settings::line(name, value))?;
        }
        return Ok(());
    };
    let Some((_, value)) = all.iter().find(|(name, _)| name == key) else {
        let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        bail!(settings::unknown(key, &known));
    };
    writeln!(out, "{value}")?;
    Ok(())
}
