// SPDX-License-Identifier: GPL-2.0
//! What the module tells, as metrics: what its settings are, and what it has counted.
//!
//! Only what is known here is told, since a metric has to keep its name and its type. A file that an
//! earlier module lacks is left out.

mod exposition;

use std::path::Path;

use anyhow::Result;

pub(crate) use exposition::Family;

use exposition::Type::{self, Counter, Gauge};

use crate::genetlink::Connection;
use crate::rules::RuleSet;
use crate::settings::{self, Kind};
use crate::stats::Stats;
use crate::sysfs::{NotLoaded, Sysfs};
use crate::uapi::*;

/// Connections by what was found, and by what has become of them: the values of the label, which are
/// the names of the counters.
const KINDS: &[&str] = &[
    HTTP_FILTER_STAT_REQUESTS,
    HTTP_FILTER_STAT_H2C,
    HTTP_FILTER_STAT_HTTP09,
    HTTP_FILTER_STAT_RESPONSES,
];
const DECISIONS: &[&str] = &[
    HTTP_FILTER_STAT_BLOCKED,
    HTTP_FILTER_STAT_MONITORED,
    HTTP_FILTER_STAT_ALLOWED,
];

/// Settings that are numbers: their files, and the metrics they are told as.
const SETTINGS: &[(&str, &str, &str)] = &[
    (HTTP_FILTER_ENABLED, "enabled", "Whether the filter is on."),
    (
        HTTP_FILTER_SINCE,
        "last_switch_timestamp_seconds",
        "When the filter was last switched on or off.",
    ),
    (
        HTTP_FILTER_LOG,
        "log_enabled",
        "Whether each connection gets a line in the kernel log.",
    ),
    (
        HTTP_FILTER_MAX_UNDECIDED,
        "undecided_connections_limit",
        "How many undecided connections the table has room for.",
    ),
];

/// The other counters: their files, and the metrics they are told as. Segments have no label, since one
/// may be counted by several of these.
const OTHERS: &[(&str, Type, &str, &str)] = &[
    (
        HTTP_FILTER_STAT_UNDECIDED,
        Gauge,
        "undecided_connections",
        "Connections that have begun what may become a first line of HTTP.",
    ),
    (
        HTTP_FILTER_STAT_EVICTED,
        Counter,
        "connections_evicted_total",
        "Undecided connections that were aborted to make room, or because they could not be read any more.",
    ),
    (
        HTTP_FILTER_STAT_INSPECTED,
        Counter,
        "segments_inspected_total",
        "Segments of which the data were read.",
    ),
    (
        HTTP_FILTER_STAT_DROPPED,
        Counter,
        "segments_dropped_total",
        "Segments dropped because they would have completed a first line of HTTP, or have followed one.",
    ),
    (
        HTTP_FILTER_STAT_DEFERRED,
        Counter,
        "segments_deferred_total",
        "Segments dropped so that their sender sends them again, when what is before them is known.",
    ),
    (
        HTTP_FILTER_STAT_REFUSED,
        Counter,
        "segments_refused_total",
        "Segments dropped so that their sender sends them again, when there is room in the table.",
    ),
    (
        HTTP_FILTER_STAT_MALFORMED,
        Counter,
        "segments_malformed_total",
        "Segments without a TCP header that can be read, left to TCP.",
    ),
    (
        HTTP_FILTER_STAT_UNINSPECTABLE,
        Counter,
        "segments_uninspectable_total",
        "Segments that passed without being read.",
    ),
    (
        HTTP_FILTER_STAT_EVENTS_LOST,
        Counter,
        "events_lost_total",
        "Events for which there was no room.",
    ),
];

/// The metrics of the module, be it loaded or not.
///
/// # Errors
///
/// None, if the module is not loaded; but if that cannot be known, or what it tells cannot be read.
pub(crate) fn collect(root: &Path) -> Result<Vec<Family>> {
    let loaded = Family::new(Gauge, "loaded", "Whether the module is loaded.");
    match Sysfs::open(root).and_then(|sysfs| of_loaded(&sysfs)) {
        Ok(families) => Ok([vec![loaded.with(Some(1))], families].concat()),
        Err(error) if error.is::<NotLoaded>() => Ok(vec![loaded.with(Some(0))]),
        Err(error) => Err(error),
    }
}

fn of_loaded(sysfs: &Sysfs) -> Result<Vec<Family>> {
    let (settings, stats) = (settings::read(sysfs)?, Stats::read(sysfs)?);
    Ok([of_settings(&settings), of_rules(), of_stats(&stats)].concat())
}

fn of_settings(settings: &[(String, String)]) -> Vec<Family> {
    let text = |name: &str| {
        let (_, value) = settings.iter().find(|(setting, _)| setting == name)?;
        Some(value.as_str())
    };
    let labels = [HTTP_FILTER_VERSION_FILE, HTTP_FILTER_NAMESPACES];
    let labels = labels.map(|name| Some((name, text(name)?.to_owned())));
    let labels = labels.into_iter().flatten().collect();
    let info = Family::new(
        Gauge,
        "info",
        "The module's version, and whether it looks at all network namespaces.",
    )
    .with_labels([(labels, 1)]);
    let numbers = SETTINGS.iter().map(|(file, name, help)| {
        let number = text(file).and_then(|value| value.parse().ok());
        Family::new(Gauge, name, help).with(number)
    });
    let states = [
        states(
            HTTP_FILTER_ACTION,
            "action",
            "What becomes of HTTP where no rule matches.",
            text(HTTP_FILTER_ACTION),
        ),
        states(
            HTTP_FILTER_DETECT,
            "kind",
            "What counts as HTTP.",
            text(HTTP_FILTER_DETECT),
        ),
    ];
    [info].into_iter().chain(numbers).chain(states).collect()
}

/// A metric of the words that a setting may have: 1 for those that it has now, 0 for the others.
fn states(
    setting: &'static str,
    label: &'static str,
    help: &'static str,
    value: Option<&str>,
) -> Family {
    let words = match settings::find(setting).map(|setting| &setting.kind) {
        Some(Kind::OneOf(words) | Kind::AnyOf(words)) => *words,
        _ => &[],
    };
    let states = value.map(|value| {
        let words = words.iter();
        words.map(move |word| {
            (
                *word,
                value.split_whitespace().any(|set| set == *word).into(),
            )
        })
    });
    Family::new(Gauge, setting, help).by(label, states.into_iter().flatten())
}

/// How many rules there are, where they may be asked for: it takes root, and netlink. Not what each has
/// decided: a rule's number is not its own, but changes with every rule that is added before it.
fn of_rules() -> Vec<Family> {
    let Ok(set) = Connection::open().and_then(|module| RuleSet::get(&module)) else {
        return Vec::new();
    };
    let expired = set.rules.iter().filter(|rule| rule.expired).count();
    vec![
        Family::new(Gauge, "rules", "How many rules there are.").with(Some(set.rules.len() as u64)),
        Family::new(
            Gauge,
            "rules_expired",
            "How many rules there are of which the time is over.",
        )
        .with(Some(expired as u64)),
    ]
}

fn of_stats(stats: &Stats) -> Vec<Family> {
    let known = |names: &'static [&str]| {
        let names = names.iter();
        names.filter_map(|name| Some((*name, stats.number(name)?)))
    };
    let mut families = vec![
        Family::new(
            Counter,
            "connections_found_total",
            "Connections found to speak HTTP, whatever became of them.",
        )
        .by("kind", known(KINDS)),
        Family::new(
            Counter,
            "connections_decided_total",
            "Connections found to speak HTTP, by what became of them.",
        )
        .by("decision", known(DECISIONS)),
        Family::new(
            Counter,
            "requests_total",
            "Connections found to begin with a request, by its method.",
        )
        .by("method", stats.methods()),
    ];
    let others = OTHERS.iter();
    families.extend(
        others.map(|(file, of, name, help)| Family::new(*of, name, help).with(stats.number(file))),
    );
    families
}
