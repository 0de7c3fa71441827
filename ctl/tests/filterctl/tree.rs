// SPDX-License-Identifier: GPL-2.0
//! The module's directory, of plain files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

use assert_cmd::Command;
use tempfile::TempDir;

/// A directory like the loaded module's.
pub(crate) struct Tree {
    dir: TempDir,
}

impl Tree {
    /// No module is loaded: the directory is missing.
    pub(crate) fn unloaded() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
        }
    }

    /// Nothing is mounted where the directory would be.
    pub(crate) fn without_sysfs() -> Self {
        let tree = Self::unloaded();
        fs::remove_dir(tree.dir.path()).unwrap();
        tree
    }

    /// The module as it is after loading.
    pub(crate) fn loaded() -> Self {
        let tree = Self::unloaded();
        for (name, value) in [
            ("enabled", "1"),
            ("action", "drop"),
            ("detect", "requests h2c http09"),
            ("log", "1"),
        ] {
            tree.file(name, value, 0o644);
        }
        for (name, value) in [
            ("namespaces", "all"),
            ("max_undecided", "4096"),
            ("version", "0.1.0"),
            ("since", "1700000000"),
        ] {
            tree.file(name, value, 0o444);
        }
        for name in [
            "requests",
            "h2c",
            "http09",
            "responses",
            "blocked",
            "monitored",
            "undecided",
            "evicted",
            "inspected",
            "dropped",
            "deferred",
            "refused",
            "malformed",
            "uninspectable",
            "methods/GET",
            "methods/POST",
            "methods/other",
        ] {
            tree.counter(name, 0);
        }
        tree.file("stats/reset", "", 0o200);
        tree
    }

    /// Makes a file, or gives one another value and mode. Who reads it meanwhile finds either.
    pub(crate) fn file(&self, name: &str, value: &str, mode: u32) {
        let (path, new) = (self.path().join(name), self.dir.path().join("new"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, format!("{value}\n")).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(mode)).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Makes a counter, or gives one another value.
    pub(crate) fn counter(&self, name: &str, number: u64) {
        self.file(&format!("stats/{name}"), &number.to_string(), 0o444);
    }

    /// Takes a file away, as if the module were older.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Takes all away at once, as when the module is unloaded.
    pub(crate) fn unload(&self) {
        fs::rename(self.path(), self.dir.path().join("unloaded")).unwrap();
    }

    /// What a file holds.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// `filterctl` at work on this directory, to be run to its end.
    pub(crate) fn filterctl(&self, arguments: &[&str]) -> Command {
        Command::from_std(self.command(arguments))
    }

    /// The same, to be started with other streams or to be stopped; the environment says nothing of colours.
    pub(crate) fn command(&self, arguments: &[&str]) -> process::Command {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_filterctl"));
        for colour in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(colour);
        }
        command.env("TZ", "UTC");
        command.arg("--sysfs").arg(self.path()).args(arguments);
        command
    }

    /// What `filterctl` prints where it succeeds.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let assert = self.filterctl(arguments).assert().success().stderr("");
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("http_filter")
    }
}

/// Makes a program in a folder, of these lines of shell.
pub(crate) fn program(folder: &Path, name: &str, lines: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
}

/// The shortest file that may be a module on this machine: a header of ELF without sections.
pub(crate) fn object() -> Vec<u8> {
    // Of this program's own, the kind is to be one for linking, and there is no table of sections.
    let mut header = fs::read(env!("CARGO_BIN_EXE_filterctl")).unwrap();
    header.truncate(64);
    header[16] = 1;
    header[40..48].fill(0);
    header[60..62].fill(0);
    header
}

/// A folder with a `modinfo` that takes every file for the module, built for a kernel of this release.
pub(crate) fn modinfo(release: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let says = format!("name: http_filter\nversion: 0.1.0\nvermagic: {release} SMP mod_unload ");
    program(dir.path(), "modinfo", &format!("echo '{says}'"));
    dir
}
