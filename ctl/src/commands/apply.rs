// SPDX-License-Identifier: GPL-2.0
//! `filterctl apply`: makes the loaded module what the configuration file says.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::{diff, switch};
use crate::cli::Apply;
use crate::configuration::Configuration;
use crate::genetlink::Connection;
use crate::sysfs::Sysfs;
use crate::uapi::HTTP_FILTER_MODULE;

/// Applies all of the file, or nothing, and says what was changed and what is now.
pub(crate) fn run(root: &Path, arguments: &Apply, out: &mut dyn Write) -> Result<()> {
    let configuration = Configuration::read(&arguments.file)?;
    let sysfs = &Sysfs::open(root)?;
    let changes = configuration.apply(sysfs, &Connection::open()?)?;
    diff::show(&changes, out)?;
    let how = match changes.is_empty() {
        true => "was already",
        false => "is now",
    };
    let (file, state) = (configuration.file().display(), switch::state(sysfs)?);
    writeln!(out, "{HTTP_FILTER_MODULE} {how} as {file} says: {state}")?;
    Ok(())
}
