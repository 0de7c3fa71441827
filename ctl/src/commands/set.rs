// SPDX-License-Identifier: GPL-2.0
//! `filterctl set`.

use std::io::{self, Write};

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

    sysfs
        .write(key, &value)
        .map_err(|error| explain(key, &value, error))?;
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

/// What the module's refusal of a value means.
fn explain(key: &str, value: &str, error: Error) -> Error {
    let kind = error.downcast_ref().map(io::Error::kind);
    if kind != Some(io::ErrorKind::InvalidInput) {
        return error;
    }
    match settings::find(key).and_then(|setting| setting.kind.allowed()) {
        Some(allowed) => anyhow!("{key} cannot be {value:?}: it takes {allowed}"),
        None => anyhow!("{key} cannot be {value:?}: the kernel log (dmesg) tells why"),
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    fn explained(key: &str, errno: Errno) -> String {
        let error = Error::new(io::Error::from(errno)).context("cannot write");
        format!("{:#}", explain(key, "x", error))
    }

    #[test]
    fn a_refused_value_is_answered_with_the_allowed_ones() {
        for (key, text) in [
            ("enabled", "enabled cannot be \"x\": it takes 0 or 1"),
            ("log", "log cannot be \"x\": it takes 0 or 1"),
            (
                "action",
                "action cannot be \"x\": it takes one of: drop, reject, monitor",
            ),
            (
                "detect",
                "detect cannot be \"x\": it takes any of: requests, h2c, http09, responses",
            ),
            (
                "later",
                "later cannot be \"x\": the kernel log (dmesg) tells why",
            ),
        ] {
            assert_eq!(explained(key, Errno::EINVAL), text);
        }
    }

    #[test]
    fn other_errors_stay_what_they_are() {
        let text = explained("action", Errno::ENOSPC);
        assert!(text.starts_with("cannot write: No space left"), "{text}");
    }
}
