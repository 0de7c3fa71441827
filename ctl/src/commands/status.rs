// SPDX-License-Identifier: GPL-2.0
//! `filterctl status`: what the module does and what it has counted.

use std::io::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde_json::{json, Map, Value};

use crate::cli::Status;
use crate::human;
use crate::settings::{self, Kind};
use crate::stats::Stats;
use crate::sysfs::{NotLoaded, Sysfs};
use crate::uapi::*;

const HEADING: Style = Style::new().bold();
const ON: Style = AnsiColor::Green.on_default().bold();
const OFF: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Shows the status.
pub(crate) fn run(root: &Path, arguments: &Status, out: &mut dyn Write) -> Result<()> {
    let snapshot = Sysfs::open(root)
        .map_err(Into::into)
        .and_then(|sysfs| Snapshot::take(&sysfs));
    if !arguments.json {
        return snapshot?.show(human::now(), out);
    }
    match &snapshot {
        Ok(snapshot) => writeln!(out, "{}", snapshot.to_json())?,
        Err(error) if error.is::<NotLoaded>() => writeln!(out, "{}", json!({"loaded": false}))?,
        Err(_) => {}
    }
    snapshot.map(drop)
}

/// All that the module tells.
struct Snapshot {
    settings: Vec<(String, String)>,
    stats: Stats,
}

impl Snapshot {
    fn take(sysfs: &Sysfs) -> Result<Self> {
        Ok(Self {
            settings: settings::read(sysfs)?,
            stats: Stats::read(sysfs)?,
        })
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        let (_, value) = settings.find(|(setting, _)| setting == name)?;
        Some(value)
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("loaded".to_owned(), Value::from(true));
        for (name, value) in &self.settings {
            object.insert(name.clone(), settings::to_json(name, value));
        }
        object.insert(HTTP_FILTER_STATS.to_owned(), self.stats.to_json());
        Value::Object(object)
    }

    /// Writes it for people, who read it at `now`.
    fn show(&self, now: i64, out: &mut dyn Write) -> Result<()> {
        let version = self.setting(HTTP_FILTER_VERSION_FILE).unwrap_or_default();
        let title = format!("{HTTP_FILTER_MODULE} {version}");
        writeln!(out, "{HEADING}{}{HEADING:#}", title.trim_end())?;
        self.show_settings(now, out)?;
        self.show_counters(out)
    }

    fn show_settings(&self, now: i64, out: &mut dyn Write) -> Result<()> {
        // The version is in the heading, the time beside the state.
        let beside = [HTTP_FILTER_VERSION_FILE, HTTP_FILTER_SINCE];
        let listed = || {
            let settings = self.settings.iter();
            settings.filter(|(name, _)| !beside.contains(&name.as_str()))
        };
        let width = widest(listed().map(|(name, _)| name.as_str()));
        for (name, value) in listed() {
            write!(out, "  {name:width$}  ")?;
            let style = match (name.as_str(), settings::is_on(value)) {
                (HTTP_FILTER_ENABLED, Some(true)) => ON,
                (HTTP_FILTER_ENABLED, Some(false)) => OFF,
                _ if value.is_empty() => FAINT,
                _ => Style::new(),
            };
            write!(out, "{style}{}{style:#}", in_words(name, value))?;
            if name == HTTP_FILTER_ENABLED {
                let since = self.setting(HTTP_FILTER_SINCE);
                let since = since.and_then(|since| human::moment(since.parse().ok()?, now));
                if let Some(since) = since {
                    write!(out, ", since {since}")?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn show_counters(&self, out: &mut dyn Write) -> Result<()> {
        let groups = self.stats.groups();
        let all = || groups.iter().flat_map(|group| &group.counters);
        let names = widest(all().map(|(name, _)| name.as_str()));
        let numbers = all().map(|(_, number)| human::count(*number).len());
        let numbers = numbers.max().unwrap_or_default();
        for group in &groups {
            writeln!(out, "\n{HEADING}{}{HEADING:#}", group.title)?;
            for (name, number) in &group.counters {
                // What never happened steps back.
                let style = if *number == 0 { FAINT } else { Style::new() };
                let number = human::count(*number);
                writeln!(out, "  {name:names$}  {style}{number:>numbers$}{style:#}")?;
            }
        }
        Ok(())
    }
}

/// A setting's value as people read it.
fn in_words(name: &str, value: &str) -> String {
    let kind = settings::find(name).map(|setting| &setting.kind);
    match (kind, settings::is_on(value)) {
        (Some(Kind::Switch), Some(true)) => "yes".to_owned(),
        (Some(Kind::Switch), Some(false)) => "no".to_owned(),
        _ if value.is_empty() => "none".to_owned(),
        _ => settings::one_line(value),
    }
}

/// The width of a column.
fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}
