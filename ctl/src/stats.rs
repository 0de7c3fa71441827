// SPDX-License-Identifier: GPL-2.0
//! The module's counters: whatever files there are, so that those of a later module show as well.

use anyhow::Result;
use serde_json::{Map, Value};

use crate::sysfs::Sysfs;
use crate::uapi::*;

/// What connections are counted by.
const CONNECTIONS: &[&str] = &[
    HTTP_FILTER_STAT_REQUESTS,
    HTTP_FILTER_STAT_H2C,
    HTTP_FILTER_STAT_HTTP09,
    HTTP_FILTER_STAT_RESPONSES,
    HTTP_FILTER_STAT_BLOCKED,
    HTTP_FILTER_STAT_MONITORED,
    HTTP_FILTER_STAT_UNDECIDED,
    HTTP_FILTER_STAT_EVICTED,
];

/// What segments are counted by.
const SEGMENTS: &[&str] = &[
    HTTP_FILTER_STAT_INSPECTED,
    HTTP_FILTER_STAT_DROPPED,
    HTTP_FILTER_STAT_DEFERRED,
    HTTP_FILTER_STAT_REFUSED,
    HTTP_FILTER_STAT_MALFORMED,
    HTTP_FILTER_STAT_UNINSPECTABLE,
];

/// A counter's name and value.
pub(crate) type Counter = (String, u64);

/// All counters, read one after the other.
#[derive(Debug)]
pub(crate) struct Stats {
    /// The known ones in their order, then the others by name.
    counters: Vec<Counter>,
    /// Requests by method, by name, the rest last.
    methods: Vec<Counter>,
}

/// Counters that are shown together.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// What they count.
    pub(crate) title: &'static str,
    /// At least one.
    pub(crate) counters: Vec<&'a Counter>,
}

impl Stats {
    /// Reads the counters.
    pub(crate) fn read(sysfs: &Sysfs) -> Result<Self> {
        let mut counters = read_dir(sysfs, HTTP_FILTER_STATS)?;
        counters.sort_by_key(|(name, _)| {
            let mut known = CONNECTIONS.iter().chain(SEGMENTS);
            known.position(|known| known == name).unwrap_or(usize::MAX)
        });
        let mut methods = read_dir(sysfs, &format!("{HTTP_FILTER_STATS}/{HTTP_FILTER_METHODS}"))?;
        methods.sort_by_key(|(name, _)| name == HTTP_FILTER_METHOD_OTHER);
        Ok(Self { counters, methods })
    }

    /// The counters as they are shown: methods only where they occurred, and no empty group.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let counters = |wanted: &dyn Fn(&str) -> bool| -> Vec<&Counter> {
            let all = self.counters.iter();
            all.filter(|(name, _)| wanted(name)).collect()
        };
        let known = |name: &str| CONNECTIONS.contains(&name) || SEGMENTS.contains(&name);
        let used = self.methods.iter().filter(|(_, number)| *number > 0);
        [
            ("connections", counters(&|name| CONNECTIONS.contains(&name))),
            ("requests by method", used.collect()),
            ("segments", counters(&|name| SEGMENTS.contains(&name))),
            ("more", counters(&|name| !known(name))),
        ]
        .into_iter()
        .map(|(title, counters)| Group { title, counters })
        .filter(|group| !group.counters.is_empty())
        .collect()
    }

    /// The counters as one JSON object, with the methods in one of their own.
    pub(crate) fn to_json(&self) -> Value {
        let mut stats = object(&self.counters);
        let methods = object(&self.methods);
        stats.insert(HTTP_FILTER_METHODS.to_owned(), Value::Object(methods));
        Value::Object(stats)
    }
}

fn object(counters: &[Counter]) -> Map<String, Value> {
    let pairs = counters.iter();
    pairs
        .map(|(name, number)| (name.clone(), Value::from(*number)))
        .collect()
}

/// The files of a directory that hold a number.
fn read_dir(sysfs: &Sysfs, dir: &str) -> Result<Vec<Counter>> {
    let mut counters = Vec::new();
    for attribute in sysfs.attributes(dir)? {
        if !attribute.is_readable() {
            continue;
        }
        if let Ok(number) = sysfs.read(&format!("{dir}/{}", attribute.name))?.parse() {
            counters.push((attribute.name, number));
        }
    }
    Ok(counters)
}
