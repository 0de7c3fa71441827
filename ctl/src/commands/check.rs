// SPDX-License-Identifier: GPL-2.0
//! `filterctl check`: what the filter would find in a capture file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use anyhow::{bail, Result};
use capture::{Capture, Finding, Summary};
use classifier::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::Check;
use crate::human::{self, counted};
use crate::style::{FAINT, HEADING};

const HTTP: Style = AnsiColor::Red.on_default().bold();
const UNDECIDED: Style = AnsiColor::Yellow.on_default();

/// From what size on a file's progress is shown, in bytes: such a one takes some time.
const LARGE: u64 = 64 << 20;

/// The file that is standard input.
const STDIN: &str = "-";

/// What is said of a connection without a verdict.
const NO_VERDICT: &str = "undecided";

/// Classifies the connections of all files, and says in the end how many there were.
pub(crate) fn run(arguments: &Check, out: &mut dyn Write) -> Result<()> {
    // A person reads along; a program reads faster in larger pieces.
    let out: &mut dyn Write = if io::stdout().is_terminal() {
        out
    } else {
        &mut BufWriter::new(out)
    };
    if arguments.files.iter().any(|file| is_stdin(file)) {
        outlive_writer()?;
    }
    let mut total = Total::default();
    let mut unreadable = 0;
    for file in &arguments.files {
        if !check(file, arguments, &mut total, out)? {
            unreadable += 1;
        }
    }
    if !arguments.json {
        writeln!(out, "{total}")?;
    }
    out.flush()?;
    match unreadable {
        0 => Ok(()),
        1 => bail!("a file could not be checked"),
        _ => bail!("{unreadable} files could not be checked"),
    }
}

/// Classifies the connections of a file. False if it is none that can be read, which stderr tells.
fn check(file: &Path, arguments: &Check, total: &mut Total, out: &mut dyn Write) -> Result<bool> {
    total.files += 1;
    let progress = ProgressBar::hidden();
    let opened = open(file, &progress).map_err(capture::Error::from);
    let mut capture = match opened.and_then(|input| Capture::open(progress.wrap_read(input))) {
        Ok(capture) => capture,
        Err(error) => {
            progress.finish_and_clear();
            warn(file, &error);
            return Ok(error.is_partial());
        }
    };
    let mut end = None;
    for finding in capture.by_ref() {
        match finding {
            Ok(finding) => {
                total.count(&finding);
                let mut print = || print(file, &finding, arguments, out);
                // Two that write to one terminal must take turns.
                match io::stdout().is_terminal() {
                    true => progress.suspend(print)?,
                    false => print()?,
                }
                // Another program may still be writing it.
                if is_stdin(file) {
                    out.flush()?;
                }
            }
            Err(error) => end = Some(error),
        }
    }
    progress.finish_and_clear();
    let Summary { packets, unknown } = capture.summary();
    total.packets += packets;
    // What is said of a file comes behind its connections, also where both are read from one place.
    out.flush()?;
    for (link, count) in unknown {
        let count = counted(*count, "packet");
        warn(
            file,
            &format_args!("{count} of {link} left out: it is not known here"),
        );
    }
    let Some(error) = end else { return Ok(true) };
    let count = counted(*packets, "packet");
    warn(
        file,
        &format_args!("{error}; checked: the {count} before that"),
    );
    Ok(error.is_partial())
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new(STDIN)
}

/// Lets the first Ctrl-C end the program that writes standard input, of which then the end is read.
fn outlive_writer() -> Result<()> {
    /// As shells tell of a program that was interrupted.
    const INTERRUPTED: i32 = 130;
    let again = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if again.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}

/// Opens a file, or standard input, and shows the progress on a large one.
fn open(file: &Path, progress: &ProgressBar) -> io::Result<Box<dyn Read>> {
    if is_stdin(file) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file)?;
    let length = opened.metadata()?.len();
    if length >= LARGE {
        const BAR: &str = "{msg} {wide_bar} {percent:>3} %, {eta} left";
        progress.set_style(
            ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        progress.set_message(file.display().to_string());
        progress.set_length(length);
        progress.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }
    Ok(Box::new(opened))
}

/// Says on stderr what is the matter with a file.
fn warn(file: &Path, what: &dyn fmt::Display) {
    // There is nowhere left to tell of an error in telling of an error.
    let _ = writeln!(io::stderr(), "filterctl: {}: {what}", file.display());
}

/// Writes a connection's line.
fn print(file: &Path, finding: &Finding, arguments: &Check, out: &mut dyn Write) -> io::Result<()> {
    let (client, server) = (finding.client.to_string(), finding.server.to_string());
    let verdict = verdict(finding);
    if arguments.json {
        let object = json!({
            "file": file.to_string_lossy(),
            "client": client,
            "server": server,
            "verdict": verdict,
            "line": finding.line,
            "reason": finding.outcome.err().map(|reason| reason.name()),
        });
        return writeln!(out, "{object}");
    }
    if arguments.files.len() > 1 {
        write!(out, "{FAINT}{}:{FAINT:#} ", file.display())?;
    }
    let style = match finding.outcome {
        Ok(Verdict::Http1 | Verdict::H2c | Verdict::Http09) => HTTP,
        Ok(Verdict::Response | Verdict::Other) => Style::new(),
        Err(_) => UNDECIDED,
    };
    write!(
        out,
        "{style}{verdict:9}{style:#}  {client:>21} > {server:21}"
    )?;
    if let Some(line) = &finding.line {
        write!(out, "  {line}")?;
    }
    if let Err(reason) = finding.outcome {
        write!(out, "  {FAINT}({reason}){FAINT:#}")?;
    }
    writeln!(out)
}

fn verdict(finding: &Finding) -> &'static str {
    finding.outcome.map_or(NO_VERDICT, Verdict::name)
}

/// What was found in all files.
#[derive(Default)]
struct Total {
    files: u64,
    packets: u64,
    verdicts: BTreeMap<&'static str, u64>,
}

impl Total {
    fn count(&mut self, finding: &Finding) {
        *self.verdicts.entry(verdict(finding)).or_default() += 1;
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ORDER: [&str; 6] = [
            Verdict::Http1.name(),
            Verdict::H2c.name(),
            Verdict::Http09.name(),
            Verdict::Response.name(),
            Verdict::Other.name(),
            NO_VERDICT,
        ];
        let connections = counted(self.verdicts.values().sum(), "connection");
        let (files, packets) = (counted(self.files, "file"), counted(self.packets, "packet"));
        write!(f, "{HEADING}{files}, {packets}, {connections}{HEADING:#}")?;
        let mut separator = ":";
        for verdict in ORDER {
            if let Some(&count) = self.verdicts.get(verdict) {
                write!(f, "{separator} {} {verdict}", human::count(count))?;
                separator = ",";
            }
        }
        Ok(())
    }
}
