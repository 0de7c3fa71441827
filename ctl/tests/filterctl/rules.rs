// SPDX-License-Identifier: GPL-2.0
//! `filterctl rules` without the module, whose answers are tested with the module itself.

use predicates::str::contains;

use crate::tree::Tree;

#[test]
fn without_the_module_the_status_is_3() {
    let tree = Tree::unloaded();
    for arguments in [
        &["rules"][..],
        &["rules", "--json"],
        &["rules", "add", "allow", "on", "lo"],
        &["rules", "delete", "1"],
        &["rules", "replace", "-"],
        &["rules", "test"],
    ] {
        tree.filterctl(arguments)
            .assert()
            .code(3)
            .stdout("")
            .stderr("filterctl: the module is not loaded: run \"filterctl load\"\n");
    }
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    let tree = Tree::unloaded();
    for (arguments, part) in [
        (&["rules", "add"][..], "<RULE>"),
        (
            &["rules", "add", "--at", "first", "allow"],
            "'first' for '--at <N>'",
        ),
        (&["rules", "delete"], "<N>"),
        (&["rules", "delete", "-1"], "'-1'"),
        (&["rules", "replace"], "<FILE>"),
        (&["rules", "remove", "1"], "'remove'"),
        (&["rules", "--json", "add", "allow"], "'--json'"),
    ] {
        tree.filterctl(arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(part));
    }
}

#[test]
fn help_has_examples() {
    let tree = Tree::unloaded();
    for command in ["add", "delete", "replace", "test"] {
        let help = tree.output(&["rules", command, "--help"]);
        assert!(
            help.contains(&format!("Examples:\n  filterctl rules {command} ")),
            "{help}"
        );
    }
}
