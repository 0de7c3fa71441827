// SPDX-License-Identifier: GPL-2.0
//! `filterctl load`.

use std::io::Write;
use std::path::Path;

use anyhow::{bail, Result};

use super::switch;
use crate::cli::Load;
use crate::module;
use crate::sysfs::Sysfs;
use crate::uapi::{HTTP_FILTER_MODULE, HTTP_FILTER_VERSION_FILE};

/// Loads the module, unless it is loaded already, and says what is now.
pub(crate) fn run(root: &Path, arguments: &Load, out: &mut dyn Write) -> Result<()> {
    let how = if !root.is_dir() {
        module::load(arguments.module.as_deref(), &arguments.parameters)?;
        "is loaded"
    } else if arguments.parameters.is_empty() {
        "is already loaded"
    } else {
        bail!("the module is already loaded: change its settings with \"filterctl set\"");
    };
    let sysfs = Sysfs::open(root)?;
    let version = sysfs.read(HTTP_FILTER_VERSION_FILE)?;
    let state = switch::state(&sysfs)?;
    writeln!(out, "{HTTP_FILTER_MODULE} {version} {how}: {state}")?;
    Ok(())
}
