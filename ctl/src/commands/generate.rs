// SPDX-License-Identifier: GPL-2.0
//! `filterctl generate`.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use jiff::{tz::TimeZone, Timestamp};

use crate::cli::{Cli, Generate, GenerateCommand};
use crate::{completions, manual};

/// What a build sets to be reproducible: the time that counts as now, in seconds since 1970.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Writes manual pages, or prints completions.
pub(crate) fn run(arguments: &Generate, out: &mut dyn Write) -> Result<()> {
    match &arguments.command {
        GenerateCommand::Man(arguments) => write_pages(&arguments.dir),
        GenerateCommand::Completions(arguments) => {
            out.write_all(&completions::script(Cli::command(), arguments.shell))?;
            Ok(())
        }
    }
}

/// Writes a manual page for each command into the folder `dir`.
fn write_pages(dir: &Path) -> Result<()> {
    let date = date()?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for page in manual::pages(Cli::command(), &date)? {
        let file = dir.join(page.file_name);
        fs::write(&file, page.text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The date of the pages: `2026-03-01`.
fn date() -> Result<String> {
    let now = match env::var(SOURCE_DATE_EPOCH) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .with_context(|| {
                format!("{SOURCE_DATE_EPOCH} is {text:?}, not a number of seconds since 1970")
            })?,
        _ => Timestamp::now(),
    };
    Ok(now.to_zoned(TimeZone::UTC).date().to_string())
}
