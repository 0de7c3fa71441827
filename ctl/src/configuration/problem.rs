// SPDX-License-Identifier: GPL-2.0
//! What is wrong in a configuration file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{line_of, Span};

/// Something that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    place: Place,
    what: String,
}

/// Where it is.
#[derive(Debug)]
enum Place {
    /// In all of the file: something is missing.
    All,
    /// In a part of its text.
    Span(Span),
    /// In a line, from 1 on.
    Line(usize),
}

impl Problem {
    /// In a part of the text, if it is known where.
    pub(super) fn at(span: Option<Span>, what: impl Into<String>) -> Self {
        Self {
            place: span.map_or(Place::All, Place::Span),
            what: what.into(),
        }
    }

    /// In a line.
    pub(super) fn in_line(line: usize, what: impl Into<String>) -> Self {
        Self {
            place: Place::Line(line),
            what: what.into(),
        }
    }

    /// In all of the file.
    pub(super) fn of_all(what: impl Into<String>) -> Self {
        Self::at(None, what)
    }
}

/// A file that is no configuration. Shown as compilers do: a line for each problem, with file and line.
#[derive(Debug)]
pub(crate) struct Invalid {
    file: PathBuf,
    /// Lines, from 1 on, and what is wrong there.
    problems: Vec<(Option<usize>, String)>,
}

impl Invalid {
    /// A file with this text.
    pub(super) fn new(file: &Path, text: &str, problems: Vec<Problem>) -> Self {
        let mut problems: Vec<_> = problems
            .into_iter()
            .map(|problem| {
                let line = match problem.place {
                    Place::All => None,
                    Place::Span(span) => Some(line_of(text, span.start)),
                    Place::Line(line) => Some(line),
                };
                (line, problem.what)
            })
            .collect();
        // What is said of all of it comes last.
        problems.sort_by_key(|(line, _)| line.unwrap_or(usize::MAX));
        Self {
            file: file.to_owned(),
            problems,
        }
    }

    /// With a problem in a line, if it is known in which.
    pub(super) fn in_line(file: &Path, line: Option<usize>, what: &str) -> Self {
        Self {
            file: file.to_owned(),
            problems: vec![(line, what.to_owned())],
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (line, what) in &self.problems {
            write!(f, "{separator}{}:", self.file.display())?;
            if let Some(line) = line {
                write!(f, "{line}:")?;
            }
            write!(f, " {what}")?;
            separator = "\n";
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}
