// SPDX-License-Identifier: GPL-2.0
//! `filterctl load`.

use std::io::Write;
use std::path::Path;

use anyhow::{anyhow, bail, Result};

use super::switch;
use crate::cli::Load;
use crate::module;
use crate::sysfs::{NotLoaded, Sysfs};
use crate::uapi::{HTTP_FILTER_MODULE, HTTP_FILTER_VERSION_FILE};

/// Loads the module, unless it is loaded already, and says what is now.
pub(crate) fn run(root: &Path, arguments: &Load, out: &mut dyn Write) -> Result<()> {
    let (sysfs, how) = match Sysfs::open(root) {
        Err(error) if error.is::<NotLoaded>() => {
            module::load(arguments.module.as_deref(), &arguments.parameters)?;
            let sysfs = Sysfs::open(root).map_err(|_| {
                anyhow!(
                    "the module is loaded and at work, but {} is not there to control it: is /sys \
                     that of this kernel? \"filterctl unload\" takes it out again",
                    root.display()
                )
            })?;
            (sysfs, "is loaded")
        }
        // What could not be controlled is not loaded.
        Err(error) => return Err(error.context("nothing was loaded")),
        Ok(sysfs) if arguments.parameters.is_empty() => (sysfs, "is already loaded"),
        Ok(_) => {
            bail!("the module is already loaded: change its settings with \"filterctl set\"")
        }
    };
    let version = sysfs.read(HTTP_FILTER_VERSION_FILE)?;
    let state = switch::state(&sysfs)?;
    writeln!(out, "{HTTP_FILTER_MODULE} {version} {how}: {state}")?;
    Ok(())
}
