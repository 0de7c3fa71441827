// SPDX-License-Identifier: GPL-2.0
//! `filterctl status`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use predicates::str::contains;
use serde_json::{json, Value};

use crate::schema;
use crate::tree::Tree;

fn json(tree: &Tree) -> Value {
    schema::object("status", &tree.output(&["status", "--json"]))
}

/// The words of the line that starts with this one.
fn line<'a>(output: &'a str, first: &str) -> Vec<&'a str> {
    let lines = output.lines().map(|line| line.split_whitespace());
    let mut lines = lines.map(Iterator::collect::<Vec<_>>);
    let found = lines.find(|words| words.first() == Some(&first));
    found.unwrap_or_else(|| panic!("no {first} in\n{output}"))
}

#[test]
fn all_is_shown_at_a_glance() {
    let tree = Tree::loaded();
    for (name, number) in [
        ("requests", 1_234),
        ("blocked", 1_234),
        ("methods/GET", 1_200),
        ("methods/other", 34),
        ("inspected", 1_234_567),
    ] {
        tree.counter(name, number);
    }
    let output = tree.output(&["status"]);
    let since = output.find(" (").zip(output.find(" ago)")).unwrap();
    let expected = "\
http_filter 0.1.0
  enabled        yes, since 2023-11-14 22:13:20 +00:00
  action         drop
  detect         requests h2c http09
  namespaces     all
  log            yes
  max_undecided  4096

connections
  requests           1,234
  h2c                    0
  http09                 0
  responses              0
  blocked            1,234
  monitored              0
  undecided              0
  evicted                0

requests by method
  GET                1,200
  other                 34

segments
  inspected      1,234,567
  dropped                0
  deferred               0
  refused                0
  malformed              0
  uninspectable          0
";
    let shown = format!(
        "{}{}",
        &output[..since.0],
        &output[since.1 + " ago)".len()..]
    );
    assert_eq!(shown, expected);
}

#[test]
fn the_age_of_the_state_is_told() {
    let tree = Tree::loaded();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tree.file("since", &(now.as_secs() - 200).to_string(), 0o444);
    assert!(tree.output(&["status"]).contains("(3 minutes ago)"));
}

#[test]
fn a_switched_off_filter_says_so() {
    let tree = Tree::loaded();
    tree.file("enabled", "0", 0o644);
    let output = tree.output(&["status"]);
    assert_eq!(line(&output, "enabled")[..3], ["enabled", "no,", "since"]);
}

#[test]
fn status_is_the_default() {
    let tree = Tree::loaded();
    assert_eq!(tree.output(&[]), tree.output(&["status"]));
}

#[test]
fn json_holds_everything() {
    let tree = Tree::loaded();
    tree.counter("requests", 7);
    tree.counter("methods/GET", 7);
    tree.counter("inspected", u64::MAX);
    assert_eq!(
        json(&tree),
        json!({
            "schema_version": 1,
            "loaded": true,
            "version": "0.1.0",
            "enabled": true,
            "since": 1_700_000_000,
            "action": "drop",
            "detect": ["requests", "h2c", "http09"],
            "namespaces": "all",
            "log": true,
            "max_undecided": 4096,
            "stats": {
                "requests": 7,
                "h2c": 0,
                "http09": 0,
                "responses": 0,
                "blocked": 0,
                "monitored": 0,
                "undecided": 0,
                "evicted": 0,
                "inspected": u64::MAX,
                "dropped": 0,
                "deferred": 0,
                "refused": 0,
                "malformed": 0,
                "uninspectable": 0,
                "methods": {"GET": 7, "POST": 0, "other": 0},
            },
        })
    );
}

#[test]
fn json_is_one_line_in_a_known_order() {
    let tree = Tree::loaded();
    tree.counter("aborted", 1);
    let output = tree.output(&["status", "--json"]);
    assert_eq!(output.lines().count(), 1);
    let mut names = [
        "schema_version",
        "loaded",
        "version",
        "enabled",
        "requests",
        "uninspectable",
        "aborted",
        "methods",
    ]
    .map(|name| output.find(&format!("{name:?}:")).unwrap());
    let found = names;
    names.sort_unstable();
    assert_eq!(found, names);
}

#[test]
fn what_a_later_module_adds_is_shown() {
    let tree = Tree::loaded();
    tree.counter("later", 3);
    tree.counter("methods/BREW", 2);
    tree.file("allow_ports", "80,8000-8099", 0o644);
    tree.file("allow_sources", "", 0o644);
    let output = tree.output(&["status"]);
    assert_eq!(line(&output, "later"), ["later", "3"]);
    assert_eq!(line(&output, "BREW"), ["BREW", "2"]);
    assert_eq!(
        line(&output, "allow_ports"),
        ["allow_ports", "80,8000-8099"]
    );
    assert_eq!(line(&output, "allow_sources"), ["allow_sources", "none"]);
    assert!(output.find("uninspectable") < output.find("later"));
    let json = json(&tree);
    assert_eq!(json["stats"]["later"], 3);
    assert_eq!(json["stats"]["methods"]["BREW"], 2);
    assert_eq!(json["allow_ports"], "80,8000-8099");
    assert_eq!(json["allow_sources"], "");
}

#[test]
fn what_an_earlier_module_lacks_is_left_out() {
    let tree = Tree::loaded();
    for name in ["log", "since", "stats/h2c"] {
        tree.remove(name);
    }
    let output = tree.output(&["status"]);
    assert!(!output.contains("log"), "{output}");
    assert_eq!(line(&output, "enabled"), ["enabled", "yes"]);
    let json = json(&tree);
    assert_eq!(json.get("log"), None);
    assert_eq!(json.get("since"), None);
    assert_eq!(json["stats"].get("h2c"), None);
}

#[test]
fn only_numbers_that_can_be_read_are_counters() {
    let tree = Tree::loaded();
    tree.file("stats/note", "no number", 0o444);
    tree.file("stats/secret", "1", 0o200);
    let json = json(&tree);
    for name in ["note", "secret", "reset"] {
        assert_eq!(json["stats"].get(name), None, "{name}");
    }
}

#[test]
fn without_the_module_the_status_is_3() {
    let tree = Tree::unloaded();
    let error = "filterctl: the module is not loaded: run \"filterctl load\"\n";
    for (arguments, stdout) in [
        (&["status"][..], ""),
        (&[], ""),
        (
            &["status", "--json"],
            "{\"schema_version\":1,\"loaded\":false}\n",
        ),
    ] {
        let assert = tree.filterctl(arguments).assert();
        assert.code(3).stdout(stdout).stderr(error);
        for line in stdout.lines() {
            schema::object("status", line);
        }
    }
}

#[test]
fn colour_is_for_terminals_and_who_asks() {
    let tree = Tree::loaded();
    assert!(!tree.output(&["status"]).contains('\x1b'));

    let mut forced = tree.filterctl(&["status"]);
    forced.env("CLICOLOR_FORCE", "1");
    forced.assert().stdout(contains("\x1b[1m\x1b[32myes"));

    let mut refused = tree.filterctl(&["status"]);
    refused.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    let output = refused.assert().success().get_output().stdout.clone();
    assert!(!output.contains(&b'\x1b'));
}

/// `filterctl status --watch` at work, and the lines that it prints.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(tree: &Tree, arguments: &[&str]) -> Self {
        let mut command = tree.command(&["status", "--watch", "0.1"]);
        command.args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// The next line for which this holds.
    fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.line();
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The exit status, and what it said on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        // Nobody is to wait for a reader.
        self.lines.by_ref().for_each(drop);
        let output = self.child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

#[test]
fn watching_tells_rates() {
    let tree = Tree::loaded();
    tree.counter("dropped", 1_000_000);
    let mut watch = Watch::start(&tree, &[]);
    let dropped = |line: &str| line.starts_with("  dropped ");
    assert_eq!(watch.wait_for(dropped).split_whitespace().count(), 2);
    assert!(watch.wait_for(dropped).ends_with(" 0.0/s"));
    assert_eq!(
        watch
            .wait_for(|line| line.starts_with("  undecided "))
            .split_whitespace()
            .count(),
        2
    );
    tree.counter("dropped", 2_000_000);
    let line = watch.wait_for(|line| dropped(line) && !line.ends_with(" 0.0/s"));
    let words: Vec<_> = line.split_whitespace().collect();
    let rate: f64 = words[2].trim_end_matches("/s").parse().unwrap();
    // A million in at least a tenth of a second.
    assert!((10_000.0..=10_000_000.0).contains(&rate), "{line}");
    kill(Pid::from_raw(watch.child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(watch.end(), (Some(0), String::new()));
}

#[test]
fn watching_in_json_has_an_object_a_line() {
    let tree = Tree::loaded();
    tree.counter("methods/GET", 5);
    let mut watch = Watch::start(&tree, &["--json"]);
    let mut object = || schema::object("status", &watch.line());
    assert_eq!(object().get("rates"), None);
    let second = object();
    let rates = second["rates"].as_object().unwrap();
    assert_eq!(rates["dropped"], 0.0);
    assert_eq!(rates["undecided"], Value::Null);
    assert_eq!(rates["methods"]["GET"], 0.0);
    let names = |key: &str| {
        second[key]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names("rates"), names("stats"));

    let help = Tree::unloaded().output(&["status", "--help"]);
    for key in second.as_object().unwrap().keys() {
        assert!(help.contains(&format!("\n  {key} ")), "{key}");
    }
    tree.counter("methods/GET", 1);
    let mut reset = object();
    while reset["stats"]["methods"]["GET"] == 5 {
        reset = object();
    }
    assert_eq!(reset["rates"]["methods"]["GET"], Value::Null);
    kill(Pid::from_raw(watch.child.id() as i32), Signal::SIGTERM).unwrap();
    watch.end();
}

#[test]
fn watching_ends_with_the_module() {
    let tree = Tree::loaded();
    let mut watch = Watch::start(&tree, &[]);
    watch.wait_for(|line| line.starts_with("  dropped "));
    tree.unload();
    let (status, error) = watch.end();
    assert_eq!(
        (status, error.contains("not loaded")),
        (Some(3), true),
        "{error}"
    );
}
