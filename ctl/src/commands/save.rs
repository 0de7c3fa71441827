// SPDX-License-Identifier: GPL-2.0
//! `filterctl save`: writes what the loaded module is into the configuration file.

use std::io::Write;

use anyhow::Result;

use super::diff;
use crate::cli::Save;
use crate::configuration::{Change, Configuration, Running};
use crate::file;
use crate::genetlink::Connection;
use crate::sysfs::Sysfs;

/// Saves it.
pub(crate) fn run(sysfs: &Sysfs, arguments: &Save, out: &mut dyn Write) -> Result<()> {
    let path = arguments.file.as_path();
    let running = Running::read(sysfs, &Connection::open()?)?;
    let to_stdout = file::is_stdio(path);
    let is_new = to_stdout || !path.exists();
    let configuration = match is_new {
        true => Configuration::example(path)?,
        false => Configuration::read(path)?,
    };
    let changes = configuration.changes(&running);
    let text = configuration.without(&changes)?;
    if to_stdout {
        out.write_all(text.as_bytes())?;
    } else if !changes.is_empty() || is_new {
        file::replace(path, text.as_bytes())?;
        // In the file, it is the other way round.
        let changes: Vec<_> = changes.into_iter().map(Change::reversed).collect();
        if !is_new {
            diff::show(&changes, out)?;
        }
        writeln!(out, "{} is saved", path.display())?;
    } else {
        writeln!(out, "{} says so already", path.display())?;
    }
    Ok(())
}
