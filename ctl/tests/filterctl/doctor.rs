// SPDX-License-Identifier: GPL-2.0
//! `filterctl doctor`, on a machine of plain files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use crate::tree::{modinfo, Tree};

const RELEASE: &str = "7.3.4+deb13-amd64";

/// The files of a machine that has everything, below a folder.
fn machine() -> TempDir {
    let dir = TempDir::new().unwrap();
    let config = "CONFIG_RUST=y\nCONFIG_MODULES=y\nCONFIG_NETFILTER=y\n\
        CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (x)\"\nCONFIG_CC_VERSION_TEXT=\"gcc-14 (x) 14.2.0\"\n";
    for (name, text) in [
        ("proc/sys/kernel/osrelease", RELEASE),
        ("proc/sys/kernel/modules_disabled", "0"),
        (
            "proc/self/status",
            "CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff",
        ),
        (
            "sys/kernel/security/lockdown",
            "[none] integrity confidentiality",
        ),
        ("sys/module/module/parameters/sig_enforce", "N"),
        (&format!("boot/config-{RELEASE}"), config),
        (&format!("lib/modules/{RELEASE}/build/Makefile"), ""),
        (&format!("lib/modules/{RELEASE}/updates/http_filter.ko"), ""),
        ("usr/src/linux-source-7.3.tar.xz", ""),
    ] {
        write(dir.path(), name, text);
    }
    dir
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

/// `filterctl doctor` on that machine, which has compilers as these, and a module for a kernel of this release.
fn doctor(machine: &TempDir, release: &str, arguments: &[&str]) -> assert_cmd::Command {
    let programs = modinfo(release);
    for (name, says) in [
        ("rustc", "rustc 1.85.1 (x)"),
        ("gcc-14", "gcc-14 (x) 14.2.0"),
        ("make", ""),
        ("cargo", ""),
        ("bindgen", ""),
        ("flex", ""),
        ("bison", ""),
        ("bc", ""),
        ("xz", ""),
    ] {
        let file = programs.path().join(name);
        fs::write(&file, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Tree::unloaded().filterctl(&["doctor"]);
    command.arg("--root").arg(machine.path()).args(arguments);
    command
        .env("PATH", programs.keep())
        .env_remove("RUSTC")
        .env_remove("CC");
    command
}

fn json(machine: &TempDir, release: &str) -> (i32, Value) {
    let output = doctor(machine, release, &["--json"]).output().unwrap();
    let object = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), object)
}

#[test]
fn a_machine_that_has_everything_is_well() {
    let machine = machine();
    let assert = doctor(&machine, RELEASE, &[]).assert().success().stderr("");
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let bad: Vec<_> = output
        .lines()
        .filter(|line| line.starts_with("warning"))
        .collect();
    assert_eq!(bad, [""; 0], "{output}");
    assert!(output.starts_with("ok       kernel "), "{output}");
    assert!(
        output.ends_with("\nall is well: filterctl load\n"),
        "{output}"
    );
    assert!(
        output.contains("http_filter.ko 0.1.0, for this kernel\n"),
        "{output}"
    );

    let (status, object) = json(&machine, RELEASE);
    assert_eq!((status, &object["problems"]), (0, &0.into()));
    for finding in object["findings"].as_array().unwrap() {
        assert_eq!(finding["status"], "ok", "{finding}");
        assert_eq!(finding["advice"], Value::Null, "{finding}");
        assert!(
            finding["name"].is_string() && finding["found"].is_string(),
            "{finding}"
        );
    }
}

#[test]
fn what_stands_in_the_way_is_told_from_the_machines_files() {
    for (file, text, name, part) in [
        (
            "proc/sys/kernel/modules_disabled",
            "1",
            "permission",
            "boot again",
        ),
        (
            "proc/self/status",
            "CapBnd:\t0000000000000000",
            "permission",
            "on the host",
        ),
        (
            "sys/kernel/security/lockdown",
            "none [integrity] confidentiality",
            "signatures",
            "sign-file",
        ),
        (
            "sys/module/module/parameters/sig_enforce",
            "Y",
            "signatures",
            "sign-file",
        ),
        (
            &format!("boot/config-{RELEASE}"),
            "CONFIG_MODULES=y\nCONFIG_NETFILTER=y",
            "CONFIG_RUST",
            "backports",
        ),
    ] {
        let machine = machine();
        write(machine.path(), file, text);
        let (status, object) = json(&machine, RELEASE);
        assert_eq!((status, &object["problems"]), (1, &1.into()), "{file}");
        let findings = object["findings"].as_array().unwrap();
        let problem = findings
            .iter()
            .find(|finding| finding["status"] == "problem")
            .unwrap();
        assert_eq!(problem["name"], name, "{file}");
        assert!(
            problem["advice"].as_str().unwrap().contains(part),
            "{problem}"
        );
    }
}

#[test]
fn a_module_for_another_kernel_is_a_problem() {
    doctor(&machine(), "7.3.3-other", &[])
        .assert()
        .code(1)
        .stdout(contains("0.1.0, but for kernel 7.3.3-other\n"))
        .stdout(contains(format!(
            "-> make KVER={RELEASE} && make install\n"
        )))
        .stderr("filterctl: a problem was found; what to do is told with it\n");
}

#[test]
fn a_module_that_is_not_there_is_a_problem() {
    let machine = machine();
    let file = format!("lib/modules/{RELEASE}/updates/http_filter.ko");
    fs::remove_file(machine.path().join(file)).unwrap();
    doctor(&machine, RELEASE, &[])
        .assert()
        .code(1)
        .stdout(contains("no http_filter.ko found"));
}

#[test]
fn a_compressed_module_is_found() {
    let machine = machine();
    let folder = machine
        .path()
        .join(format!("lib/modules/{RELEASE}/updates"));
    fs::rename(
        folder.join("http_filter.ko"),
        folder.join("http_filter.ko.xz"),
    )
    .unwrap();
    doctor(&machine, RELEASE, &[])
        .assert()
        .success()
        .stdout(contains("http_filter.ko.xz 0.1.0"));
}
