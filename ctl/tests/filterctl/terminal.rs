// SPDX-License-Identifier: GPL-2.0
//! What a person sees on a terminal.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use nix::pty::{openpty, Winsize};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::tree::Tree;

const ROWS: u16 = 24;
const COLUMNS: u16 = 200;

/// `filterctl` at work on a terminal.
struct Terminal {
    child: Child,
    /// All that it writes.
    written: JoinHandle<Vec<u8>>,
}

impl Terminal {
    fn start(tree: &Tree, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).unwrap();
        let mut command = tree.command(arguments);
        command.env("TERM", "xterm-256color");
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null());
        command.stdout(pty.slave.try_clone().unwrap());
        command.stderr(pty.slave);
        let child = command.spawn().unwrap();
        // The terminal ends, with an error, when nobody has it open.
        drop(command);
        let written = thread::spawn(move || {
            let mut written = Vec::new();
            let _ = File::from(pty.master).read_to_end(&mut written);
            written
        });
        Self { child, written }
    }

    /// What was written until it ended, and the exit status.
    fn end(mut self) -> (Vec<u8>, Option<i32>) {
        let status = self.child.wait().unwrap();
        (self.written.join().unwrap(), status.code())
    }
}

/// What the screen shows after that.
fn screen(written: &[u8]) -> Vec<String> {
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    parser.process(written);
    let rows = parser.screen().rows(0, COLUMNS);
    rows.map(|row| row.trim_end().to_owned()).collect()
}

#[test]
fn watching_keeps_to_the_screen() {
    let tree = Tree::loaded();
    tree.counter("requests", 1_234);
    for method in ["GET", "POST", "other"] {
        tree.counter(&format!("methods/{method}"), 400);
    }
    let terminal = Terminal::start(&tree, &["status", "--watch", "0.1"], &[]);
    thread::sleep(std::time::Duration::from_millis(700));
    kill(Pid::from_raw(terminal.child.id() as i32), Signal::SIGINT).unwrap();
    let (written, status) = terminal.end();
    assert_eq!(status, Some(0));
    // The last page, before the new line that makes room for a prompt.
    let page = written.strip_suffix(b"\r\n").unwrap();
    let shown = screen(page);
    assert_eq!(shown[0], "http_filter 0.1.0", "{shown:#?}");
    assert!(
        shown[1].starts_with("  enabled        yes, since "),
        "{shown:#?}"
    );
    let requests = "  requests       1,234       0.0/s";
    assert!(shown.iter().any(|line| line == requests), "{shown:#?}");
    assert!(shown.iter().all(|line| !line.is_empty()), "{shown:#?}");
}

#[test]
fn a_page_that_is_not_watched_is_shown_whole() {
    let (written, _) = Terminal::start(&Tree::loaded(), &["status"], &[]).end();
    let text = String::from_utf8(written).unwrap();
    assert!(text.contains("\x1b[1mhttp_filter 0.1.0"), "{text}");
    assert!(text.contains("uninspectable"), "{text}");
    let plain = Terminal::start(&Tree::loaded(), &["status"], &[("NO_COLOR", "1")]);
    let (written, _) = plain.end();
    assert!(!written.contains(&b'\x1b'));
}

/// Files that are large enough for a progress bar: they are holes, but for their beginnings.
fn large_files() -> TempDir {
    let dir = TempDir::new().unwrap();
    // A pcap file whose first packet is of no size, as are the others; and a compressed one.
    let pcap = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 1 << 18, 101];
    let pcap = pcap.map(u32::to_le_bytes).concat();
    for (name, start) in [
        ("empty.pcap", &pcap[..]),
        ("packed.pcap.gz", b"\x1f\x8b\x08\x00"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, start).unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len((64 << 20) + 24)
            .unwrap();
    }
    dir
}

#[test]
fn a_progress_bar_leaves_nothing_behind() {
    let files = large_files();
    let path = |name| files.path().join(name).display().to_string();
    let (empty, packed) = (path("empty.pcap"), path("packed.pcap.gz"));
    let terminal = Terminal::start(&Tree::unloaded(), &["check", &empty, &packed], &[]);
    let (written, status) = terminal.end();
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains(" %, "), "no progress was shown: {text}");
    assert_eq!(status, Some(1));
    let shown = screen(&written);
    let unread = format!(
        "filterctl: {empty}: 4,194,304 packets not read: cut off within a header, or malformed"
    );
    let said = format!(
        "filterctl: {packed}: not a capture (pcap or pcapng): it is compressed, run gunzip first"
    );
    let expected = [
        &unread,
        &said,
        "2 files, 4,194,304 packets (4,194,304 not read), 0 connections",
        "filterctl: a file could not be checked",
        "",
    ];
    assert_eq!(shown[..expected.len()], expected);
}
