// SPDX-License-Identifier: GPL-2.0
//! `filterctl links`, of this machine. What changes is the guest's tests'.

use predicates::str::contains;
use serde_json::Value;

use crate::schema::object;
use crate::tree::Tree;

#[test]
fn loopback_is_shown() {
    let shown = Tree::unloaded().output(&["links", "lo"]);
    let lines: Vec<&str> = shown.lines().collect();
    let [heading, lo] = lines[..] else {
        panic!("{shown}")
    };
    assert!(heading.starts_with("link  index  state"), "{heading}");
    assert!(heading.ends_with("  addresses"), "{heading}");
    assert!(lo.starts_with("lo    1      "), "{lo}");
    assert!(lo.contains("  65536  "), "{lo}");
}

#[test]
fn the_state_comes_as_objects() {
    let told = Tree::unloaded().output(&["links", "--json"]);
    let objects: Vec<Value> = told.lines().map(|line| object("links", line)).collect();
    assert_eq!(objects[0]["name"], "lo");
    for object in &objects {
        assert_eq!(object["event"], "state");
        assert_eq!(object["was"], Value::Null);
    }
}

#[test]
fn an_interface_that_is_not_there_is_an_error() {
    let command = &["links", "nowhere0", "lo", "nowhere1"];
    let assert = Tree::unloaded().filterctl(command).assert().code(1);
    assert
        .stdout(contains("\nlo "))
        .stderr("filterctl: there is no interface nowhere0, nowhere1\n");
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    let command = &["links", "--netns", "nowhere"];
    let assert = Tree::unloaded().filterctl(command).assert().code(1);
    assert.stderr(contains("there is no network namespace nowhere"));
}

#[test]
fn wrong_usage_is_refused() {
    for command in [
        &["links", "--netns"][..],
        &["links", "--count", "1"],
        &["links", "--follow=yes"],
    ] {
        let assert = Tree::unloaded().filterctl(command).assert().code(2);
        assert.stdout("").stderr(contains("--help"));
    }
}
