// SPDX-License-Identifier: GPL-2.0
//! `filterctl set`.

use std::io::Write;

use anyhow::{anyhow, bail, Error, Result};

use crate::cli::Set;
use crate::settings;
use crate::sysfs::Sysfs;
use crate::uapi::{
    HTTP_FILTER_MAX_UNDECIDED, HTTP_FILTER_NAMESPACES, HTTP_FILTER_NAMESPACES_ALL,
    HTTP_FILTER_NAMESPACES_INITIAL,
};

/// Changes a setting and prints what it is then. What can be set is up to the module: any file that can be written.
pub(crate) fn run(sysfs: &Sysfs, arguments: &Set, out: &mut dyn Write) -> Result<()> {
    let key = arguments.key.as_str();
    let value = arguments.value.join(" ");

    let attributes = sysfs.attributes("")?;
    let Some(attribute) = attributes.iter().find(|attribute| attribute.name == key) else {
        let mut known: Vec<&str> = attributes
            .iter()
            .filter(|attribute| attribute.is_writable())
            .map(|attribute| attribute.name.as_str())
            .collect();
        known.sort_by_key(|name| settings::position(name));
        bail!(settings::unknown(key, &known));
    };
    if !attribute.is_writable() {
        return Err(read_only(key, &value));
    }

    settings::write(sysfs, key, &value)?;
    if attribute.is_readable() {
        writeln!(out, "{}", settings::line(key, &sysfs.read(key)?))?;
    }
    Ok(())
}

/// Why a setting cannot be written, and what to do instead.
fn read_only(key: &str, value: &str) -> Error {
    let value = match (key, value) {
        (HTTP_FILTER_MAX_UNDECIDED, value) if value.parse::<u32>().is_ok() => value,
        (HTTP_FILTER_MAX_UNDECIDED, _) => "NUMBER",
        (HTTP_FILTER_NAMESPACES, HTTP_FILTER_NAMESPACES_ALL) => HTTP_FILTER_NAMESPACES_ALL,
        (HTTP_FILTER_NAMESPACES, _) => HTTP_FILTER_NAMESPACES_INITIAL,
        _ => return anyhow!("{key} is read-only"),
    };
    anyhow!("{key} is set at load time: filterctl unload, then filterctl load {key}={value}")
}
