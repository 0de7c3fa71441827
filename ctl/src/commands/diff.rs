// SPDX-License-Identifier: GPL-2.0
//! `filterctl diff`: what `filterctl apply` would change.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{bail, Result};
use serde_json::{json, Value};
use similar::{ChangeTag, TextDiff};

use crate::cli::Diff;
use crate::configuration::{Change, Configuration, Running};
use crate::genetlink::Connection;
use crate::json::SCHEMA_VERSION;
use crate::settings;
use crate::style::HEADING;
use crate::sysfs::Sysfs;
use crate::uapi::HTTP_FILTER_RULES;

const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();

/// Shows what differs in the loaded module.
pub(crate) fn run(root: &Path, arguments: &Diff, out: &mut dyn Write) -> Result<()> {
    let configuration = Configuration::read(&arguments.file)?;
    let running = Running::read(&Sysfs::open(root)?, &Connection::open()?)?;
    let changes = configuration.changes(&running);
    let file = configuration.file().display();
    if arguments.json {
        let changes: Vec<Value> = changes.iter().map(to_json).collect();
        let file = file.to_string();
        writeln!(
            out,
            "{}",
            json!({"schema_version": SCHEMA_VERSION, "file": file, "changes": changes})
        )?;
    } else if changes.is_empty() {
        writeln!(out, "the module is as {file} says")?;
    } else {
        show(&changes, out)?;
    }
    if arguments.exit_code && !changes.is_empty() {
        out.flush()?;
        bail!("the module is not as {file} says");
    }
    Ok(())
}

/// Writes changes: a line each, but for rules, of which the lines are compared.
pub(super) fn show(changes: &[Change], out: &mut dyn Write) -> Result<()> {
    let width = changes.iter().map(|change| change.name.len()).max();
    let width = width.unwrap_or_default();
    for Change { name, from, to } in changes {
        if *name == HTTP_FILTER_RULES {
            writeln!(out, "{HEADING}{name}{HEADING:#}")?;
            write!(out, "{}", Lines { from, to })?;
        } else {
            writeln!(
                out,
                "{HEADING}{name:width$}{HEADING:#}  {OLD}{from}{OLD:#} -> {NEW}{to}{NEW:#}"
            )?;
        }
    }
    Ok(())
}

/// How the lines of a text change.
struct Lines<'a> {
    from: &'a str,
    to: &'a str,
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By lines without their ends: the last one has none.
        let [from, to] = [self.from, self.to].map(|text| text.lines().collect::<Vec<_>>());
        for change in TextDiff::from_slices(&from, &to).iter_all_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', OLD),
                ChangeTag::Insert => ('+', NEW),
                ChangeTag::Equal => (' ', Style::new()),
            };
            writeln!(f, "  {style}{sign}{}{style:#}", change.value())?;
        }
        Ok(())
    }
}

fn to_json(change: &Change) -> Value {
    json!({
        "key": change.name,
        "from": settings::to_json(change.name, &change.from),
        "to": settings::to_json(change.name, &change.to),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_that_gets_another_one_behind_it_stays() {
        let lines = Lines {
            from: "a\nb",
            to: "a\nb\nc",
        };
        let shown = anstream::adapter::strip_str(&lines.to_string()).to_string();
        assert_eq!(shown, "   a\n   b\n  +c\n");
    }
}
