// SPDX-License-Identifier: GPL-2.0
//! `filterctl rules`: the table.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde_json::{json, Value};

use crate::genetlink::Connection;
use crate::human;
use crate::json::SCHEMA_VERSION;
use crate::rules::{Rule, RuleSet};
use crate::style::{FAINT, HEADING};
use crate::sysfs::Sysfs;
use crate::uapi::HTTP_FILTER_ACTION;

const EXPIRED: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// What is beside a longer rule is not aligned.
const LONG: usize = 56;

/// Shows the rules, and what becomes of what none of them matches.
pub(super) fn run(
    sysfs: &Sysfs,
    module: &Connection,
    json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let set = RuleSet::get(module)?;
    let action = sysfs.read(HTTP_FILTER_ACTION)?;
    if json {
        writeln!(out, "{}", to_json(&set, &action))?;
        return Ok(());
    }
    show(&set, &action, human::now(), out)
}

/// Writes the table for people, who read it at `now`.
fn show(set: &RuleSet, action: &str, now: i64, out: &mut dyn Write) -> Result<()> {
    const HITS: &str = "hits";
    let rules = set.rules.iter();
    let rows: Vec<Row> = rules.map(|rule| Row::new(set, rule, now)).collect();
    let widest = |cell: fn(&Row) -> &Cell| {
        let widths = rows.iter().map(|row| cell(row).width());
        widths.filter(|&width| width <= LONG).max().unwrap_or(0)
    };
    let numbers = widest(|row| &row.number);
    let hits = widest(|row| &row.hits).max(HITS.len());
    let rules = widest(|row| &row.rule);
    if !rows.is_empty() {
        let empty = "";
        writeln!(
            out,
            "{HEADING}  {empty:numbers$}  {HITS:>hits$}  rule{HEADING:#}"
        )?;
    }
    for row in &rows {
        let Row {
            number,
            hits: hit,
            rule,
            notes,
        } = row;
        write!(out, "  {number:>numbers$}  {hit:>hits$}  {rule}")?;
        let mut gap = rules.saturating_sub(rule.width()) + GAP.len();
        for note in notes {
            write!(out, "{:gap$}{note}", "")?;
            gap = GAP.len();
        }
        writeln!(out)?;
    }
    let rest = if rows.is_empty() { "all" } else { "all else" };
    writeln!(
        out,
        "  {:numbers$}  {:hits$}  {HEADING}{action}{HEADING:#} {rest}",
        "", ""
    )?;
    Ok(())
}

/// What is between two columns.
const GAP: &str = "  ";

/// Text and how it looks.
struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }

    fn width(&self) -> usize {
        human::width(&self.text)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = self.style;
        write!(f, "{style}")?;
        f.pad(&self.text)?;
        write!(f, "{style:#}")
    }
}

/// A rule's line in the table.
struct Row {
    number: Cell,
    hits: Cell,
    rule: Cell,
    notes: Vec<Cell>,
}

impl Row {
    fn new(set: &RuleSet, rule: &Rule, now: i64) -> Self {
        let text = set.rule(rule);
        let (style, end_style, over) = match rule.expired {
            true => (FAINT, EXPIRED, "expired "),
            false => (PLAIN, FAINT, ""),
        };
        let end = until(&text).map(|end| format!("{over}{}", human::distance(end, now)));
        let comment = set
            .comment(rule)
            .map(|comment| format!("# {}", human::line(&comment)));
        let notes = [(end, end_style), (comment, FAINT)].into_iter();
        Self {
            number: Cell::new(rule.number.to_string(), FAINT),
            hits: match rule.hits {
                0 => Cell::new("never", FAINT),
                hits => Cell::new(human::count(hits), PLAIN),
            },
            rule: Cell::new(human::line(&with_date(&text)), style),
            notes: notes
                .filter_map(|(text, style)| Some(Cell::new(text?, style)))
                .collect(),
        }
    }
}

/// The words of a rule's condition `until`.
fn until_word(rule: &str) -> Option<&str> {
    let mut words = rule.split_whitespace().skip(1);
    while let Some(name) = words.next() {
        let value = words.next()?;
        if name == "until" {
            return Some(value);
        }
    }
    None
}

/// When a rule ends, in seconds since 1970.
fn until(rule: &str) -> Option<i64> {
    until_word(rule)?.parse().ok()
}

/// The rule with that as a date.
fn with_date(rule: &str) -> Cow<'_, str> {
    let date = until(rule).and_then(human::date);
    match (until_word(rule), date) {
        (Some(word), Some(date)) => rule.replacen(word, &date, 1).into(),
        _ => rule.into(),
    }
}

fn to_json(set: &RuleSet, action: &str) -> Value {
    let rules = set.rules.iter().map(|rule| {
        let text = set.rule(rule);
        json!({
            "number": rule.number,
            "line": rule.line,
            "rule": text,
            "comment": set.comment(rule),
            "hits": rule.hits,
            "expired": rule.expired,
            "until": until(&text),
        })
    });
    json!({
        "schema_version": SCHEMA_VERSION,
        "generation": set.generation,
        "action": action,
        "rules": rules.collect::<Vec<_>>(),
        "text": String::from_utf8_lossy(&set.text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The set of rules in `text`, each a line.
    fn set(text: &str, hits: &[u64]) -> RuleSet {
        let mut at = 0;
        let rules = text
            .split_inclusive('\n')
            .zip(hits)
            .zip(1..)
            .map(|((line, &hits), number)| {
                let rule = line.split('#').next().unwrap().trim_end();
                let place = at..at + rule.len();
                at += line.len();
                Rule {
                    number,
                    line: number as u64,
                    place,
                    hits,
                    expired: rule.ends_with("until 9"),
                }
            });
        let rules = rules.collect();
        RuleSet {
            generation: 7,
            text: text.as_bytes().to_vec(),
            rules,
        }
    }

    fn shown(text: &str, hits: &[u64]) -> String {
        let mut out = Vec::new();
        show(&set(text, hits), "drop", 3_609, &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn the_table_has_a_line_for_each_rule_and_one_for_all_else() {
        let long = "allow from 192.0.2.0/24,198.51.100.0/24,203.0.113.0/24 port 80";
        let text = format!("allow  port 80   # ACME  \x1b[31m\n{long}# long\ndrop until 9\nreject until 9000 # x\n");
        let table = shown(&text, &[1_204, 0, 3, 0]);
        let date = |seconds| human::date(seconds).unwrap();
        let expected = [
            "      hits  rule".to_owned(),
            "  1  1,204  allow port 80                  # ACME \\u{1b}[31m".to_owned(),
            format!("  2  never  {long}  # long"),
            format!("  3      3  drop until {}    expired 1 hour ago", date(9)),
            format!("  4  never  reject until {}  in 1 hour  # x", date(9_000)),
            "            drop all else".to_owned(),
        ];
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn without_rules_there_is_no_table() {
        assert_eq!(shown("", &[]), "          drop all\n");
    }

    #[test]
    fn json_has_all_that_is_known() {
        let json = to_json(&set("allow until 9 # x\ndrop # until 8\n", &[5, 0]), "drop");
        let expected = json!({
            "schema_version": 1,
            "generation": 7,
            "action": "drop",
            "rules": [
                {"number": 1, "line": 1, "rule": "allow until 9", "comment": "x", "hits": 5, "expired": true, "until": 9},
                {"number": 2, "line": 2, "rule": "drop", "comment": "until 8", "hits": 0, "expired": false, "until": null},
            ],
            "text": "allow until 9 # x\ndrop # until 8\n",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn until_is_a_condition_and_no_value() {
        assert_eq!(until("allow until 5"), Some(5));
        assert_eq!(until("allow on until port 5"), None);
        assert_eq!(until("allow on until until 5"), Some(5));
        assert_eq!(
            with_date("allow port 80 until 99999999999999"),
            "allow port 80 until 99999999999999"
        );
    }
}
