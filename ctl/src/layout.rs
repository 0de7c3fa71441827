// SPDX-License-Identifier: GPL-2.0
//! How lines are laid out: in columns, and broken where there is no room for more.

use console::Term;

use crate::human;

/// What is between two parts of a line.
pub(crate) const GAP: &str = "  ";

/// How many columns the terminal has that standard output is, if it is one.
pub(crate) fn columns() -> Option<usize> {
    let terminal = Term::stdout();
    let size = terminal.is_term().then(|| terminal.size());
    size.map(|(_, columns)| columns.into())
}

/// The rest of a line of which so much is written: its parts, those for which there is no room on another line, behind
/// an indent.
pub(crate) fn wrapped(
    parts: &[String],
    written: usize,
    indent: usize,
    columns: Option<usize>,
) -> String {
    let mut text = String::new();
    let mut end = written;
    for part in parts {
        let width = human::width(part);
        let has_room = columns.is_none_or(|columns| end + GAP.len() + width <= columns);
        if has_room || end == indent {
            text.push_str(GAP);
        } else {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent + GAP.len()));
            end = indent;
        }
        text.push_str(part);
        end += GAP.len() + width;
    }
    text
}

/// How wide columns have to be.
pub(crate) fn widths<'a, const N: usize>(
    lines: impl Iterator<Item = &'a [String; N]>,
) -> [usize; N] {
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// The cells of a line, in columns.
pub(crate) fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let cells = cells.iter().zip(widths);
    // Much of it is named by whoever made it.
    let cells = cells.map(|(cell, &width)| {
        let cell = cell.replace(char::is_control, "?");
        format!("{cell:width$}")
    });
    let cells: Vec<String> = cells.collect();
    cells.join("  ").trim_end().to_owned()
}
