// SPDX-License-Identifier: GPL-2.0
//! The completions, as each shell has them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use predicates::str::contains;
use tempfile::TempDir;

use crate::tree::Tree;

/// Scripts that ask a shell.
const SHELLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filterctl/shells");

/// The completions of all shells, in files of the names that these look for.
struct Completions(TempDir);

impl Completions {
    fn generate() -> Self {
        let dir = TempDir::new().unwrap();
        for (shell, name) in [
            ("bash", "filterctl.bash"),
            ("zsh", "_filterctl"),
            ("fish", "filterctl.fish"),
        ] {
            let script = Tree::unloaded().output(&["generate", "completions", shell]);
            fs::write(dir.path().join(name), script).unwrap();
        }
        // Something to complete a file's name to.
        fs::write(dir.path().join("capture.pcap"), "").unwrap();
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a shell offers for the last word of a line, which is empty behind a blank.
    fn offered(&self, shell: &str, line: &str) -> BTreeSet<String> {
        // A shell that waits for more is no answer.
        let mut command = Command::new("timeout");
        command.args(["60", shell]);
        match shell {
            "bash" => {
                command.arg("--norc").arg(format!("{SHELLS}/offered.bash"));
                command.arg(self.path().join("filterctl.bash"));
                command.args(line.split(' '));
            }
            "zsh" => {
                command.arg("-f").arg(format!("{SHELLS}/offered.zsh"));
                command.arg(self.path()).arg(line);
            }
            _ => {
                command.args(["--no-config", "-c"]);
                command.arg(
                    "source filterctl.fish; complete -C $argv[1] | string split -f 1 \\t; or true",
                );
                command.arg(line);
            }
        }
        // Where files are looked for, and where fish keeps its history.
        command.current_dir(self.path()).env("HOME", self.path());
        let output = command.output().unwrap();
        let is_answer = output.status.success() && output.stderr.is_empty();
        assert!(is_answer, "{shell}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text.lines().filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }
}

/// Lines, and what is offered for the last word of each.
const LINES: &[(&str, &[&str])] = &[
    ("filterctl r", &["reset", "rules"]),
    ("filterctl conn", &["connections"]),
    ("filterctl gen", &[]),
    ("filterctl --sys", &[]),
    ("filterctl status --", &["--help", "--json", "--watch"]),
    ("filterctl doctor --", &["--help", "--json", "--module"]),
    ("filterctl rules re", &["replace"]),
    ("filterctl rules te", &["test"]),
    ("filterctl rules add --", &["--at", "--help"]),
    ("filterctl rules add al", &["allow"]),
    ("filterctl rules add allow fr", &["from"]),
    ("filterctl rules test un", &["unit"]),
    ("filterctl get na", &["namespaces"]),
    ("filterctl set max", &[]),
    ("filterctl set de", &["detect"]),
    ("filterctl set action ", &["drop", "monitor", "reject"]),
    ("filterctl set log ", &["0", "1"]),
    ("filterctl set detect h2c re", &["requests", "responses"]),
    (
        "filterctl load act",
        &["action=drop", "action=monitor", "action=reject"],
    ),
    ("filterctl events --for ", &[]),
    ("filterctl check capt", &["capture.pcap"]),
    ("filterctl load --module capt", &["capture.pcap"]),
    ("filterctl rules replace capt", &["capture.pcap"]),
];

fn offers_the_words_that_fit(shell: &str) {
    let completions = Completions::generate();
    for (line, expected) in LINES {
        let expected: BTreeSet<_> = expected.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(completions.offered(shell, line), expected, "{line}");
    }
}

#[test]
fn bash_offers_the_words_that_fit() {
    offers_the_words_that_fit("bash");
}

#[test]
fn zsh_offers_the_words_that_fit() {
    offers_the_words_that_fit("zsh");
}

#[test]
fn fish_offers_the_words_that_fit() {
    offers_the_words_that_fit("fish");
}

#[test]
fn every_shell_offers_all_commands() {
    let help = Tree::unloaded().output(&["--help"]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().map_while(|line| line.strip_prefix("  "));
    let commands: BTreeSet<_> = lines
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(commands.len() >= 13, "{commands:?}");
    let completions = Completions::generate();
    for shell in ["bash", "zsh", "fish"] {
        let offered = completions.offered(shell, "filterctl ");
        let offered: BTreeSet<_> = offered
            .into_iter()
            .filter(|word| !word.starts_with('-'))
            .collect();
        assert_eq!(offered, commands, "{shell}");
    }
}

#[test]
fn what_is_hidden_stays_so() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Tree::unloaded().output(&["generate", "completions", shell]);
        for hidden in ["sysfs", "generate", "root"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
    }
}

#[test]
fn other_shells_are_refused() {
    let mut command = Tree::unloaded().filterctl(&["generate", "completions", "tcsh"]);
    let assert = command.assert().code(2).stdout("");
    assert.stderr(contains("bash, zsh, fish"));
}
