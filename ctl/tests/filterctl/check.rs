// SPDX-License-Identifier: GPL-2.0
//! `filterctl check`. What is found in captures is the tests' of the crate `capture`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{json, Value};
use tempfile::TempDir;

use crate::schema;
use crate::tree::Tree;

/// A packet of raw IP, from or to a client's port, in a pcap file's record.
fn record(port: u16, is_from_client: bool, seq: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let (client, server) = ([192, 0, 2, 7], [192, 0, 2, 1]);
    let (source, destination, ports) = match is_from_client {
        true => (client, server, [port, 80]),
        false => (server, client, [80, port]),
    };
    let length = 40 + data.len() as u32;
    let mut bytes = [0, 0, length, length].map(u32::to_le_bytes).concat();
    bytes.extend([0x45, 0, 0, length as u8, 0, 0, 0, 0, 64, 6, 0, 0]);
    bytes.extend([source, destination].concat());
    bytes.extend(ports.map(u16::to_be_bytes).concat());
    bytes.extend([seq.to_be_bytes(), 1_u32.to_be_bytes()].concat());
    bytes.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(data);
    bytes
}

const SYN: u8 = 2;
const ACK: u8 = 16;

/// A capture of a request, of another stream, and of one that just begins.
fn capture() -> Vec<u8> {
    let mut file = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, 101]
        .map(u32::to_le_bytes)
        .concat();
    for (port, data) in [
        (1001, &b"GET /a?b HTTP/1.1\r\n\r\n"[..]),
        (1002, b"SSH-2.0-x\r\n"),
        (1003, b"GET /"),
    ] {
        file.extend(record(port, true, 0, SYN, b""));
        file.extend(record(port, false, 0, SYN | ACK, b""));
        file.extend(record(port, true, 1, ACK, data));
    }
    file
}

/// That capture in two files, the second one of which begins a second later and within the first request.
fn rotated() -> [Vec<u8>; 2] {
    let mut file = capture();
    let request = 24 + 2 * 56;
    let rest = file.split_off(request);
    let mut second = file[..24].to_vec();
    second.extend(&rest);
    second[24..28].copy_from_slice(&1_u32.to_le_bytes());
    [file, second]
}

struct Files(TempDir);

impl Files {
    fn of(files: &[(&str, &[u8])]) -> Self {
        let dir = TempDir::new().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn check(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = Tree::unloaded().filterctl(&["check"]);
        command.args(arguments).current_dir(self.0.path());
        command
    }
}

#[test]
fn connections_are_told_a_line_each_and_counted() {
    Files::of(&[("a.pcap", &capture())])
        .check(&["a.pcap"])
        .assert()
        .success()
        .stderr("")
        .stdout(
            "\
http1             192.0.2.7:1001 > 192.0.2.1:80           GET /a HTTP/1.1
other             192.0.2.7:1002 > 192.0.2.1:80           SSH-2.0-x
undecided         192.0.2.7:1003 > 192.0.2.1:80           GET /  (too little data)
1 file, 9 packets, 3 connections: 1 http1, 1 other, 1 undecided
",
        );
}

#[test]
fn of_several_files_each_line_tells_its_own() {
    let files = Files::of(&[("a.pcap", &capture()), ("b.pcap", &capture())]);
    files
        .check(&["a.pcap", "b.pcap"])
        .assert()
        .success()
        .stdout(contains("a.pcap: http1 ").and(contains("b.pcap: http1 ")))
        .stdout(contains(
            "\n2 files, 18 packets, 6 connections: 2 http1, 2 other, 2 undecided\n",
        ));
}

#[test]
fn joined_files_are_one_capture_in_the_order_of_their_times() {
    let [first, second] = rotated();
    let files = Files::of(&[("b.pcap", &first), ("a.pcap", &second)]);
    let told = |arguments: &[&str]| {
        let assert = files.check(arguments).assert().success().stderr("");
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let apart = told(&["a.pcap", "b.pcap"]);
    assert!(
        apart.ends_with("\n2 files, 9 packets, 4 connections: 1 other, 3 undecided\n"),
        "{apart}"
    );
    for order in [["a.pcap", "b.pcap"], ["b.pcap", "a.pcap"]] {
        let joined = told(&[&["--join"], &order[..]].concat());
        // Where each begins.
        assert!(joined.starts_with("b.pcap: http1 "), "{joined}");
        assert!(joined.contains("\na.pcap: other "), "{joined}");
        assert!(
            joined
                .ends_with("\n2 files, 9 packets, 3 connections: 1 http1, 1 other, 1 undecided\n"),
            "{joined}"
        );
    }
    let json = told(&["--join", "--json", "a.pcap", "b.pcap"]);
    assert!(json.starts_with(r#"{"file":"b.pcap","#), "{json}");
}

#[test]
fn joined_files_go_on_on_standard_input() {
    let [first, second] = rotated();
    let files = Files::of(&[("a.pcap", &first), ("text", b"Once upon a time.")]);
    let mut joined = files.check(&["--join", "-", "text", "a.pcap"]);
    joined
        .write_stdin(second)
        .assert()
        .code(1)
        .stdout(contains("a.pcap: http1 ").and(contains("\n3 files, 9 packets, 3 connections")))
        .stderr(
            contains("filterctl: text: not a capture")
                .and(contains("filterctl: a file could not be checked\n")),
        );
}

#[test]
fn tunnels_are_told() {
    // Each packet in another one, of IPv4: its header again before it, with the protocol 4.
    let plain = capture();
    let mut file = plain[..24].to_vec();
    let mut rest = &plain[24..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let packet = &rest[16..16 + length];
        let longer = (length as u32 + 20).to_le_bytes();
        let mut outer = packet[..20].to_vec();
        outer[9] = 4;
        outer[3] += 20;
        file.extend([&rest[..8], &longer, &longer, &outer, packet].concat());
        rest = &rest[16 + length..];
    }
    let files = Files::of(&[("a.pcap", &file)]);
    files
        .check(&["a.pcap"])
        .assert()
        .success()
        .stderr("")
        .stdout(
            "\
http1             192.0.2.7:1001 > 192.0.2.1:80           in ipip  GET /a HTTP/1.1
other             192.0.2.7:1002 > 192.0.2.1:80           in ipip  SSH-2.0-x
undecided         192.0.2.7:1003 > 192.0.2.1:80           in ipip  GET /  (too little data)
1 file, 9 packets, 3 connections: 1 http1, 1 other, 1 undecided
",
        );
    let mut json = files.check(&["--json", "a.pcap"]);
    json.assert()
        .success()
        .stdout(contains(r#""tunnel":"ipip""#));
}

#[test]
fn of_many_kinds_that_are_not_read_the_most_frequent_are_told() {
    // Ethernet, with EtherTypes that nobody has, each once more often than the one before.
    let mut file = capture()[..24].to_vec();
    file[20] = 1;
    for (kind, count) in (0x7000_u16..0x700c).zip(1..) {
        for _ in 0..count {
            file.extend([0, 0, 14, 14].map(u32::to_le_bytes).concat());
            file.extend([&[2; 12], &kind.to_be_bytes()[..]].concat());
        }
    }
    let files = Files::of(&[("a.pcap", &file)]);
    files
        .check(&["a.pcap"])
        .assert()
        .success()
        .stdout("1 file, 78 packets (78 not read), 0 connections\n")
        .stderr(
            predicate::str::starts_with(
                "filterctl: a.pcap: 12 packets not read: EtherType 0x700b\n",
            )
            .and(predicate::str::ends_with(
                "filterctl: a.pcap: 3 packets not read: 2 other reasons\n",
            ))
            .and(contains("0x7002").and(contains("0x7001").not())),
        );
}

#[test]
fn json_has_an_object_a_line() {
    let files = Files::of(&[("a.pcap", &capture())]);
    let assert = files.check(&["--json", "a.pcap"]).assert().success();
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let objects: Vec<Value> = output
        .lines()
        .map(|line| schema::object("check", line))
        .collect();
    let object = |port, verdict, line, reason: Option<&str>| {
        json!({
            "file": "a.pcap", "client": format!("192.0.2.7:{port}"), "server": "192.0.2.1:80",
            "tunnel": null, "verdict": verdict, "line": line, "reason": reason,
        })
    };
    assert_eq!(
        objects,
        [
            object(1001, "http1", "GET /a HTTP/1.1", None),
            object(1002, "other", "SSH-2.0-x", None),
            object(1003, "undecided", "GET /", Some("too little data")),
        ]
    );
    let help = Tree::unloaded().output(&["check", "--help"]);
    for key in objects[0].as_object().unwrap().keys() {
        assert!(help.contains(&format!("\n  {key} ")), "{key}");
    }
}

#[test]
fn standard_input_is_read_as_well() {
    let files = Files::of(&[]);
    let assert = files.check(&["-"]).write_stdin(capture()).assert();
    assert.success().stdout(contains("GET /a HTTP/1.1"));
}

#[test]
fn a_capture_that_goes_on_is_told_as_it_comes() {
    let mut command = Tree::unloaded().command(&["check", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut writer = child.stdin.take().unwrap();
    writer.write_all(&capture()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told, hear) = mpsc::channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| told.send(line))
    });
    let line = || hear.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(line().starts_with("http1 "));
    // Ctrl-C is for the writer.
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert!(line().starts_with("other "));
    drop(writer);
    assert!(line().starts_with("undecided "));
    assert!(line().starts_with("1 file, 9 packets, 3 connections"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_broken_pipe_is_no_error() {
    let files = Files::of(&[("a.pcap", &capture())]);
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let mut command = Tree::unloaded().command(&["check"]);
    command.arg(files.path("a.pcap"));
    let child = command.stdout(OwnedFd::from(writer)).stderr(Stdio::piped());
    let output = child.spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_is_before_the_damage_counts() {
    let mut damaged = capture();
    damaged.truncate(damaged.len() - 3);
    let files = Files::of(&[("a.pcap", &damaged)]);
    files.check(&["a.pcap"]).assert().success().stdout(contains("8 packets, 3 connections: 1 http1")).stderr(
        "filterctl: a.pcap: cut off: it ends within a packet, which begins at byte 504; checked: the 8 packets before that\n",
    );
}

#[test]
fn files_that_cannot_be_checked_are_told_and_the_others_are() {
    let files = Files::of(&[
        ("text", b"Once upon a time there was a text."),
        ("a.pcap", &capture()),
    ]);
    fs::create_dir(files.path("folder")).unwrap();
    files
        .check(&["text", "folder", "missing", "a.pcap"])
        .assert()
        .code(1)
        .stdout(contains("\n4 files, 9 packets, 3 connections"))
        .stderr(
            contains("filterctl: text: not a capture (pcap or pcapng): it begins like neither\n")
                .and(contains("filterctl: folder: Is a directory"))
                .and(contains("filterctl: missing: No such file or directory"))
                .and(contains("filterctl: 3 files could not be checked\n")),
        );
}

#[test]
fn packets_that_are_not_read_are_told() {
    let mut file = capture();
    file[20] = 178;
    let files = Files::of(&[("a.pcap", &file)]);
    files
        .check(&["a.pcap"])
        .assert()
        .success()
        .stderr("filterctl: a.pcap: 9 packets not read: link type 178\n")
        .stdout("1 file, 9 packets (9 not read), 0 connections\n");
}

#[test]
fn colour_is_for_terminals() {
    let files = Files::of(&[("a.pcap", &capture())]);
    files
        .check(&["a.pcap"])
        .assert()
        .stdout(contains("\x1b").not());
    let mut forced = files.check(&["a.pcap"]);
    forced
        .env("CLICOLOR_FORCE", "1")
        .assert()
        .stdout(contains("\x1b[1m\x1b[31mhttp1"));
    let mut neither = files.check(&["a.pcap"]);
    neither.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    neither.assert().stdout(contains("\x1b").not());
}
