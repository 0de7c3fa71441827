// SPDX-License-Identifier: GPL-2.0
//! `filterctl metrics`. That Prometheus takes them by way of node_exporter is the guest's tests'.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::tree::Tree;

const NOT_LOADED: &str = "\
# HELP http_filter_loaded Whether the module is loaded.
# TYPE http_filter_loaded gauge
http_filter_loaded 0
";

/// The lines with numbers.
fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The names of the metrics.
fn names(text: &str) -> BTreeSet<&str> {
    let names = samples(text).into_iter();
    names
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect()
}

/// The names in a folder.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// A command in a shell, after these others.
fn after(commands: &str, command: &process::Command) -> Command {
    let mut shell = process::Command::new("sh");
    shell.args(["-c", &format!("{commands}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    Command::from_std(shell)
}

/// What Prometheus's own checker says.
fn lint(text: &str) {
    let mut promtool = Command::new("promtool");
    let checked = promtool.args(["check", "metrics"]).write_stdin(text).ok();
    checked.unwrap_or_else(|error| panic!("promtool (apt install prometheus): {error}"));
}

#[test]
fn all_that_the_module_tells_is_a_metric() {
    let tree = Tree::loaded();
    for (name, number) in [
        ("requests", 12),
        ("responses", 1),
        ("monitored", 3),
        ("allowed", 4),
        ("methods/GET", 11),
        ("methods/other", 1),
        ("undecided", 2),
        ("inspected", u64::MAX),
        ("events_lost", 9),
    ] {
        tree.counter(name, number);
    }
    let output = tree.output(&["metrics"]);
    let expected = r#"http_filter_loaded 1
http_filter_info{version="0.1.0",namespaces="all"} 1
http_filter_enabled 1
http_filter_last_switch_timestamp_seconds 1700000000
http_filter_log_enabled 1
http_filter_undecided_connections_limit 4096
http_filter_action{action="drop"} 1
http_filter_action{action="reject"} 0
http_filter_action{action="monitor"} 0
http_filter_detect{kind="requests"} 1
http_filter_detect{kind="h2c"} 1
http_filter_detect{kind="http09"} 1
http_filter_detect{kind="responses"} 0
http_filter_connections_found_total{kind="requests"} 12
http_filter_connections_found_total{kind="h2c"} 0
http_filter_connections_found_total{kind="http09"} 0
http_filter_connections_found_total{kind="responses"} 1
http_filter_connections_decided_total{decision="blocked"} 0
http_filter_connections_decided_total{decision="monitored"} 3
http_filter_connections_decided_total{decision="allowed"} 4
http_filter_requests_total{method="GET"} 11
http_filter_requests_total{method="POST"} 0
http_filter_requests_total{method="other"} 1
http_filter_undecided_connections 2
http_filter_connections_evicted_total 0
http_filter_segments_inspected_total 18446744073709551615
http_filter_segments_dropped_total 0
http_filter_segments_deferred_total 0
http_filter_segments_refused_total 0
http_filter_segments_malformed_total 0
http_filter_segments_uninspectable_total 0
http_filter_events_lost_total 9"#;
    assert_eq!(samples(&output).join("\n"), expected);
    lint(&output);
    lint(NOT_LOADED);
}

#[test]
fn each_has_help_and_a_type_that_fits_its_name() {
    let output = Tree::loaded().output(&["metrics"]);
    for name in names(&output) {
        let of = match name.ends_with("_total") {
            true => "counter",
            false => "gauge",
        };
        let head = format!("\n# TYPE {name} {of}\n{name}");
        assert_eq!(output.matches(&head).count(), 1, "{name}");
        let help = format!("# HELP {name} ");
        let help = output.lines().find_map(|line| line.strip_prefix(&help));
        assert!(help.is_some_and(|help| help.ends_with('.') && !help.contains('\\')));
    }
}

#[test]
fn help_names_each() {
    let tree = Tree::loaded();
    tree.counter("allowed", 0);
    tree.counter("events_lost", 0);
    let help = tree.output(&["metrics", "--help"]);
    let (_, listed) = help.split_once("begin with http_filter_:\n").unwrap();
    let listed = listed.lines().take_while(|line| line.starts_with("  "));
    let listed: BTreeSet<&str> = listed
        .flat_map(|line| line[2..].split("  ").next().unwrap().split(", "))
        .collect();
    let output = tree.output(&["metrics"]);
    let told = names(&output);
    let told = told
        .into_iter()
        .map(|name| name.strip_prefix("http_filter_").unwrap());
    // Rules are asked for by netlink: these are the guest's tests'.
    let told: BTreeSet<&str> = told.chain(["rules", "rules_expired"]).collect();
    assert_eq!(listed, told);
}

#[test]
fn without_the_module_that_alone_is_told_and_no_timer_fails() {
    assert_eq!(Tree::unloaded().output(&["metrics"]), NOT_LOADED);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("http_filter.prom");
    let path = path.to_str().unwrap();
    Tree::loaded().output(&["metrics", "--textfile", path]);
    Tree::unloaded().output(&["metrics", "--textfile", path]);
    assert_eq!(fs::read_to_string(path).unwrap(), NOT_LOADED);
}

#[test]
fn without_sysfs_nobody_knows_and_the_file_grows_old() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("http_filter.prom");
    fs::write(&path, "old").unwrap();
    let arguments = ["metrics", "--textfile", path.to_str().unwrap()];
    let assert = Tree::without_sysfs().filterctl(&arguments).assert();
    assert.code(1).stdout("").stderr(contains("mount -t sysfs"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(entries(folder.path()), ["http_filter.prom"]);
}

#[test]
fn what_an_earlier_module_lacks_is_left_out_and_what_a_later_one_adds() {
    let tree = Tree::loaded();
    for name in ["since", "log", "stats/h2c", "stats/evicted"] {
        tree.remove(name);
    }
    tree.file("detect", "requests websockets", 0o644);
    tree.counter("later", 3);
    let output = tree.output(&["metrics"]);
    for part in ["h2c\"} 0\nhttp_filter_connections", "switch", "log_enabled"] {
        assert!(!output.contains(part), "{part}");
    }
    for part in ["evicted", "later", "websockets"] {
        assert!(!output.contains(part), "{part}");
    }
    assert!(output.contains("http_filter_detect{kind=\"requests\"} 1\n"));
    assert!(output.contains("http_filter_connections_found_total{kind=\"http09\"} 0\n"));
    lint(&output);
}

#[test]
fn no_name_of_a_file_can_end_a_label() {
    let tree = Tree::loaded();
    tree.file("version", "a\\b\"c", 0o444);
    tree.counter("methods/A\"} 1 \n\\", 5);
    let output = tree.output(&["metrics"]);
    assert!(output.contains(r#"_info{version="a\\b\"c",namespaces="all"} 1"#));
    assert!(output.contains(r#"_requests_total{method="A\"} 1 \n\\"} 5"#));
    lint(&output);
}

#[test]
fn the_file_holds_what_would_be_printed_whatever_the_umask() {
    let tree = Tree::loaded();
    let folder = TempDir::new().unwrap();
    for umask in ["000", "022", "077", "777"] {
        let mut filterctl = tree.command(&["metrics", "--textfile", "http_filter.prom"]);
        filterctl.current_dir(folder.path());
        let assert = after(&format!("umask {umask}"), &filterctl).assert();
        assert.success().stdout("").stderr("");
        let path = folder.path().join("http_filter.prom");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "{umask}");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            tree.output(&["metrics"])
        );
        assert_eq!(entries(folder.path()), ["http_filter.prom"]);
    }
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_was_and_none_is_left_beside_it() {
    let tree = Tree::loaded();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("http_filter.prom");
    fs::write(&path, "old").unwrap();
    let mut filterctl = tree.command(&["metrics", "--textfile"]);
    filterctl.arg(&path);
    let error = format!("filterctl: cannot write {}: ", path.display());
    // No file may get longer than nothing.
    let mut limited = after("trap '' XFSZ; ulimit -f 0", &filterctl);
    let assert = limited.assert().code(1).stdout("");
    assert.stderr(contains(error).and(contains("File too large")));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(entries(folder.path()), ["http_filter.prom"]);
}

#[test]
fn a_folder_that_is_missing_is_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("no/http_filter.prom");
    let path = path.to_str().unwrap();
    let assert = Tree::loaded()
        .filterctl(&["metrics", "--textfile", path])
        .assert();
    let no = folder.path().join("no");
    assert.code(1).stdout("").stderr(format!(
        "filterctl: cannot write {path}: there is no folder {}\n",
        no.display()
    ));
}

#[test]
fn a_reader_never_finds_half_a_file() {
    let (loaded, unloaded) = (Tree::loaded(), Tree::unloaded());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("http_filter.prom");
    let arguments = ["metrics", "--textfile", path.to_str().unwrap()];
    let contents = [loaded.output(&["metrics"]), unloaded.output(&["metrics"])];
    loaded.output(&arguments);
    let done = AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = [0_u32; 2];
            while !done.load(Ordering::Relaxed) {
                let read = fs::read_to_string(&path).unwrap();
                let which = contents.iter().position(|contents| *contents == read);
                // What node_exporter takes for one of its files.
                let mut names = entries(folder.path());
                names.retain(|name| name.ends_with(".prom"));
                assert_eq!(names, ["http_filter.prom"]);
                reads[which.unwrap_or_else(|| panic!("half a file: {read}"))] += 1;
            }
            reads
        });
        for _ in 0..500 {
            for tree in [&unloaded, &loaded] {
                assert!(
                    reader.is_finished() || tree.command(&arguments).status().unwrap().success()
                );
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads.iter().all(|&reads| reads > 100), "{reads:?}");
    assert_eq!(entries(folder.path()), ["http_filter.prom"]);
}
