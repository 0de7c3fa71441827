// SPDX-License-Identifier: GPL-2.0
//! `filterctl check`: what the filter would find in a capture file.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use anyhow::{bail, Result};
use capture::{Capture, Finding, Unread};
use classifier::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::Check;
use crate::file::is_stdio;
use crate::human::{self, counted};
use crate::style::{FAINT, HEADING};

const HTTP: Style = AnsiColor::Red.on_default().bold();
const UNDECIDED: Style = AnsiColor::Yellow.on_default();

/// From what size on a file's progress is shown, in bytes: such a one takes some time.
const LARGE: u64 = 64 << 20;

/// How many kinds of packets that were not read are told of each file.
const KINDS_MAX: usize = 10;

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
    if arguments.files.iter().any(|file| is_stdio(file)) {
        outlive_writer()?;
    }
    let mut report = Report {
        arguments,
        out,
        total: Total::default(),
    };
    let unreadable = match arguments.join {
        true => report.check_joined()?,
        false => report.check_each()?,
    };
    report.end()?;
    match unreadable {
        0 => Ok(()),
        1 => bail!("a file could not be checked"),
        _ => bail!("{unreadable} files could not be checked"),
    }
}

/// What is told of the files, as it is found.
struct Report<'a> {
    arguments: &'a Check,
    out: &'a mut dyn Write,
    total: Total,
}

impl Report<'_> {
    /// Classifies the connections of each file by itself. Returns how many files cannot be read, which
    /// stderr tells.
    fn check_each(&mut self) -> Result<u64> {
        let mut unreadable = 0;
        for file in &self.arguments.files {
            self.total.files += 1;
            let progress = ProgressBar::hidden();
            let capture = open(file, &progress).and_then(Capture::open);
            let is_read = match capture {
                Ok(mut capture) => self.read(&mut capture, &[file], &progress)?,
                Err(error) => refuse(file, &progress, &error),
            };
            unreadable += u64::from(!is_read);
        }
        Ok(unreadable)
    }

    /// Classifies the connections of all files as those of one capture that was split into them.
    fn check_joined(&mut self) -> Result<u64> {
        let mut unreadable = 0;
        let mut files = Vec::new();
        for file in &self.arguments.files {
            self.total.files += 1;
            match begin(file) {
                Ok(begin) => files.push((begin, file.as_path())),
                Err(error) => {
                    unreadable += u64::from(!refuse(file, &ProgressBar::hidden(), &error))
                }
            }
        }
        files.sort_by_key(|&(begin, _)| begin);
        let mut begun: Option<Capture<'_>> = None;
        let mut names = Vec::new();
        let mut rest = files.into_iter().map(|(_, file)| file).peekable();
        while let Some(file) = rest.next() {
            let progress = ProgressBar::hidden();
            let opened = open(file, &progress).and_then(|input| match &mut begun {
                Some(capture) => {
                    names.push(file);
                    capture.go_on(input)
                }
                None => {
                    begun = Some(Capture::open(input)?);
                    names.push(file);
                    Ok(())
                }
            });
            let is_open = opened.is_ok();
            if let Err(error) = opened {
                unreadable += u64::from(!refuse(file, &progress, &error));
            }
            let Some(capture) = &mut begun else { continue };
            if rest.peek().is_some() {
                capture.expect_another();
            }
            let is_read = self.read(capture, &names, &progress)?;
            unreadable += u64::from(is_open && !is_read);
        }
        Ok(unreadable)
    }

    /// Classifies the connections of a file, the last one of these. False if it cannot be read to its end,
    /// which stderr tells, though it is not cut off or damaged.
    fn read(
        &mut self,
        capture: &mut Capture<'_>,
        files: &[&Path],
        progress: &ProgressBar,
    ) -> Result<bool> {
        let Some(file) = files.last() else {
            return Ok(true);
        };
        let mut end = None;
        for finding in capture.by_ref() {
            match finding {
                Ok(finding) => {
                    self.total.count(&finding);
                    let begun_in = files.get(finding.file).unwrap_or(file);
                    let mut print = || print(begun_in, &finding, self.arguments, self.out);
                    // Two that write to one terminal must take turns.
                    match io::stdout().is_terminal() {
                        true => progress.suspend(print)?,
                        false => print()?,
                    }
                    // Another program may still be writing it.
                    if is_stdio(file) {
                        self.out.flush()?;
                    }
                }
                Err(error) => end = Some(error),
            }
        }
        progress.finish_and_clear();
        let summary = capture.summary();
        self.total.packets += summary.packets;
        self.total.unread += summary.unread.values().sum::<u64>();
        // What is said of a file comes behind its connections, also where both are read from one place.
        self.out.flush()?;
        warn_of_unread(file, &summary.unread);
        let Some(error) = end else { return Ok(true) };
        let count = counted(summary.packets, "packet");
        warn(
            file,
            &format_args!("{error}; checked: the {count} before that"),
        );
        Ok(error.is_partial())
    }

    /// Says what was found in all files.
    fn end(&mut self) -> io::Result<()> {
        if !self.arguments.json {
            writeln!(self.out, "{}", self.total)?;
        }
        self.out.flush()
    }
}

/// What a file is sorted by among those of one capture: when its first packet was captured; the ones that do
/// not tell come behind them, and at last what is still being written.
fn begin(file: &Path) -> Result<(u8, Option<i128>), capture::Error> {
    if is_stdio(file) {
        return Ok((2, None));
    }
    let time = capture::first_time(File::open(file)?)?;
    Ok((u8::from(time.is_none()), time))
}

/// Says why a file is not read. True if it is a capture all the same, of which there is nothing to read.
fn refuse(file: &Path, progress: &ProgressBar, error: &capture::Error) -> bool {
    progress.finish_and_clear();
    warn(file, error);
    error.is_partial()
}

/// Says how many packets of a file were not read, and why, the most frequent reason first.
fn warn_of_unread(file: &Path, unread: &BTreeMap<Unread, u64>) {
    let mut kinds: Vec<_> = unread.iter().collect();
    kinds.sort_by_key(|&(_, count)| Reverse(count));
    let others = kinds.split_off(kinds.len().min(KINDS_MAX));
    for (kind, &count) in kinds {
        let count = counted(count, "packet");
        warn(file, &format_args!("{count} not read: {kind}"));
    }
    if !others.is_empty() {
        let count = counted(others.iter().map(|&(_, count)| count).sum(), "packet");
        let kinds = counted(others.len() as u64, "other reason");
        warn(file, &format_args!("{count} not read: {kinds}"));
    }
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
fn open(file: &Path, progress: &ProgressBar) -> Result<Box<dyn Read>, capture::Error> {
    if is_stdio(file) {
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
    Ok(Box::new(progress.wrap_read(opened)))
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
            "tunnel": finding.tunnel,
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
    if let Some(tunnel) = &finding.tunnel {
        write!(out, "  {FAINT}in {tunnel}{FAINT:#}")?;
    }
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
    /// Those of them that were not read.
    unread: u64,
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
        write!(f, "{HEADING}{files}, {packets}")?;
        if self.unread > 0 {
            write!(f, " ({} not read)", human::count(self.unread))?;
        }
        write!(f, ", {connections}{HEADING:#}")?;
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
