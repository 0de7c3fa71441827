// SPDX-License-Identifier: GPL-2.0
//! The text below a command's options in `--help`, taken apart: sections of paragraphs and lists, as
//! they are laid out there for a terminal.
//!
//! A list is indented, with two blanks or more between a term and its text, which may go on below itself;
//! lines that are indented between the two are a list within. A section begins behind an empty line,
//! with one or two words and a colon.

/// A section of the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// In capitals; empty for what is before the first title.
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    /// A section without text.
    pub(super) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            blocks: Vec::new(),
        }
    }
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Paragraph(String),
    /// An indented paragraph.
    Indented(String),
    List(Vec<Item>),
    /// Lines to type, as they are, and what is said of them.
    Example {
        lines: Vec<String>,
        text: String,
    },
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) term: String,
    pub(super) text: String,
    /// A list within its text.
    pub(super) items: Vec<Item>,
}

impl Item {
    pub(super) fn new(term: &str, text: &str) -> Self {
        Self {
            term: term.to_owned(),
            text: text.to_owned(),
            items: Vec::new(),
        }
    }
}

/// Takes a text apart.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut section = Section::new("");
    for paragraph in text.split("\n\n") {
        let (title, body) = title(paragraph);
        if let Some(title) = title {
            sections.push(std::mem::replace(&mut section, Section::new(&title)));
        }
        let blocks = match section.title.as_str() {
            super::EXAMPLES => examples(body),
            _ => blocks(body),
        };
        section.blocks.extend(blocks);
    }
    sections.push(section);
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

/// The title that a paragraph begins with, if it does, and the rest.
fn title(paragraph: &str) -> (Option<String>, &str) {
    const EXIT_STATUS: &str = "Exit status:";
    const JSON: &str = "With --json,";
    let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
    if let Some(body) = paragraph.strip_prefix(EXIT_STATUS) {
        let body = body.strip_prefix([' ', '\n']).unwrap_or(body);
        return (Some(super::EXIT_STATUS.to_owned()), body);
    }
    if paragraph.starts_with(JSON) {
        return (Some(super::JSON_OUTPUT.to_owned()), paragraph);
    }
    let is_title = |words: &&str| {
        words.starts_with(|first: char| first.is_ascii_uppercase())
            && words.split(' ').count() <= 2
            && words.chars().all(|c| c.is_ascii_alphabetic() || c == ' ')
    };
    match first.strip_suffix(':').filter(is_title) {
        Some(words) => (Some(words.to_uppercase()), rest),
        None => (None, paragraph),
    }
}

/// The blocks of a paragraph that has no examples.
fn blocks(paragraph: &str) -> Vec<Block> {
    let lines: Vec<&str> = paragraph.lines().collect();
    let runs = lines.chunk_by(|a, b| (indent(a) == 0) == (indent(b) == 0));
    let block = |run: &[&str]| match run.first() {
        Some(first) if indent(first) == 0 => Block::Paragraph(joined(run)),
        _ => list(run).map_or_else(|| Block::Indented(joined(run)), Block::List),
    };
    runs.map(block).collect()
}

/// The items of a list; `None` if these lines are none.
fn list(lines: &[&str]) -> Option<Vec<Item>> {
    let margin = indent(lines.first()?);
    let of_one_item = lines.chunk_by(|_, next| indent(next) > margin);
    of_one_item.map(item).collect()
}

/// An item, of its first line and what is indented further.
fn item(lines: &[&str]) -> Option<Item> {
    let (first, rest) = lines.split_first()?;
    let (term, text) = term_and_text(first.trim())?;
    let column = first.len() - text.len();
    let below = rest
        .iter()
        .take_while(|line| indent(line) >= column)
        .count();
    let (below, within) = rest.split_at_checked(below)?;
    let items = if within.is_empty() {
        Vec::new()
    } else {
        list(within)?
    };
    Some(Item {
        term: term.to_owned(),
        text: joined(&[&[text], below].concat()),
        items,
    })
}

/// The examples of a paragraph: what is behind two blanks is about the line. Lines about which nothing is
/// said are one example.
fn examples(paragraph: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in paragraph.lines() {
        let Some(line) = line.strip_prefix("  ") else {
            blocks.push(Block::Paragraph(line.to_owned()));
            continue;
        };
        let (line, about) = term_and_text(line).unwrap_or((line, ""));
        match blocks.last_mut() {
            Some(Block::Example { lines, text }) if text.is_empty() && about.is_empty() => {
                lines.push(line.to_owned());
            }
            _ => blocks.push(Block::Example {
                lines: vec![line.to_owned()],
                text: about.to_owned(),
            }),
        }
    }
    blocks
}

/// How far a line is indented.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The term that a line begins with, and the text that stands two blanks or more behind it.
fn term_and_text(line: &str) -> Option<(&str, &str)> {
    let start = indent(line);
    let (term, text) = line.get(start..)?.split_once("  ")?;
    Some((line.get(..start + term.len())?, text.trim_start()))
}

/// Lines as one.
fn joined(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(text: &str) -> Block {
        Block::Paragraph(text.to_owned())
    }

    fn example(lines: &[&str], text: &str) -> Block {
        Block::Example {
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            text: text.to_owned(),
        }
    }

    fn titles(text: &str) -> Vec<String> {
        let sections = sections(text).into_iter();
        sections.map(|section| section.title).collect()
    }

    #[test]
    fn sections_begin_with_their_titles() {
        let text = "Some words\nand others.\n\nMore.\n\nSettings:\n  a  b\n\nWith --json, one object:\n  a  b\n\n\
                    With --eve, others.\n\nExit status: 1, if so.\n\nExamples:\n  filterctl";
        let expected = ["", "SETTINGS", "JSON OUTPUT", "EXIT STATUS", "EXAMPLES"];
        assert_eq!(titles(text), expected);
        let sections = sections(text);
        let [prose, _, json, status, examples] = sections.as_slice() else {
            panic!("{sections:?}")
        };
        assert_eq!(
            prose.blocks,
            [paragraph("Some words and others."), paragraph("More.")]
        );
        assert_eq!(
            json.blocks.first(),
            Some(&paragraph("With --json, one object:"))
        );
        assert_eq!(json.blocks.last(), Some(&paragraph("With --eve, others.")));
        assert_eq!(status.blocks, [paragraph("1, if so.")]);
        assert_eq!(examples.blocks, [example(&["filterctl"], "")]);
        assert_eq!(titles("Examples:\n  a"), ["EXAMPLES"]);
    }

    #[test]
    fn what_only_looks_like_a_title_is_text() {
        for text in [
            "of one that has ended:\n  a  b",
            "A connection is told by conditions:\n  a  b",
            "Not at an end: Examples:",
            "  Examples:",
        ] {
            assert_eq!(titles(text), [""], "{text}");
        }
    }

    #[test]
    fn lists_keep_their_structure() {
        let text = "With these:\n  a    one,\n       and on\n  bcd  a list of objects:\n    e  two  blanks,\n       \
                    and on\n    f  three\n  g    four\nand so on\n  x|y [Z VALUE]...";
        let item = Item::new;
        let nested = Item {
            items: vec![item("e", "two  blanks, and on"), item("f", "three")],
            ..item("bcd", "a list of objects:")
        };
        let expected = [
            paragraph("With these:"),
            Block::List(vec![item("a", "one, and on"), nested, item("g", "four")]),
            paragraph("and so on"),
            Block::Indented("x|y [Z VALUE]...".to_owned()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn examples_are_kept_as_they_are() {
        let text =
            "  a | b\n  c \\\n    d\n  e          What it does\n  f          What this does\n  g";
        let expected = [
            example(&["a | b", "c \\", "  d"], ""),
            example(&["e"], "What it does"),
            example(&["f"], "What this does"),
            example(&["g"], ""),
        ];
        assert_eq!(examples(text), expected);
    }
}
