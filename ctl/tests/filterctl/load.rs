// SPDX-License-Identifier: GPL-2.0
//! `filterctl load` and `unload`, as far as they go without touching the kernel.

use predicates::prelude::*;
use predicates::str::contains;

use crate::tree::{modinfo, Tree};

#[test]
fn a_loaded_module_is_not_loaded_again() {
    let tree = Tree::loaded();
    assert_eq!(
        tree.output(&["load"]),
        "http_filter 0.1.0 is already loaded: enabled (action: drop)\n"
    );
    tree.file("enabled", "0", 0o644);
    assert_eq!(
        tree.output(&["load"]),
        "http_filter 0.1.0 is already loaded: disabled\n"
    );
}

#[test]
fn a_loaded_module_takes_no_parameters() {
    let tree = Tree::loaded();
    tree.filterctl(&["load", "action=monitor"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("already loaded").and(contains("filterctl set")));
    assert_eq!(tree.read("action"), "drop\n");
}

#[test]
fn parameters_are_checked_before_anything_is_done() {
    let tree = Tree::unloaded();
    for (parameter, reason) in [
        ("action", "KEY=VALUE"),
        ("acton=drop", "unknown key \"acton\""),
        ("version=1", "unknown key \"version\""),
    ] {
        tree.filterctl(&["load", parameter])
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(reason));
    }
}

#[test]
fn a_missing_file_is_named() {
    let tree = Tree::unloaded();
    tree.filterctl(&["load", "--module", "/nowhere/http_filter.ko"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains(
            "filterctl: cannot load /nowhere/http_filter.ko: No such file",
        ));
}

#[test]
fn unloading_twice_is_no_error() {
    assert_eq!(
        Tree::unloaded().output(&["unload"]),
        "http_filter is not loaded\n"
    );
}

#[test]
fn a_module_for_another_kernel_does_not_reach_this_one() {
    let tree = Tree::unloaded();
    let file = tempfile::NamedTempFile::new().unwrap();
    let programs = modinfo("7.3.3-other");
    tree.filterctl(&["load", "--module"])
        .arg(file.path())
        .env("PATH", programs.path())
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("built for kernel 7.3.3-other, and this is ").and(contains("make KVER=")));
}
