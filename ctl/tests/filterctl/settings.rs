// SPDX-License-Identifier: GPL-2.0
//! `filterctl get`, `set`, `enable`, `disable` and `reset`.

use predicates::str::contains;

use crate::tree::Tree;

#[test]
fn enable_and_disable_say_what_is_now() {
    let tree = Tree::loaded();
    tree.file("action", "monitor", 0o644);
    for (command, said, written) in [
        ("disable", "http_filter is disabled\n", "0\n"),
        ("disable", "http_filter is disabled\n", "0\n"),
        (
            "enable",
            "http_filter is enabled (action: monitor)\n",
            "1\n",
        ),
        (
            "enable",
            "http_filter is enabled (action: monitor)\n",
            "1\n",
        ),
    ] {
        assert_eq!(tree.output(&[command]), said);
        assert_eq!(tree.read("enabled"), written);
    }
}

#[test]
fn get_prints_the_value_alone() {
    let tree = Tree::loaded();
    for (key, value) in [
        ("enabled", "1\n"),
        ("detect", "requests h2c http09\n"),
        ("since", "1700000000\n"),
    ] {
        assert_eq!(tree.output(&["get", key]), value);
    }
}

#[test]
fn get_without_a_key_prints_all_settings() {
    let tree = Tree::loaded();
    tree.file("allow_ports", "", 0o644);
    tree.file("allow_sources", "192.0.2.0/24\n2001:db8::/32", 0o644);
    tree.file("forget", "1", 0o200);
    let expected = "\
version 0.1.0
enabled 1
since 1700000000
action drop
detect requests h2c http09
namespaces all
log 1
max_undecided 4096
allow_ports
allow_sources 192.0.2.0/24 2001:db8::/32
";
    assert_eq!(tree.output(&["get"]), expected);
}

#[test]
fn an_unknown_key_is_answered_with_the_known_ones() {
    let tree = Tree::loaded();
    let get = "filterctl: unknown key \"acton\" (is action meant?); known are: \
        version, enabled, since, action, detect, namespaces, log, \
        max_undecided\n";
    tree.filterctl(&["get", "acton"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(get);
    let set = "filterctl: unknown key \"acton\" (is action meant?); known are: enabled, action, detect, log\n";
    tree.filterctl(&["set", "acton", "drop"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(set);
}

#[test]
fn a_key_is_a_name_and_no_path() {
    let tree = Tree::loaded();
    for key in ["stats", "stats/requests", "../http_filter/action", ".", ""] {
        for arguments in [&["get", key][..], &["set", key, "1"]] {
            tree.filterctl(arguments)
                .assert()
                .code(1)
                .stderr(contains("unknown key"));
        }
    }
}

#[test]
fn set_writes_and_reads_back() {
    let tree = Tree::loaded();
    assert_eq!(
        tree.output(&["set", "action", "monitor"]),
        "action monitor\n"
    );
    assert_eq!(tree.read("action"), "monitor\n");
}

#[test]
fn the_words_of_a_value_need_no_quotes() {
    let tree = Tree::loaded();
    assert_eq!(
        tree.output(&["set", "detect", "requests", "h2c"]),
        "detect requests h2c\n"
    );
    assert_eq!(
        tree.output(&["set", "detect", "h2c http09"]),
        "detect h2c http09\n"
    );
    assert_eq!(tree.output(&["set", "detect", ""]), "detect\n");
    assert_eq!(tree.read("detect"), "\n");
}

#[test]
fn what_a_later_module_adds_can_be_set() {
    let tree = Tree::loaded();
    tree.file("allow_sources", "", 0o644);
    let output = tree.output(&["set", "allow_sources", "-192.0.2.0/24", "+2001:db8::/32"]);
    assert_eq!(output, "allow_sources -192.0.2.0/24 +2001:db8::/32\n");
    tree.file("forget", "", 0o200);
    assert_eq!(tree.output(&["set", "forget", "1"]), "");
    assert_eq!(tree.read("forget"), "1\n");
}

#[test]
fn what_is_read_only_stays_as_it_is() {
    let tree = Tree::loaded();
    for (key, error) in [
        ("version", "filterctl: version is read-only\n"),
        ("since", "filterctl: since is read-only\n"),
        (
            "namespaces",
            "filterctl: namespaces is set at load time: \
             filterctl unload, then filterctl load namespaces=initial\n",
        ),
        (
            "max_undecided",
            "filterctl: max_undecided is set at load time: \
             filterctl unload, then filterctl load max_undecided=NUMBER\n",
        ),
    ] {
        let before = tree.read(key);
        tree.filterctl(&["set", key, "initial"])
            .assert()
            .code(1)
            .stdout("")
            .stderr(error);
        assert_eq!(tree.read(key), before);
    }
}

#[test]
fn reset_writes_to_the_reset_file() {
    let tree = Tree::loaded();
    assert_eq!(tree.output(&["reset"]), "the counters are set to zero\n");
    assert_eq!(tree.read("stats/reset"), "1\n");
}

#[test]
fn without_the_module_the_status_is_3() {
    let tree = Tree::unloaded();
    for arguments in [
        &["enable"][..],
        &["disable"],
        &["get"],
        &["get", "action"],
        &["set", "action", "drop"],
        &["reset"],
    ] {
        tree.filterctl(arguments)
            .assert()
            .code(3)
            .stdout("")
            .stderr("filterctl: the module is not loaded: run \"filterctl load\"\n");
    }
}
