// SPDX-License-Identifier: GPL-2.0
//! What people are shown.

mod common;

use classifier::{Classifier, LogLine, Method, Verdict};
use common::{config, cut_stream, stream};
use proptest::prelude::*;
use proptest::sample::Index;

const VERDICTS: [Verdict; 5] = [
    Verdict::Http1,
    Verdict::H2c,
    Verdict::Http09,
    Verdict::Response,
    Verdict::Other,
];

fn line(stream: &[u8]) -> LogLine {
    let mut line = LogLine::new();
    line.feed(stream);
    line
}

/// What is shown of `stream`, by its own verdict.
fn shown(stream: &[u8]) -> String {
    let verdict = Classifier::new().feed(stream);
    line(stream)
        .display(verdict.unwrap_or(Verdict::Other))
        .to_string()
}

/// A line of which `missing` was not read.
fn line_without(before: &[u8], missing: &[u8], behind: &[u8]) -> LogLine {
    let mut classifier = Classifier::new();
    classifier.feed(before);
    classifier.feed(missing);
    let mut line = line(before);
    line.resume(classifier);
    line.feed(behind);
    line
}

/// What is shown of a request of HTTP/1 of which `missing` was not read.
fn shown_without(before: &str, missing: &str, behind: &str) -> String {
    let stream = [before, missing, behind].concat();
    let verdict = Classifier::new().feed(stream.as_bytes());
    assert_eq!(verdict, Some(Verdict::Http1));
    line_without(before.as_bytes(), missing.as_bytes(), behind.as_bytes())
        .display(Verdict::Http1)
        .to_string()
}

#[test]
fn requests() {
    assert_eq!(
        shown(b"GET /index.html HTTP/1.1\r\nHost: h\r\n"),
        "GET /index.html HTTP/1.1"
    );
    assert_eq!(shown(b" \r\nGET\t /a \t HTTP/1.0\r\n"), "GET /a HTTP/1.0");
    assert_eq!(shown(b"OPTIONS * HTTP/1.1\n"), "OPTIONS * HTTP/1.1");
    assert_eq!(shown(b"GET HTTP/1.1 HTTP/1.0\n"), "GET HTTP/1.1 HTTP/1.0");
    assert_eq!(shown(b"HTTP / HTTP/1.1\n"), "HTTP / HTTP/1.1");
    assert_eq!(shown(b"GET /x\r\n"), "GET /x HTTP/0.9");
    assert_eq!(shown(b"GET /x \t\r\n"), "GET /x HTTP/0.9");
    assert_eq!(shown(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "HTTP/2 preface");
}

#[test]
fn the_version_as_far_as_it_has_come() {
    assert_eq!(shown(b"GET / HTTP/1"), "GET / HTTP/1");
    assert_eq!(shown(b"GET / HTTP/1."), "GET / HTTP/1.");
    assert_eq!(shown(b"GET / HTTP/1.1"), "GET / HTTP/1.1");
    assert_eq!(shown(b"GET / HTTP/1.17 x\r\n"), "GET / HTTP/1.1");
    assert_eq!(shown(b"GET / HTTP/12.1\r\n"), "GET / HTTP/1");
    assert_eq!(shown(b"GET / HTTP/1\r\n"), "GET / HTTP/1");
}

#[test]
fn responses() {
    assert_eq!(shown(b"HTTP/1.1 200 OK\r\n"), "HTTP/1.1 200");
    assert_eq!(shown(b"HTTP/1.1 "), "HTTP/1.1");
    assert_eq!(shown(b"HTTP/1.0 4"), "HTTP/1.0 4");
    assert_eq!(shown(b"HTTP/1.0 2000"), "HTTP/1.0 200");
    assert_eq!(shown(b"HTTP/1"), "HTTP/1");
}

#[test]
fn others_and_undecided() {
    assert_eq!(shown(b""), "");
    assert_eq!(shown(b"\x16\x03\x01"), "");
    assert_eq!(shown(b"SSH-2.0-OpenSSH_9.9\r\n"), "SSH-2.0-OpenSSH_9.9");
    assert_eq!(
        shown(b"DESCRIBE rtsp://h/m RTSP/1.0\r\n"),
        "DESCRIBE rtsp://h/m"
    );
    assert_eq!(shown(b"GET key HTML/1.0\r\n"), "GET key");
    assert_eq!(shown(b"SET key HTTP/1.1\r\n"), "SET key");
    assert_eq!(shown(b"GET /a HTML\r\n"), "GET /a\\x20HTML");
    assert_eq!(shown(b"GET /inde"), "GET /inde");
}

#[test]
fn white_space_in_the_target() {
    assert_eq!(shown(b"GET /a b HTTP/1.1\r\n"), "GET /a\\x20b HTTP/1.1");
    assert_eq!(
        shown(b"GET /a HTTP/x HTTP/1.1\r\n"),
        "GET /a\\x20HTTP/x HTTP/1.1"
    );
    assert_eq!(
        shown(b"GET /a HTTP HTTP/1.1\r\n"),
        "GET /a\\x20HTTP HTTP/1.1"
    );
    assert_eq!(shown(b"GET /a \t\r\n"), "GET /a HTTP/0.9");
}

#[test]
fn no_query() {
    assert_eq!(
        shown(b"GET /a?token=secret HTTP/1.1\r\n"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(shown(b"GET /a?b /c HTTP/1.1\r\n"), "GET /a HTTP/1.1");
    assert_eq!(shown(b"GET /a ?b HTTP/1.1\r\n"), "GET /a\\x20 HTTP/1.1");
    assert_eq!(
        shown(b"GET http://h?u@x HTTP/1.1\r\n"),
        "GET http://h HTTP/1.1"
    );
    assert_eq!(shown(b"GET /a?secret\r\n"), "GET /a HTTP/0.9");
}

#[test]
fn no_user_and_no_password() {
    assert_eq!(
        shown(b"GET http://user:pass@h/x HTTP/1.1\r\n"),
        "GET http://h/x HTTP/1.1"
    );
    assert_eq!(
        shown(b"GET http://user:p@ss@h/ HTTP/1.1\r\n"),
        "GET http://h/ HTTP/1.1"
    );
    assert_eq!(
        shown(b"CONNECT user:pass@h:443 HTTP/1.1\r\n"),
        "CONNECT h:443 HTTP/1.1"
    );
    assert_eq!(
        shown(b"OPTIONS rtsp://user:pass@h RTSP/1.0\r\n"),
        "OPTIONS rtsp://h"
    );

    // Longer than what is shown of a target.
    let password = "p".repeat(100);
    let request = format!("GET http://user:{password}@h/ HTTP/1.1\r\n");
    assert_eq!(shown(request.as_bytes()), "GET http://h/ HTTP/1.1");

    // Cut before the `@`.
    assert_eq!(shown(b"GET http://user:pa"), "GET http://");
    assert_eq!(shown(b"CONNECT user:pa"), "CONNECT");
}

#[test]
fn an_at_sign_elsewhere() {
    assert_eq!(shown(b"GET /@user/x HTTP/1.1\r\n"), "GET /@user/x HTTP/1.1");
    assert_eq!(
        shown(b"GET http://h/@user HTTP/1.1\r\n"),
        "GET http://h/@user HTTP/1.1"
    );
    assert_eq!(
        shown(b"GET http://h#@g/ HTTP/1.1\r\n"),
        "GET http://h#@g/ HTTP/1.1"
    );
    assert_eq!(
        shown(b"GET http://h:/@g/ HTTP/1.1\r\n"),
        "GET http://h:/@g/ HTTP/1.1"
    );
}

#[test]
fn nothing_forges_a_line() {
    assert_eq!(
        shown(b"GET /\"\\\r\x1b[2J\xff\x01\x7f HTTP/1.1\r\n"),
        r"GET /\x22\x5c\x0d\x1b[2J\xff\x01\x7f HTTP/1.1"
    );
}

#[test]
fn bounds() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(1000));
    assert_eq!(
        shown(long.as_bytes()),
        format!("GET /{} HTTP/1.1", "a".repeat(63))
    );
    // The version begins within the part of the target that is kept.
    let edge = format!("GET /{} HTTP/1.1\r\n", "a".repeat(60));
    assert_eq!(
        shown(edge.as_bytes()),
        format!("GET /{} HTTP/1.1", "a".repeat(60))
    );

    let longest = [
        &b"M".repeat(32),
        &b" /"[..],
        &b"\xff".repeat(63),
        b" HTTP/1.1",
    ]
    .concat();
    assert_eq!(shown(&longest).len(), LogLine::DISPLAY_MAX);
}

#[test]
fn nothing_is_missing() {
    assert_eq!(
        shown_without("GET /a", "", "b HTTP/1.1"),
        "GET /ab HTTP/1.1"
    );
    assert_eq!(shown_without("GE", "", "T /a HTTP/1.1"), "GET /a HTTP/1.1");
    assert_eq!(shown_without("", "", "GET /a HTTP/1.1"), "GET /a HTTP/1.1");
    assert_eq!(shown_without("GET / HTTP/1", "", ".1"), "GET / HTTP/1.1");
    assert_eq!(shown_without("GET / HTTP/1", ".1\r\n", ""), "GET / HTTP/1");
}

#[test]
fn a_part_is_missing_from_the_target() {
    assert_eq!(
        shown_without("GET /a", "b", "c HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(shown_without("GET /a", "b HT", "TP/1.1"), "GET /a HTTP/1.1");
    assert_eq!(
        shown_without("GET /a", "b c ", "d HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET /a", "?b", "c HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET /a?b", "c", "/d HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(shown_without("GET ", "/a", "b HTTP/1.1"), "GET  HTTP/1.1");
    assert_eq!(shown_without("GET ", "/a H", "TTP/1.1"), "GET  HTTP/1.1");
    // White space that did not end the target, and some that may have.
    assert_eq!(
        shown_without("GET /a b", "c", " HTTP/1.1"),
        "GET /a\\x20b HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET /a ", "b", "c HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET /a HT", "b", " HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(shown_without("GET /a H", "TT", "P/1.1"), "GET /a HTTP/1.1");
    // The `@` before which there was a password.
    assert_eq!(
        shown_without("GET http://user:pass", "w", "ord@h/ HTTP/1.1"),
        "GET http:// HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET http://user:pass", "word@", "h/ HTTP/1.1"),
        "GET http:// HTTP/1.1"
    );
    // Twice.
    let mut twice = line_without(b"GET /a", b"b", b"c");
    let mut classifier = Classifier::new();
    classifier.feed(b"GET /abcd");
    twice.resume(classifier);
    twice.feed(b"e HTTP/1.1");
    assert_eq!(twice.display(Verdict::Http1).to_string(), "GET /a HTTP/1.1");
}

#[test]
fn a_part_is_missing_before_the_target() {
    assert_eq!(
        shown_without("GET", "S", " /a HTTP/1.1"),
        "GET? /a HTTP/1.1"
    );
    assert_eq!(shown_without("GET", " ", "/a HTTP/1.1"), "GET? /a HTTP/1.1");
    assert_eq!(shown_without("G", "E", "T /a HTTP/1.1"), "G?T /a HTTP/1.1");
    assert_eq!(shown_without("", "GE", "T /a HTTP/1.1"), "?T /a HTTP/1.1");
    assert_eq!(shown_without("\n", "GET /", "a HTTP/1.1"), "?  HTTP/1.1");
    for (before, missing, behind) in [
        ("GET", "S", " / HTTP/1.1"),
        ("GE", "S", "T / HTTP/1.1"),
        ("", "POS", "GET / HTTP/1.1"),
        ("GET", " / HT", "TP/1.1"),
    ] {
        let line = line_without(before.as_bytes(), missing.as_bytes(), behind.as_bytes());
        assert_eq!(line.method(), Method::Other);
    }
    // White space is not shown anyway.
    assert_eq!(
        shown_without("\n", "\r\n ", "GET /a HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
    assert_eq!(
        shown_without("GET ", " \t", "/a HTTP/1.1"),
        "GET /a HTTP/1.1"
    );
}

#[test]
fn a_part_is_missing_from_the_version() {
    assert_eq!(shown_without("GET /a HTTP", "/1", ".1"), "GET /a HTTP/");
    assert_eq!(shown_without("GET /a", " HTTP/1", "1.1"), "GET /a HTTP/");
}

#[test]
fn methods() {
    for (index, method) in Method::ALL.into_iter().enumerate() {
        assert_eq!(method as usize, index);
        let request = format!("{} / HTTP/1.1\r\n", method.name());
        assert_eq!(line(request.as_bytes()).method(), method);
    }
    for other in ["get", "GETS", "GE", "PRI", "PROPFIND", "OTHER"] {
        let request = format!("{other} / HTTP/1.1\r\n");
        assert_eq!(line(request.as_bytes()).method(), Method::Other);
    }
    assert_eq!(line(b"").method(), Method::Other);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_display_is_printable_and_bounded(stream in stream()) {
        for verdict in VERDICTS {
            let shown = line(&stream).display(verdict).to_string();
            prop_assert!(shown.len() <= LogLine::DISPLAY_MAX);
            prop_assert!(shown.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'));
        }
    }

    #[test]
    fn any_cutting_gives_the_same_line(pieces in cut_stream()) {
        let whole = line(&pieces.concat());
        let mut cut = LogLine::new();
        for piece in &pieces {
            cut.feed(piece);
        }
        prop_assert_eq!(format!("{cut:?}"), format!("{whole:?}"));
    }

    /// Whatever is missing, nothing is shown that would not be shown without. The missing part is one
    /// that the classifier counts: before the deciding byte.
    #[test]
    fn a_missing_part_only_takes_away(stream in stream(), ends in any::<[Index; 2]>()) {
        let mut classifier = Classifier::new();
        let verdict = classifier.feed(&stream).unwrap_or(Verdict::Other);
        let mut ends = ends.map(|end| end.index(classifier.offset() as usize + 1));
        ends.sort_unstable();
        let whole = line(&stream);
        let cut = line_without(
            &stream[..ends[0]],
            &stream[ends[0]..ends[1]],
            &stream[ends[1]..],
        );
        if matches!(verdict, Verdict::Http1 | Verdict::Http09 | Verdict::Other) {
            let words = |line: &LogLine| -> [String; 3] {
                let text = line.display(verdict).to_string();
                let mut words = text.split(' ').map(str::to_owned);
                [(); 3].map(|()| words.next().unwrap_or_default())
            };
            let [method, target, version] = words(&whole);
            let [cut_method, cut_target, cut_version] = words(&cut);
            prop_assert!(cut_method == method || cut_method.contains('?'));
            prop_assert!(cut.method() == whole.method() || cut_method.contains('?'));
            prop_assert!(target.starts_with(&cut_target));
            prop_assert!(cut_version == version || cut_version == "HTTP/");
        } else {
            let [whole, cut] = [whole, cut].map(|line| line.display(verdict).to_string());
            prop_assert!(cut == whole || cut == "HTTP/");
        }
    }

    /// `.1 200` is the most that is shown of what follows the deciding byte.
    #[test]
    fn what_follows_the_line_does_not_matter(stream in stream()) {
        let mut classifier = Classifier::new();
        if let Some(verdict) = classifier.feed(&stream) {
            let end = stream.len().min(classifier.offset() as usize + ".1 200".len());
            let short = line(&stream[..end]).display(verdict).to_string();
            prop_assert_eq!(short, line(&stream).display(verdict).to_string());
        }
    }
}
