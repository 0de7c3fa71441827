// SPDX-License-Identifier: GPL-2.0
//! `filterctl doctor`, on a machine of plain files.

use std::fs;
use std::io::Write;
use std::path::Path;

use assert_cmd::assert::Assert;
use flate2::write::GzEncoder;
use flate2::Compression;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use crate::schema;
use crate::tree::{modinfo, object, program, Tree};

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
        ("usr/lib/rustlib/src/rust/library/core/src/lib.rs", ""),
        ("usr/include/libelf.h", ""),
        ("usr/include/openssl/opensslv.h", ""),
    ] {
        write(dir.path(), name, text);
    }
    let module = format!("lib/modules/{RELEASE}/updates/http_filter.ko");
    fs::write(dir.path().join(module), object()).unwrap();
    dir
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

/// Runs `filterctl doctor` on that machine, which has compilers as these, and a module for a kernel of
/// this release.
fn doctor(machine: &TempDir, release: &str, arguments: &[&str]) -> Assert {
    let programs = modinfo(release);
    for name in ["make", "cargo", "flex", "bison", "bc", "xz"] {
        program(programs.path(), name, ":");
    }
    let sysroot = machine.path().join("usr").display().to_string();
    for (name, says) in [
        ("rustc", "rustc 1.85.1 (x)"),
        ("gcc-14", "gcc-14 (x) 14.2.0"),
        ("bindgen", "bindgen 0.71.1"),
    ] {
        let lines = format!("[ $1 = --version ] && echo '{says}' || echo {sysroot}");
        program(programs.path(), name, &lines);
    }
    let mut command = Tree::unloaded().filterctl(&["doctor"]);
    command.arg("--root").arg(machine.path()).args(arguments);
    command.env("PATH", programs.path());
    for variable in ["RUSTC", "CC", "KERNEL_SOURCE", "RUST_LIB_SRC"] {
        command.env_remove(variable);
    }
    command.assert()
}

fn json(machine: &TempDir, release: &str) -> (i32, Value) {
    let assert = doctor(machine, release, &["--json"]);
    let output = assert.get_output();
    let object = schema::object("doctor", std::str::from_utf8(&output.stdout).unwrap());
    (output.status.code().unwrap(), object)
}

#[test]
fn a_machine_that_has_everything_is_well() {
    let machine = machine();
    let assert = doctor(&machine, RELEASE, &[]).success().stderr("");
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let bad: Vec<_> = output
        .lines()
        .filter(|line| line.starts_with("warning"))
        .collect();
    assert_eq!(bad, [""; 0], "{output}");
    assert!(output.starts_with("ok       kernel "), "{output}");
    assert!(
        output.ends_with("\nall is well: the module can be loaded\n"),
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
fn a_loaded_module_is_told_in_the_end() {
    let machine = machine();
    write(machine.path(), "sys/kernel/http_filter/version", "0.1.0");
    doctor(&machine, RELEASE, &[])
        .success()
        .stdout(contains("all is well: the module is loaded"));
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
            "CONFIG_RUST=y\nCONFIG_MODULES=y",
            "CONFIG_NETFILTER",
            "hooks",
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
        .success()
        .stdout(contains("http_filter.ko.xz 0.1.0"));
}

#[test]
fn what_a_build_lacks_is_a_warning_where_there_is_a_module() {
    let machine = machine();
    for (file, part, advice) in [
        (
            "usr/lib/rustlib/src/rust/library/core/src/lib.rs",
            "without the sources",
            "apt install rust-src, on Debian 12 rust-web-src, on Ubuntu 24.04 rust-1.89-src\n",
        ),
        (
            "usr/include/libelf.h",
            "missing: libelf.h",
            "apt install libelf-dev\n",
        ),
    ] {
        fs::remove_file(machine.path().join(file)).unwrap();
        doctor(&machine, RELEASE, &[])
            .success()
            .stdout(contains(part).and(contains(advice)));
    }
    let assert = doctor(&machine, RELEASE, &[]);
    assert.stdout(predicates::str::ends_with("\nno problem, 2 warnings\n"));
}

#[test]
fn the_configuration_may_be_the_kernels_own() {
    let machine = machine();
    let file = machine.path().join(format!("boot/config-{RELEASE}"));
    let config = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    let assert = doctor(&machine, RELEASE, &[]).success();
    assert.stdout(contains("configuration is neither in /boot"));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&config).unwrap();
    let packed = packed.finish().unwrap();
    fs::write(machine.path().join("proc/config.gz"), packed).unwrap();
    let assert = doctor(&machine, RELEASE, &[]).success();
    assert.stdout(contains("all is well"));
}

#[test]
fn a_file_without_options_is_no_configuration() {
    let machine = machine();
    write(machine.path(), &format!("boot/config-{RELEASE}"), "");
    doctor(&machine, RELEASE, &[])
        .success()
        .stdout(contains("warning  CONFIG_MODULES    not known: "))
        .stdout(contains("not set").not());
}

/// A chroot or a rescue shell: nothing of the kernel's is mounted.
#[test]
fn without_proc_and_sysfs_nothing_is_said_that_is_not_known() {
    let machine = machine();
    for name in ["proc", "sys"] {
        fs::remove_dir_all(machine.path().join(name)).unwrap();
    }
    // Of another system's a file may be there, without anything in it.
    write(machine.path(), "proc/sys/kernel/osrelease", "");
    write(machine.path(), "proc/self/status", "");
    let assert = doctor(&machine, RELEASE, &[]).code(1);
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for part in [
        "CONFIG_MODULES    not known: ",
        "permission        not known: /proc is not mounted",
        "-> mount -t proc proc /proc",
        "signatures        not known: /sys is not mounted",
        "loaded            not known: neither /sys nor /proc is mounted",
        "-> mount -t sysfs sysfs /sys",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    for part in ["not set", "container", "not asked for"] {
        assert!(!output.contains(part), "{part}: {output}");
    }
}

#[test]
fn without_sysfs_it_is_told_what_proc_knows_of_the_module() {
    let machine = machine();
    fs::remove_dir_all(machine.path().join("sys")).unwrap();
    for (modules, says) in [
        ("", "loaded            no, as /proc/modules has it"),
        (
            "other 1 0 - Live 0x0",
            "loaded            no, as /proc/modules has it",
        ),
        (
            "http_filter 1 0 - Live 0x0 (OE)",
            "loaded            yes, as /proc/modules has it",
        ),
    ] {
        write(machine.path(), "proc/modules", modules);
        doctor(&machine, RELEASE, &[])
            .code(1)
            .stdout(contains(says));
    }
}
