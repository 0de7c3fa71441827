// SPDX-License-Identifier: GPL-2.0
//! The settings that are known here. Others, of a later module, are shown and set as plain text.

use std::io::{self, ErrorKind};

use anyhow::{anyhow, Error, Result};
use serde_json::Value;

use crate::sysfs::Sysfs;
use crate::uapi::*;

/// What is known of a setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The name of its file.
    pub(crate) name: &'static str,
    /// The values it takes.
    pub(crate) kind: Kind,
    /// What it is unless the module is loaded with another value; None if that takes no such parameter.
    pub(crate) default: Option<&'static str>,
}

impl Setting {
    /// Whether it is made when the module is loaded, and not later.
    pub(crate) fn is_fixed(&self) -> bool {
        [HTTP_FILTER_NAMESPACES, HTTP_FILTER_MAX_UNDECIDED].contains(&self.name)
    }
}

/// The values that a setting takes.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A number from 1 to this one.
    Number(u32),
    /// A moment, in seconds since 1970.
    Moment,
    /// 0 or 1.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any of these words, separated by spaces.
    AnyOf(&'static [&'static str]),
    /// Rules, one a line.
    Rules,
}

/// All known settings, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    shown(HTTP_FILTER_VERSION_FILE, Kind::Text),
    parameter(HTTP_FILTER_ENABLED, "1", Kind::Switch),
    shown(HTTP_FILTER_SINCE, Kind::Moment),
    parameter(
        HTTP_FILTER_ACTION,
        HTTP_FILTER_ACTION_DROP,
        Kind::OneOf(&[
            HTTP_FILTER_ACTION_DROP,
            HTTP_FILTER_ACTION_REJECT,
            HTTP_FILTER_ACTION_MONITOR,
        ]),
    ),
    parameter(HTTP_FILTER_RULES, "", Kind::Rules),
    parameter(
        HTTP_FILTER_DETECT,
        "requests h2c http09",
        Kind::AnyOf(&[
            HTTP_FILTER_DETECT_REQUESTS,
            HTTP_FILTER_DETECT_H2C,
            HTTP_FILTER_DETECT_HTTP09,
            HTTP_FILTER_DETECT_RESPONSES,
        ]),
    ),
    parameter(
        HTTP_FILTER_NAMESPACES,
        HTTP_FILTER_NAMESPACES_ALL,
        Kind::OneOf(&[HTTP_FILTER_NAMESPACES_ALL, HTTP_FILTER_NAMESPACES_INITIAL]),
    ),
    parameter(HTTP_FILTER_LOG, "1", Kind::Switch),
    parameter(HTTP_FILTER_MAX_UNDECIDED, "4096", Kind::Number(1 << 20)),
];

const fn shown(name: &'static str, kind: Kind) -> Setting {
    Setting {
        name,
        kind,
        default: None,
    }
}

const fn parameter(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting {
        name,
        kind,
        default: Some(default),
    }
}

/// What is known of the setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The names of the module's parameters.
pub(crate) fn parameters() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .filter(|setting| setting.default.is_some())
        .map(|setting| setting.name)
}

/// Says that this is no key, and which one may have been meant.
pub(crate) fn unknown(key: &str, known: &[&str]) -> String {
    /// How like another name is that may be told for it: clap's measure for commands.
    const LIKE: f64 = 0.7;
    let likeness = |name: &&str| strsim::jaro(key, name);
    let nearest = known
        .iter()
        .copied()
        .filter(|name| likeness(name) > LIKE)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let meant = nearest.map_or_else(String::new, |name| format!(" (is {name} meant?)"));
    format!(
        "unknown key {key:?}{meant}; known are: {}",
        known.join(", ")
    )
}

/// The settings of the loaded module and their values: the known ones in their order, then the others by name.
pub(crate) fn read(sysfs: &Sysfs) -> Result<Vec<(String, String)>> {
    let mut names: Vec<String> = sysfs
        .attributes("")?
        .into_iter()
        .filter(|attribute| attribute.is_readable())
        .map(|attribute| attribute.name)
        .collect();
    names.sort_by_key(|name| position(name));
    names
        .into_iter()
        .map(|name| {
            let value = match sysfs.try_read(&name) {
                Err(error) if name == HTTP_FILTER_RULES => instead_of_rules(error.kind()),
                _ => None,
            };
            let value = value.map_or_else(|| sysfs.read(&name), |value| Ok(value.to_owned()));
            Ok((name, value?))
        })
        .collect()
}

/// What stands for rules that can't be read from their file: as rules, a comment.
fn instead_of_rules(error: ErrorKind) -> Option<&'static str> {
    match error {
        ErrorKind::FileTooLarge => Some("# too long: see filterctl rules"),
        ErrorKind::PermissionDenied => Some("# for root alone"),
        _ => None,
    }
}

/// Gives a setting of the loaded module a value.
///
/// # Errors
///
/// Of a value that the module refuses, what it takes instead.
pub(crate) fn write(sysfs: &Sysfs, name: &str, value: &str) -> Result<()> {
    let written = sysfs.write(name, value);
    written.map_err(|error| explain(name, value, error))
}

/// What the module's refusal of a value means.
fn explain(name: &str, value: &str, error: Error) -> Error {
    let kind = error.downcast_ref().map(io::Error::kind);
    if kind != Some(ErrorKind::InvalidInput) {
        return error;
    }
    match find(name).and_then(|setting| setting.kind.allowed()) {
        Some(allowed) => anyhow!("{name} cannot be {value:?}: it takes {allowed}"),
        None => anyhow!("{name} cannot be {value:?}: the kernel log (dmesg) tells why"),
    }
}

/// Where a setting stands among the others.
pub(crate) fn position(name: &str) -> usize {
    SETTINGS
        .iter()
        .position(|setting| setting.name == name)
        .unwrap_or(SETTINGS.len())
}

/// A value as the module writes it, of one that it takes.
pub(crate) fn normal(setting: &Setting, value: &str) -> String {
    let words = match setting.kind {
        Kind::AnyOf(words) => words,
        Kind::Number(_) => {
            let number = value.parse::<u32>();
            return number.map_or_else(|_| value.to_owned(), |number| number.to_string());
        }
        _ => return value.to_owned(),
    };
    let is_separator = |c: char| c == ',' || c.is_whitespace();
    let given: Vec<&str> = value.split(is_separator).collect();
    let all_known = given
        .iter()
        .all(|word| word.is_empty() || words.contains(word));
    let words = words.iter().copied().filter(|word| given.contains(word));
    match all_known {
        true => words.collect::<Vec<_>>().join(" "),
        false => value.to_owned(),
    }
}

/// A setting and its value as a line: `action drop`.
pub(crate) fn line(name: &str, value: &str) -> String {
    format!("{name} {}", one_line(name, value))
        .trim_end()
        .to_owned()
}

/// A value on one line: a list may have one item on each.
pub(crate) fn one_line(name: &str, value: &str) -> String {
    let separator = match find(name).map(|setting| &setting.kind) {
        Some(Kind::Rules) => "; ",
        _ => " ",
    };
    value.replace('\n', separator)
}

/// A setting's value in JSON; as it is where it isn't of its kind.
pub(crate) fn to_json(name: &str, value: &str) -> Value {
    let typed = match find(name).map(|setting| &setting.kind) {
        Some(Kind::Moment | Kind::Number(_)) => value.parse::<i64>().ok().map(Value::from),
        Some(Kind::Switch) => is_on(value).map(Value::from),
        Some(Kind::AnyOf(_)) => Some(value.split_whitespace().collect()),
        Some(Kind::Text | Kind::OneOf(_) | Kind::Rules) | None => None,
    };
    typed.unwrap_or_else(|| Value::from(value))
}

/// Whether a switch is on.
pub(crate) fn is_on(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

impl Kind {
    /// The words that a value is made of; none where any text or number will do.
    pub(crate) fn words(&self) -> &'static [&'static str] {
        match self {
            Kind::Text | Kind::Moment | Kind::Number(_) | Kind::Rules => &[],
            Kind::Switch => &["0", "1"],
            Kind::OneOf(words) | Kind::AnyOf(words) => words,
        }
    }

    /// The allowed values in words, if they can be told.
    pub(crate) fn allowed(&self) -> Option<String> {
        match self {
            Kind::Text | Kind::Moment | Kind::Rules => None,
            Kind::Number(most) => Some(format!("a number from 1 to {most}")),
            Kind::Switch => Some("0 or 1".to_owned()),
            Kind::OneOf(words) => Some(format!("one of: {}", words.join(", "))),
            Kind::AnyOf(words) => Some(format!("any of: {}", words.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_type_of_their_setting() {
        for (name, value, expected) in [
            ("enabled", "1", json!(true)),
            ("log", "0", json!(false)),
            ("enabled", "?", json!("?")),
            ("since", "1700000000", json!(1_700_000_000)),
            ("since", "never", json!("never")),
            ("max_undecided", "4096", json!(4096)),
            ("action", "drop", json!("drop")),
            ("detect", "requests h2c", json!(["requests", "h2c"])),
            ("detect", "", json!([])),
            ("unheard_of", "1", json!("1")),
        ] {
            assert_eq!(to_json(name, value), expected, "{name}");
        }
    }

    #[test]
    fn the_nearest_key_is_told() {
        let known: Vec<_> = parameters().collect();
        for (key, nearest) in [
            ("acton", Some("action")),
            ("Action", Some("action")),
            ("detects", Some("detect")),
            ("enable", Some("enabled")),
            ("max-undecided", Some("max_undecided")),
            ("namespace", Some("namespaces")),
            ("port", None),
            ("", None),
        ] {
            let said = unknown(key, &known);
            let told = said
                .split_once(" (is ")
                .map(|(_, rest)| rest.split(' ').next().unwrap());
            assert_eq!(told, nearest, "{said}");
            assert!(said.contains("known are: enabled, action"), "{said}");
        }
    }

    #[test]
    fn parameters_are_what_can_be_set_at_load_time() {
        let names: Vec<_> = parameters().collect();
        assert_eq!(
            names,
            [
                "enabled",
                "action",
                "rules",
                "detect",
                "namespaces",
                "log",
                "max_undecided"
            ]
        );
    }

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
