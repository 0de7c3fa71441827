// SPDX-License-Identifier: GPL-2.0
//! `filterctl links`, of this machine. What changes is the guest's tests'.

use predicates::str::contains;
use serde_json::Value;

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
fn every_object_has_its_keys() {
    let told = Tree::unloaded().output(&["links", "--json"]);
    let objects = told.lines().map(|line| serde_json::from_str(line).unwrap());
    let objects: Vec<Value> = objects.collect();
    let lo = &objects[0];
    assert_eq!(lo["name"], "lo");
    for object in &objects {
        assert_eq!(object["schema_version"], 1);
        assert_eq!(object["event"], "state");
        assert_eq!(object["was"], Value::Null);
        assert!(["link", "address"]
            .map(Value::from)
            .contains(&object["type"]));
    }
    // As the help has them.
    let help = Tree::unloaded().output(&["links", "--help"]);
    for object in &objects {
        for key in object.as_object().unwrap().keys() {
            assert!(help.contains(key.as_str()), "{key}");
        }
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
