// SPDX-License-Identifier: GPL-2.0
//! Sections of a manual page in roff, with the macros of man(7).

use roff::{bold, roman, Inline, Roff};

use super::help_text::{Block, Item, Section};

/// A section with its title.
pub(super) fn section(section: &Section) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [section.title.as_str()]);
    for (index, block) in section.blocks.iter().enumerate() {
        // Behind a title there is space enough, and items make their own.
        if index > 0 && !matches!(block, Block::List(_)) {
            roff.control("PP", []);
        }
        match block {
            Block::Paragraph(text) => {
                roff.text(marked_up(text));
            }
            Block::Indented(text) => indented(&mut roff, |roff| {
                roff.text(marked_up(text));
            }),
            Block::List(items) => list(&mut roff, items),
            Block::Example { lines, text } => example(&mut roff, lines, text),
        }
    }
    roff
}

fn indented(roff: &mut Roff, add: impl FnOnce(&mut Roff)) {
    roff.control("RS", ["4"]);
    add(roff);
    roff.control("RE", []);
}

/// A list whose texts stand below each other, and its items close together.
fn list(roff: &mut Roff, items: &[Item]) {
    /// A term that is longer has its text below itself.
    const WIDEST: usize = 16;
    let widths = items.iter().map(|item| item.term.len());
    let widest = widths.filter(|&width| width <= WIDEST).max().unwrap_or(4);
    let width = (widest + 2).to_string();
    for (index, item) in items.iter().enumerate() {
        if index == 1 {
            roff.control("PD", ["0"]);
        }
        roff.control("TP", [width.as_str()]);
        roff.text([bold(item.term.as_str())]);
        roff.text(marked_up(&item.text));
        if !item.items.is_empty() {
            roff.control("RS", [width.as_str()]);
            list(roff, &item.items);
            roff.control("RE", []);
            roff.control("PD", ["0"]);
        }
    }
    roff.control("PD", []);
}

/// Lines to type, behind what is said of them.
fn example(roff: &mut Roff, lines: &[String], text: &str) {
    if !text.is_empty() {
        roff.text(marked_up(&format!("{text}:")));
        roff.control("PP", []);
    }
    indented(roff, |roff| {
        roff.control("EX", []);
        for line in lines {
            roff.text([roman(line.as_str())]);
        }
        roff.control("EE", []);
    });
}

/// Text with options and names of manual pages in bold.
fn marked_up(text: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for piece in text.split_inclusive(' ') {
        let start = piece.find(|c: char| !"(\"".contains(c)).unwrap_or(0);
        let (before, word) = piece.split_at(start);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = word.find(|c| !is_of_name(c)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        let is_option = name.len() > 2 && name.starts_with("--");
        let is_page = matches!(after.as_bytes(), [b'(', b'0'..=b'9', b')', ..]);
        if is_option || is_page {
            inlines.extend([roman(before), bold(name), roman(after)]);
        } else {
            inlines.push(roman(piece));
        }
    }
    inlines
}
