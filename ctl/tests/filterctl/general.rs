// SPDX-License-Identifier: GPL-2.0
//! What holds for every command.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Output, Stdio};

use predicates::str::contains;

use crate::tree::Tree;

const COMMANDS: [&str; 14] = [
    "status",
    "enable",
    "disable",
    "get",
    "set",
    "reset",
    "load",
    "unload",
    "doctor",
    "check",
    "connections",
    "events",
    "metrics",
    "links",
];

#[test]
fn help_is_complete() {
    let help = Tree::unloaded().output(&["--help"]);
    for part in ["Examples:", "Exit status:", "--version"] {
        assert!(help.contains(part), "{part}");
    }
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(!help.contains("--sysfs"), "{help}");
}

#[test]
fn every_command_has_help() {
    for command in COMMANDS {
        let help = Tree::unloaded().output(&[command, "--help"]);
        assert!(
            help.contains(&format!("Usage: filterctl {command}")),
            "{help}"
        );
    }
}

#[test]
fn the_version_is_told() {
    let expected = format!("filterctl {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Tree::unloaded().output(&["--version"]), expected);
}

#[test]
fn wrong_usage_has_status_2() {
    for arguments in [
        &["frobnicate"][..],
        &["status", "extra"],
        &["set"],
        &["set", "action"],
        &["get", "a", "b"],
        &["check"],
        &["connections", "--port", "0"],
        &["connections", "--end"],
        &["connections", "--port", "80", "--yes"],
        &["connections", "--port", "80", "--ssh"],
        &["events", "--json", "--eve"],
        &["events", "--follow", "--for", "1s"],
        &["events", "--for", "10"],
        &["events", "--count", "0"],
        &["metrics", "--textfile"],
        &["metrics", "file"],
        &["status", "--watch", "0"],
        &["status", "--watch", "86401"],
        &["status", "--watch", "often"],
    ] {
        let assert = Tree::loaded().filterctl(arguments).assert();
        assert.code(2).stdout("").stderr(contains("--help"));
    }
}

#[test]
fn a_broken_pipe_is_no_error() {
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--watch", "60"],
        &["get"],
        &["doctor"],
        &["connections"],
        &["generate", "completions", "zsh"],
        &["metrics"],
        &["--version"],
        &["--help"],
        &["load", "--help"],
    ] {
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(reader);
        let output = run(arguments, OwnedFd::from(writer).into());
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn output_that_is_lost_is_an_error() {
    for arguments in [
        &["get"][..],
        &["get", "action"],
        &["set", "log", "0"],
        &["enable"],
        &["reset"],
        &["load"],
        &["status"],
        &["status", "--json"],
        &["status", "--watch", "60"],
        &["status", "--watch", "60", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["check", "/dev/null"],
        &["connections"],
        &["generate", "completions", "zsh"],
        &["metrics"],
        &["--version"],
        &["--help"],
        &["-h"],
        &["load", "--help"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(arguments, full.into());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        let last = error.lines().last().unwrap();
        assert!(
            last.starts_with("filterctl: No space left"),
            "{arguments:?}: {error}"
        );
    }
}

/// Runs `filterctl` with its output going elsewhere than to the test.
fn run(arguments: &[&str], stdout: Stdio) -> Output {
    let tree = Tree::loaded();
    let mut command = tree.command(arguments);
    command.stdout(stdout).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    child.wait_with_output().unwrap()
}
