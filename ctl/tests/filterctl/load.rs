// SPDX-License-Identifier: GPL-2.0
//! `filterctl load` and `unload`, as far as they go without touching the kernel.

use predicates::prelude::*;
use predicates::str::contains;

use crate::tree::{modinfo, object, Tree};

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
        ("acton=drop", "unknown key \"acton\" (is action meant?)"),
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
fn what_is_no_module_is_named_before_the_kernel_is_asked() {
    let tree = Tree::unloaded();
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for (path, what) in [
        (folder.path().to_owned(), "it is a folder"),
        (file("empty.ko", b""), "the file is empty"),
        (file("text.ko", b"# http_filter\n"), "it is no ELF file"),
        (file("cut.ko", &object()[..60]), "the file is cut off"),
        ("/dev/null".into(), "it is no regular file"),
    ] {
        let said = format!("filterctl: cannot load {}: {what}", path.display());
        let mut load = tree.filterctl(&["load", "--module"]);
        load.arg(&path)
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains(said));
        let mut doctor = tree.filterctl(&["doctor", "--module"]);
        let said = format!("{}: {what}", path.display());
        doctor.arg(&path).assert().code(1).stdout(contains(said));
    }
}

#[test]
fn without_sysfs_nothing_is_loaded() {
    let tree = Tree::without_sysfs();
    let remedy = "/sys is not mounted: mount -t sysfs sysfs /sys\n";
    tree.filterctl(&["load"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(format!("filterctl: nothing was loaded: {remedy}"));
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--watch", "1"],
        &["get"],
        &["set", "action", "drop"],
        &["enable"],
        &["disable"],
        &["reset"],
    ] {
        tree.filterctl(arguments)
            .assert()
            .code(1)
            .stdout("")
            .stderr(format!("filterctl: {remedy}"));
    }
}

#[test]
fn a_module_for_another_kernel_does_not_reach_this_one() {
    let tree = Tree::unloaded();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object()).unwrap();
    let programs = modinfo("7.3.3-other");
    tree.filterctl(&["load", "--module"])
        .arg(file.path())
        .env("PATH", programs.path())
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("built for kernel 7.3.3-other, and this is ").and(contains("make KVER=")));
}
