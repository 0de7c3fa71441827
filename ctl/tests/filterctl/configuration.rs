// SPDX-License-Identifier: GPL-2.0
//! `filterctl diff`, `apply`, `save` and `load` with a configuration file, as far as no module is needed.

use std::fs;

use predicates::str::contains;
use tempfile::TempDir;

use crate::tree::Tree;

const BAD: &str = "acton = \"drop\"\nlog = 1\n";

/// A folder with a file of this content, and the file's path.
fn file(content: &str) -> (TempDir, String) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("http_filter.toml");
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[test]
fn a_module_is_needed() {
    let (_dir, path) = file("action = \"drop\"\n");
    let tree = Tree::unloaded();
    for command in ["diff", "apply", "save"] {
        let mut filterctl = tree.filterctl(&[command, &path]);
        filterctl.assert().code(3).stderr(contains("not loaded"));
    }
}

#[test]
fn a_bad_file_is_told_before_anything_is_done() {
    let (_dir, path) = file(BAD);
    let told = format!(
        "{path}:1: unknown key \"acton\" (is action meant?); known are: enabled, action, rules, detect, \
         namespaces, log, max_undecided\n{path}:2: log takes true or false\n{path}: action is missing: "
    );
    for (tree, command) in [
        (Tree::loaded(), vec!["diff", &path]),
        (Tree::loaded(), vec!["apply", &path]),
        (Tree::unloaded(), vec!["load", "--config", &path]),
    ] {
        let assert = tree.filterctl(&command).assert();
        assert.code(1).stdout("").stderr(contains(told.as_str()));
    }
}

#[test]
fn a_missing_file_is_told_with_what_makes_one() {
    let tree = Tree::loaded();
    for command in ["diff", "apply"] {
        let mut filterctl = tree.filterctl(&[command, "/nowhere/http_filter.toml"]);
        let told =
            "filterctl: there is no /nowhere/http_filter.toml: \"filterctl save\" makes one of what the loaded module does\n";
        filterctl.assert().code(1).stderr(told);
    }
}

#[test]
fn what_is_told_to_load_has_to_make_sense() {
    let tree = Tree::unloaded();
    for arguments in [
        ["load", "--no-config", "--fallback"].as_slice(),
        &["load", "--no-config", "--config", "x"],
    ] {
        tree.filterctl(arguments).assert().code(2);
    }
}
