// SPDX-License-Identifier: GPL-2.0
//! What people are shown.

mod common;

use classifier::{Classifier, Line, Method, Verdict};
use common::{config, cut_stream, stream};
use proptest::prelude::*;

const VERDICTS: [Verdict; 5] = [
    Verdict::Http1,
    Verdict::H2c,
    Verdict::Http09,
    Verdict::Response,
    Verdict::Other,
];

fn line(stream: &[u8]) -> Line {
    let mut line = Line::new();
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
        "DESCRIBE rtsp://h/m\\x20RTSP/1.0"
    );
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
        shown(b"GET http://user:a b@h HTTP/1.1\r\n"),
        "GET http://h HTTP/1.1"
    );
    assert_eq!(
        shown(b"CONNECT user:pass@h:443 HTTP/1.1\r\n"),
        "CONNECT h:443 HTTP/1.1"
    );
    assert_eq!(
        shown(b"OPTIONS rtsp://user:pass@h RTSP/1.0\r\n"),
        "OPTIONS rtsp://h\\x20RTSP/1.0"
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
        shown(b"GET /\"\\\r\x1b[2J\xff\0\x7f HTTP/1.1\r\n"),
        r"GET /\x22\x5c\x0d\x1b[2J\xff\x00\x7f HTTP/1.1"
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
        &b" "[..],
        &b"\xff".repeat(64),
        b" HTTP/1.1",
    ]
    .concat();
    assert_eq!(shown(&longest).len(), Line::DISPLAY_MAX);
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
            prop_assert!(shown.len() <= Line::DISPLAY_MAX);
            prop_assert!(shown.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'));
        }
    }

    #[test]
    fn any_cutting_gives_the_same_line(pieces in cut_stream()) {
        let whole = line(&pieces.concat());
        let mut cut = Line::new();
        for piece in &pieces {
            cut.feed(piece);
        }
        prop_assert_eq!(format!("{cut:?}"), format!("{whole:?}"));
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
