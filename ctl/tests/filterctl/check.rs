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
