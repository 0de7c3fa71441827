// SPDX-License-Identifier: GPL-2.0
//! `filterctl status`: what the module does and what it has counted.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use console::Term;
use serde_json::{json, Map, Value};

use crate::cli::{Interval, Status};
use crate::human;
use crate::json::SCHEMA_VERSION;
use crate::settings::{self, Kind};
use crate::stats::Stats;
use crate::style::{FAINT, HEADING};
use crate::sysfs::{NotLoaded, Sysfs};
use crate::uapi::*;

/// The key of the rates in JSON.
const RATES: &str = "rates";

/// How long rules are at most that are shown among the settings.
const SHORT: usize = 60;

const ON: Style = AnsiColor::Green.on_default().bold();
const OFF: Style = AnsiColor::Yellow.on_default().bold();

/// What a terminal is told: to clear all, to begin at its top left, to clear the rest of a line, and
/// what is below.
const CLEAR: &[u8] = b"\x1b[2J";
const TOP: &[u8] = b"\x1b[H";
const REST_OF_LINE: &[u8] = b"\x1b[K";
const BELOW: &[u8] = b"\x1b[J";

/// Shows the status, once or again and again.
pub(crate) fn run(root: &Path, arguments: &Status, out: &mut dyn Write) -> Result<()> {
    if let Some(Interval(interval)) = arguments.watch {
        return watch(root, interval, arguments.json, out);
    }
    let snapshot = Snapshot::take(root);
    tell(&snapshot, arguments.json, out)?;
    snapshot.map(drop)
}

/// Shows the status until it is interrupted or the module is unloaded.
fn watch(root: &Path, interval: Duration, json: bool, out: &mut dyn Write) -> Result<()> {
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // If this has ended meanwhile, nobody minds.
        let _ = interrupt.send(());
    })?;
    let in_place = io::stdout().is_terminal() && !json;
    let mut before: Option<Snapshot> = None;
    loop {
        let mut snapshot = Snapshot::take(root);
        if let (Ok(now), Some(before)) = (&mut snapshot, &before) {
            let elapsed = now.taken.duration_since(before.taken);
            now.stats.compare(&before.stats, elapsed);
        }
        let mut page = Vec::new();
        tell(&snapshot, json, &mut page)?;
        if in_place && snapshot.is_ok() {
            redraw(&page, before.is_none(), out)?;
        } else {
            if before.is_some() && !json {
                writeln!(out)?;
            }
            out.write_all(&page)?;
        }
        out.flush()?;
        before = Some(snapshot?);
        match interrupted.recv_timeout(interval) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if in_place {
        writeln!(out)?;
    }
    Ok(())
}

/// Writes a page over the one before, so that nothing flickers.
fn redraw(page: &[u8], is_first: bool, out: &mut dyn Write) -> io::Result<()> {
    // Not by way of `out`, which may be told to leave out all that is no text.
    let mut terminal = io::stdout();
    if is_first {
        terminal.write_all(CLEAR)?;
    }
    terminal.write_all(TOP)?;
    let (rows, _) = Term::stdout().size();
    for (number, line) in fitting(page, rows.into()).enumerate() {
        // None behind the last line, at which the terminal would scroll.
        if number > 0 {
            out.write_all(b"\n")?;
        }
        out.write_all(line)?;
        terminal.write_all(REST_OF_LINE)?;
    }
    terminal.write_all(BELOW)
}

/// The lines of a page as far as there are rows for them: if there are too few, first of all without
/// the empty ones.
fn fitting(page: &[u8], rows: usize) -> impl Iterator<Item = &[u8]> {
    let lines = page.trim_ascii_end().split(|&byte| byte == b'\n');
    let is_tight = lines.clone().count() > rows;
    lines
        .filter(move |line| !is_tight || !line.is_empty())
        .take(rows)
}

/// Writes what there is to tell, if need be that the module is not loaded.
fn tell(snapshot: &Result<Snapshot>, json: bool, out: &mut dyn Write) -> Result<()> {
    match (snapshot, json) {
        (Ok(snapshot), false) => snapshot.show(human::now(), out)?,
        (Ok(snapshot), true) => writeln!(out, "{}", snapshot.to_json())?,
        (Err(error), true) if error.is::<NotLoaded>() => {
            writeln!(
                out,
                "{}",
                json!({"schema_version": SCHEMA_VERSION, "loaded": false})
            )?;
        }
        (Err(_), _) => {}
    }
    Ok(())
}

/// All that the module tells.
struct Snapshot {
    taken: Instant,
    settings: Vec<(String, String)>,
    stats: Stats,
}

impl Snapshot {
    fn take(root: &Path) -> Result<Self> {
        let sysfs = Sysfs::open(root)?;
        Ok(Self {
            taken: Instant::now(),
            settings: settings::read(&sysfs)?,
            stats: Stats::read(&sysfs)?,
        })
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        let (_, value) = settings.find(|(setting, _)| setting == name)?;
        Some(value)
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("schema_version".to_owned(), Value::from(SCHEMA_VERSION));
        object.insert("loaded".to_owned(), Value::from(true));
        for (name, value) in &self.settings {
            object.insert(name.clone(), settings::to_json(name, value));
        }
        object.insert(HTTP_FILTER_STATS.to_owned(), self.stats.to_json());
        if self.stats.has_rates {
            object.insert(RATES.to_owned(), self.stats.rates_to_json());
        }
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
        let names = widest(all().map(|counter| counter.name.as_str()));
        let numbers = all().map(|counter| human::count(counter.number).len());
        let numbers = numbers.max().unwrap_or_default();
        for group in &groups {
            writeln!(out, "\n{HEADING}{}{HEADING:#}", group.title)?;
            for counter in &group.counters {
                // What never happened steps back.
                let style = if counter.number == 0 {
                    FAINT
                } else {
                    Style::new()
                };
                let (name, number) = (&counter.name, human::count(counter.number));
                write!(out, "  {name:names$}  {style}{number:>numbers$}{style:#}")?;
                if let Some(rate) = counter.rate {
                    let style = if rate == 0.0 { FAINT } else { Style::new() };
                    write!(out, "  {style}{rate:>8.1}/s{style:#}")?;
                }
                writeln!(out)?;
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
        (Some(Kind::Rules), _) if value.len() > SHORT => "filterctl rules shows them".to_owned(),
        _ => settings::one_line(name, value),
    }
}

/// The width of a column.
fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}
