// SPDX-License-Identifier: GPL-2.0
//! The module's counters: whatever files there are, so that those of a later module show as well.

use std::time::Duration;

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
    HTTP_FILTER_STAT_ALLOWED,
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

/// What events are counted by.
const EVENTS: &[&str] = &[HTTP_FILTER_STAT_EVENTS_LOST];

/// A counter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counter {
    /// The name of its file.
    pub(crate) name: String,
    /// What it says.
    pub(crate) number: u64,
    /// How much it grew in a second, if that is known.
    pub(crate) rate: Option<f64>,
}

/// All counters, read one after the other.
#[derive(Debug)]
pub(crate) struct Stats {
    /// The known ones in their order, then the others by name.
    counters: Vec<Counter>,
    /// Requests by method, by name, the rest last.
    methods: Vec<Counter>,
    /// Whether they have been compared with those before.
    pub(crate) has_rates: bool,
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
        counters.sort_by_key(|counter| {
            let mut known = CONNECTIONS.iter().chain(SEGMENTS);
            let place = known.position(|known| *known == counter.name);
            place.unwrap_or(usize::MAX)
        });
        let mut methods = read_dir(sysfs, &format!("{HTTP_FILTER_STATS}/{HTTP_FILTER_METHODS}"))?;
        methods.sort_by_key(|counter| counter.name == HTTP_FILTER_METHOD_OTHER);
        Ok(Self {
            counters,
            methods,
            has_rates: false,
        })
    }

    /// What the counter of this name says, if there is one.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let mut counters = self.counters.iter();
        Some(counters.find(|counter| counter.name == name)?.number)
    }

    /// The requests by method.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (&str, u64)> {
        let methods = self.methods.iter();
        methods.map(|counter| (counter.name.as_str(), counter.number))
    }

    /// Tells the rates from what was read that long before. One that has been set to zero meanwhile
    /// has none, nor has a gauge.
    pub(crate) fn compare(&mut self, before: &Self, elapsed: Duration) {
        self.has_rates = true;
        let pairs = [
            (&mut self.counters, &before.counters),
            (&mut self.methods, &before.methods),
        ];
        for (counters, before) in pairs {
            for counter in counters {
                let old = before.iter().find(|old| old.name == counter.name);
                let grown = old.and_then(|old| counter.number.checked_sub(old.number));
                counter.rate = grown
                    .filter(|_| counter.name != HTTP_FILTER_STAT_UNDECIDED)
                    .map(|grown| grown as f64 / elapsed.as_secs_f64());
            }
        }
    }

    /// The counters as they are shown: methods only where they occurred, and no empty group.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let counters = |wanted: &dyn Fn(&str) -> bool| -> Vec<&Counter> {
            let all = self.counters.iter();
            all.filter(|counter| wanted(&counter.name)).collect()
        };
        let known = |name: &str| [CONNECTIONS, SEGMENTS, EVENTS].concat().contains(&name);
        let used = self.methods.iter().filter(|counter| counter.number > 0);
        [
            ("connections", counters(&|name| CONNECTIONS.contains(&name))),
            ("requests by method", used.collect()),
            ("segments", counters(&|name| SEGMENTS.contains(&name))),
            ("events", counters(&|name| EVENTS.contains(&name))),
            ("more", counters(&|name| !known(name))),
        ]
        .into_iter()
        .map(|(title, counters)| Group { title, counters })
        .filter(|group| !group.counters.is_empty())
        .collect()
    }

    /// The counters as one JSON object, with the methods in one of their own.
    pub(crate) fn to_json(&self) -> Value {
        self.object(|counter| Value::from(counter.number))
    }

    /// The same of the rates.
    pub(crate) fn rates_to_json(&self) -> Value {
        // A thousandth of a second is as exact as they are.
        self.object(|counter| Value::from(counter.rate.map(|rate| (rate * 1e3).round() / 1e3)))
    }

    fn object(&self, value: impl Fn(&Counter) -> Value) -> Value {
        let object = |counters: &[Counter]| -> Map<String, Value> {
            let pairs = counters.iter();
            pairs
                .map(|counter| (counter.name.clone(), value(counter)))
                .collect()
        };
        let mut all = object(&self.counters);
        let methods = object(&self.methods);
        all.insert(HTTP_FILTER_METHODS.to_owned(), Value::Object(methods));
        Value::Object(all)
    }
}

/// The files of a directory that hold a number.
fn read_dir(sysfs: &Sysfs, dir: &str) -> Result<Vec<Counter>> {
    let mut counters = Vec::new();
    for attribute in sysfs.attributes(dir)? {
        if !attribute.is_readable() {
            continue;
        }
        if let Ok(number) = sysfs.read(&format!("{dir}/{}", attribute.name))?.parse() {
            counters.push(Counter {
                name: attribute.name,
                number,
                rate: None,
            });
        }
    }
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(counters: &[(&str, u64)]) -> Stats {
        let counters = counters.iter().map(|&(name, number)| Counter {
            name: name.to_owned(),
            number,
            rate: None,
        });
        Stats {
            counters: counters.collect(),
            methods: Vec::new(),
            has_rates: false,
        }
    }

    #[test]
    fn rates_are_what_grew_in_a_second() {
        let before = stats(&[("dropped", 10), ("blocked", 10), ("undecided", 1)]);
        let mut after = stats(&[
            ("dropped", 15),
            ("blocked", 3),
            ("undecided", 9),
            ("new", 1),
        ]);
        after.compare(&before, Duration::from_millis(2_500));
        let rates: Vec<_> = after.counters.iter().map(|counter| counter.rate).collect();
        assert_eq!(rates, [Some(2.0), None, None, None]);
    }
}
