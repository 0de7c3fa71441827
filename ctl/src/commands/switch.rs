// SPDX-License-Identifier: GPL-2.0
//! `filterctl enable` and `filterctl disable`.

use std::io::Write;

use anyhow::Result;

use crate::settings;
use crate::sysfs::Sysfs;
use crate::uapi::{HTTP_FILTER_ACTION, HTTP_FILTER_ENABLED, HTTP_FILTER_MODULE};

/// Switches the filter and says what is now.
pub(crate) fn run(sysfs: &Sysfs, on: bool, out: &mut dyn Write) -> Result<()> {
    sysfs.write(HTTP_FILTER_ENABLED, if on { "1" } else { "0" })?;
    writeln!(out, "{HTTP_FILTER_MODULE} is {}", state(sysfs)?)?;
    Ok(())
}

/// What the filter does now: `enabled (action: drop)`, `disabled`.
pub(crate) fn state(sysfs: &Sysfs) -> Result<String> {
    if settings::is_on(&sysfs.read(HTTP_FILTER_ENABLED)?) == Some(true) {
        let action = sysfs.read(HTTP_FILTER_ACTION)?;
        Ok(format!("enabled (action: {action})"))
    } else {
        Ok("disabled".to_owned())
    }
}
