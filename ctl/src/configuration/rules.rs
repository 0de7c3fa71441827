// SPDX-License-Identifier: GPL-2.0
//! The rules in a configuration file: a string of their own grammar, mostly of several lines.

use toml_edit::Item;

use super::problem::Problem;
use super::{line_of, Span};
use crate::rules::sugar::Sugar;

/// The rules.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// In the module's words.
    pub(super) text: String,
    /// As the file has them, line by line the same.
    written: String,
    /// Where their lines are in the file; nowhere, if they are not from there.
    lines: Option<Lines>,
}

/// Which lines of a file the lines of the rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// All are in this one, from 1 on.
    One(usize),
    /// They begin with this one.
    From(usize),
}

impl Lines {
    /// Where the lines of a string are that TOML writes as `raw`, at this line of the file.
    fn of(raw: &str, line: usize) -> Self {
        let quotes = ["\"\"\"", "'''"];
        let Some(content) = quotes.iter().find_map(|quote| raw.strip_prefix(quote)) else {
            return Self::One(line);
        };
        // A line end right behind the quotes is none of the string's.
        match content.starts_with(['\n', '\r']) {
            true => Self::From(line + 1),
            false => Self::From(line),
        }
    }

    /// The file's line that a line of the rules is; both from 1 on.
    fn line(self, line: usize) -> usize {
        match self {
            Self::One(only) => only,
            Self::From(first) => first + line.saturating_sub(1),
        }
    }
}

impl Rules {
    /// Those that were given as a parameter.
    pub(super) fn given(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            written: text.to_owned(),
            lines: None,
        }
    }

    /// Those of a file with this text.
    pub(super) fn read(
        file: &str,
        item: &Item,
        sugar: &Sugar,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let span: Option<Span> = item.span();
        let Some(text) = item.as_str() else {
            problems.push(Problem::at(
                span,
                "rules takes a string: '''...''' if of several lines",
            ));
            return Self::default();
        };
        let span = span.unwrap_or_default();
        let line = line_of(file, span.start);
        let lines = Lines::of(file.get(span).unwrap_or_default(), line);
        // The module takes no carriage returns, which editors of other systems put in front of a line's end.
        let text = &text.replace("\r\n", "\n");
        let mut expanded = String::with_capacity(text.len());
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            match sugar.expand(line) {
                Ok(line) => expanded += &line,
                Err(error) => {
                    problems.push(Problem::in_line(lines.line(number), format!("{error:#}")));
                }
            }
        }
        Self {
            text: expanded,
            written: text.to_owned(),
            lines: Some(lines),
        }
    }

    /// Rules of the module's, each line that the file has in its own words in these.
    pub(super) fn as_written(&self, text: &str) -> String {
        let own = || self.text.lines().zip(self.written.lines());
        let lines = text.lines().map(|line| {
            let found = own().find(|(expanded, _)| *expanded == line);
            found.map_or(line, |(_, written)| written)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What the module says of rules, `line 2: "from": ...`, and the line of the file that this is about.
    pub(super) fn placed<'a>(&self, said: &'a str) -> (Option<usize>, &'a str) {
        let parts = said
            .strip_prefix("line ")
            .and_then(|rest| rest.split_once(": "));
        let parts = parts.and_then(|(line, what)| Some((line.parse().ok()?, what)));
        match (parts, self.lines) {
            (Some((line, what)), Some(lines)) => (Some(lines.line(line)), what),
            _ => (None, said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_rules_are_lines_of_the_file() {
        for (raw, lines) in [
            ("\"allow\"", Lines::One(7)),
            ("'allow'", Lines::One(7)),
            ("\"\"", Lines::One(7)),
            ("'''\nallow'''", Lines::From(8)),
            ("'''\r\nallow'''", Lines::From(8)),
            ("\"\"\"allow\ndrop\"\"\"", Lines::From(7)),
        ] {
            assert_eq!(Lines::of(raw, 7), lines, "{raw}");
        }
    }

    #[test]
    fn what_the_module_says_is_told_of_the_files_line() {
        let rules = |lines| Rules {
            lines,
            ..Rules::default()
        };
        let said = "line 2: \"form\": an unknown condition";
        let what = "\"form\": an unknown condition";
        assert_eq!(rules(Some(Lines::From(8))).placed(said), (Some(9), what));
        assert_eq!(rules(Some(Lines::One(8))).placed(said), (Some(8), what));
        assert_eq!(rules(None).placed(said), (None, said));
        let short = "an unknown condition";
        assert_eq!(rules(Some(Lines::From(8))).placed(short), (None, short));
    }
}
