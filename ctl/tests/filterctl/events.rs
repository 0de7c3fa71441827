// SPDX-License-Identifier: GPL-2.0
//! `filterctl events` without the module, whose events are tested with the module itself.

use predicates::str::contains;

use crate::tree::Tree;

#[test]
fn without_the_module_the_status_is_3() {
    for more in [
        &[][..],
        &["--follow"],
        &["--json"],
        &["--eve", "--for", "1h"],
    ] {
        Tree::unloaded()
            .filterctl(&[&["events"], more].concat())
            .assert()
            .code(3)
            .stdout("")
            .stderr("filterctl: the module is not loaded: run \"filterctl load\"\n");
    }
}

#[test]
fn a_span_of_time_without_unit_is_explained() {
    let assert = Tree::unloaded()
        .filterctl(&["events", "--for", "10"])
        .assert();
    assert.code(2).stderr(contains("such as 30s, 5m, 1h30m"));
}
