// SPDX-License-Identifier: GPL-2.0
//! What happens, a line each: the time, a word for what it is, and the rest in parts.

use std::io::{self, Write};

use anstyle::Style;
use jiff::tz::TimeZone;
use jiff::Timestamp;

use crate::layout;
use crate::style::{FAINT, HEADING};

/// Where the time and the word for what has happened end.
const INDENT: usize = 19;

/// The lines so far.
#[derive(Default)]
pub(crate) struct Journal {
    /// How many columns there are, if that matters.
    pub(crate) columns: Option<usize>,
    /// The day of the last line.
    day: String,
}

impl Journal {
    /// One on standard output.
    pub(crate) fn new() -> Self {
        Self {
            columns: layout::columns(),
            ..Self::default()
        }
    }

    /// Writes a line, in local time, behind one that names the day if it is another one than before. Parts for which
    /// there is no room go to a line of their own.
    pub(crate) fn line(
        &mut self,
        time: Timestamp,
        what: &str,
        style: Style,
        parts: &[String],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let local = time.to_zoned(TimeZone::system());
        let day = local.strftime("%F").to_string();
        if self.day != day {
            writeln!(out, "{HEADING}{day}{HEADING:#}")?;
            self.day = day;
        }
        let time = local.strftime("%T");
        let rest = layout::wrapped(parts, INDENT, INDENT, self.columns);
        writeln!(
            out,
            "{FAINT}{time}{FAINT:#}  {style}{what:9}{style:#}{rest}"
        )
    }
}
