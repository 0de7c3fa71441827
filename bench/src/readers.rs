// SPDX-License-Identifier: GPL-2.0

//! A table of what `classifier-bench` has counted.

use crate::report::distinct;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a reader took for an input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Counted {
    reader: String,
    input: String,
    instructions: u64,
    /// Whether it took the input for HTTP.
    http: bool,
}

/// A row for each input, a column for each reader.
pub(crate) fn table(counted: &[Counted]) -> String {
    let readers = distinct(counted.iter().map(|c| c.reader.as_str()));
    let mut text = format!("| input | {} |\n|---|", readers.join(" | "));
    text += &"---:|".repeat(readers.len());
    text += "\n";
    for input in distinct(counted.iter().map(|c| c.input.as_str())) {
        let _ = write!(text, "| {input} |");
        for of in counted.iter().filter(|c| c.input == input) {
            let sign = if of.http { " x" } else { "" };
            let _ = write!(text, " {}{sign} |", of.instructions);
        }
        text += "\n";
    }
    text
}
