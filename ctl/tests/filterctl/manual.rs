// SPDX-License-Identifier: GPL-2.0
//! The manual pages: those that are generated, and those that are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use predicates::str::contains;
use tempfile::TempDir;

use crate::tree::Tree;

/// The pages that are written.
const WRITTEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../man");

fn generate(dir: &Path, epoch: &str) {
    let dir = dir.to_str().unwrap();
    let mut command = Tree::unloaded().filterctl(&["generate", "man", dir]);
    let assert = command.env("SOURCE_DATE_EPOCH", epoch).assert();
    assert.success().stdout("").stderr("");
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn mandoc(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("mandoc").args(arguments).arg(file).output();
    let output = output.unwrap_or_else(|error| panic!("mandoc is needed: {error}"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {text}", file.display());
    text
}

/// A page as a terminal of 78 columns shows it, without bold and italic letters.
fn shown(file: &Path) -> String {
    let text = mandoc(&["-T", "utf8", "-O", "width=78"], file);
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\u{8}' => drop(plain.pop()),
            _ => plain.push(c),
        }
    }
    plain
}

/// Text without regard to where its lines end.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The generated pages as they are shown, by their names.
fn pages() -> BTreeMap<String, String> {
    let dir = TempDir::new().unwrap();
    generate(dir.path(), "1700000000");
    let name = |file: &Path| file.file_name().unwrap().to_str().unwrap().to_owned();
    let files = files(dir.path()).into_iter();
    files.map(|file| (name(&file), shown(&file))).collect()
}

/// The help of all commands that are shown, by the names of their pages.
fn helps() -> BTreeMap<String, String> {
    fn add(path: &[&str], helps: &mut BTreeMap<String, String>) {
        let help = Tree::unloaded().output(&[path, &["--help"]].concat());
        let commands = help.split_once("Commands:\n").map(|(_, commands)| commands);
        let lines = commands.unwrap_or_default().lines();
        for line in lines.map_while(|line| line.strip_prefix("  ")) {
            let command = line.split(' ').next().unwrap();
            add(&[path, &[command]].concat(), helps);
        }
        helps.insert(
            format!("{}.8", [&["filterctl"], path].concat().join("-")),
            help,
        );
    }
    let mut helps = BTreeMap::new();
    add(&[], &mut helps);
    helps
}

#[test]
fn every_command_has_a_page_and_no_other_has() {
    let (pages, helps) = (pages(), helps());
    assert!(pages.contains_key("filterctl-rules-add.8"));
    let names: BTreeSet<_> = pages.keys().collect();
    assert_eq!(names, helps.keys().collect());
    for page in pages.values() {
        for hidden in ["sysfs DIR", "--sysfs", "--root", "generate"] {
            assert!(!page.contains(hidden), "{hidden}: {page}");
        }
    }
}

#[test]
fn pages_say_all_that_help_says() {
    let pages = pages();
    for (name, help) in helps() {
        let page = words(&pages[&name]);
        // The usage is told by the synopsis.
        let (about, rest) = help.split_once("\n\nUsage: ").unwrap();
        let (_, rest) = rest.split_once("\n\n").unwrap();
        for line in about.lines().chain(rest.lines()) {
            // Titles are told by titles, and a page is named instead of help.
            let is_title = line.ends_with(':') && line.split(' ').count() <= 2;
            if is_title || line.contains("--help\"") {
                continue;
            }
            let line = line.strip_prefix("Exit status: ").unwrap_or(line);
            // The page has defaults beside options, and says in the synopsis what can be repeated.
            let line = line
                .replace(" [default", "  [default")
                .replace("]...", "]")
                .replace(">...", ">");
            for part in line.split("  ").map(words) {
                // The statuses of all commands are a list there.
                for part in part.split(", ") {
                    assert!(page.contains(part), "{name} lacks {part:?}:\n{page}");
                }
            }
        }
    }
}

#[test]
fn pages_have_the_sections_of_a_page() {
    for (name, page) in pages() {
        let titles: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            .filter(|line| !line.contains("(8)"))
            .collect();
        let first = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"];
        assert_eq!(titles.get(..4), Some(&first[..]), "{name}: {titles:?}");
        assert_eq!(titles.last(), Some(&"SEE ALSO"), "{name}: {titles:?}");
        assert!(titles.contains(&"EXIT STATUS"), "{name}: {titles:?}");
        assert!(!titles.contains(&"EXTRA"), "{name}: {titles:?}");
        let command = name.strip_suffix(".8").unwrap();
        assert!(
            page.contains(&format!("NAME\n       {command} - ")),
            "{page}"
        );
        for status in [
            "0  done",
            "1  failed",
            "2  wrong usage",
            "3  the module is not loaded",
        ] {
            assert!(
                page.contains(&format!("\n       {status}\n")),
                "{name}: {status}"
            );
        }
    }
}

#[test]
fn lists_and_examples_keep_their_form() {
    let pages = pages();
    for (name, lines) in [
        (
            "filterctl-rules.8",
            "\n       rules           a list of objects:\n                       number   its place, from 1 on\n",
        ),
        (
            "filterctl-rules.8",
            "\n           filterctl rules --json | jq '.rules[] | select(.hits == 0)'\n           filterctl rules",
        ),
        (
            "filterctl-events.8",
            "\n       Wait for the next one:\n\n           filterctl events --follow --count 1\n",
        ),
        ("filterctl-rules.8", "\n       filterctl rules [--json]\n       filterctl rules COMMAND ...\n"),
        (
            "filterctl-events.8",
            "\n       filterctl events [-f|--follow] [--for TIME] [--count N] [--json]",
        ),
        ("filterctl-check.8", "\n       filterctl check [--json] [--join] FILE...\n"),
        ("filterctl-events.8", "escaped: \\xNN for all"),
        ("filterctl-set.8", "\n       rules    see filterctl-rules(8); without"),
    ] {
        assert!(pages[name].contains(lines), "{lines}:\n{}", pages[name]);
    }
}

#[test]
fn mandoc_finds_no_fault_with_any_page() {
    let dir = TempDir::new().unwrap();
    generate(dir.path(), "1700000000");
    let pages = [files(dir.path()), files(Path::new(WRITTEN))].concat();
    assert!(pages.len() >= 19, "{pages:?}");
    for page in pages {
        assert_eq!(mandoc(&["-T", "lint", "-W", "warning"], &page), "");
    }
}

#[test]
fn pages_are_of_the_given_date_and_replaced() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path().join("not/there");
    for (epoch, date) in [("1000000000", "2001-09-09"), ("1700000000", "2023-11-14")] {
        generate(&dir, epoch);
        let page = shown(&dir.join("filterctl.8"));
        assert!(page.contains(date), "{page}");
    }
    let place = dir.to_str().unwrap();
    let mut command = Tree::unloaded().filterctl(&["generate", "man", place]);
    let assert = command.env("SOURCE_DATE_EPOCH", "yesterday").assert();
    assert
        .code(1)
        .stderr(contains("SOURCE_DATE_EPOCH is \"yesterday\", not a number"));
    let assert = Tree::unloaded()
        .filterctl(&["generate", "man", "/dev/null/x"])
        .assert();
    assert.code(1).stderr(contains("cannot make /dev/null/x"));
}

#[test]
fn the_modules_page_tells_every_parameter() {
    let page = shown(&Path::new(WRITTEN).join("http_filter.4"));
    let help = Tree::unloaded().output(&["load", "--help"]);
    let (_, parameters) = help.split_once("Parameters:\n").unwrap();
    let lines: Vec<_> = parameters
        .lines()
        .map_while(|line| line.strip_prefix("  "))
        .collect();
    assert_eq!(lines.len(), 7, "{lines:?}");
    for name in lines.iter().filter_map(|line| line.split(' ').next()) {
        assert!(
            page.contains(&format!("\n       {name}=")),
            "{name}: {page}"
        );
    }
}
