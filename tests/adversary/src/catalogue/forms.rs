// SPDX-License-Identifier: GPL-2.0
//! Forms of a first line, and HTTP that comes later in a stream.

use super::{cut, send, Case, Row};
use crate::plan::{Action, Segment};

/// A row, its technique, and the stream.
type Form = (Row, &'static str, &'static [u8]);

const FORMS: &[Form] = &[
    (
        Row::EmptyLines,
        "an empty line before the method (CRLF)",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::EmptyLines,
        "many empty lines before the method",
        b"\r\n\r\n\n\n\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::EmptyLines,
        "an empty line (LF) before another protocol",
        b"\nDESCRIBE rtsp://a/ RTSP/1.0\r\n\r\n",
    ),
    (
        Row::LeadingSpace,
        "white space before the method",
        b" \t\x0b\x0cGET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::LeadingSpace,
        "white space before another protocol",
        b" \tSSH-2.0-x\r\n",
    ),
    (
        Row::Separators,
        "two spaces behind the method",
        b"GET  / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Separators,
        "tabs for spaces",
        b"GET\t/\tHTTP/1.1\r\n\r\n",
    ),
    (
        Row::Separators,
        "VT, FF and CR for spaces",
        b"GET\x0b/\x0c\rHTTP/1.1\r\n\r\n",
    ),
    (
        Row::LetterCase,
        "a method in lower case",
        b"get / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::LetterCase,
        "a method in mixed case",
        b"GeT / HTTP/1.1\r\n\r\n",
    ),
    (Row::LetterCase, "memcached's get", b"get key\r\n"),
    (
        Row::LineEnds,
        "lines that end with LF",
        b"GET / HTTP/1.1\nHost: example.com\n\n",
    ),
    (
        Row::LineEnds,
        "no end of the line at all",
        b"GET / HTTP/1.1",
    ),
    (
        Row::Methods,
        "an unknown method",
        b"XYZZY / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Methods,
        "a method of 32 characters",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Methods,
        "an unknown method of another protocol",
        b"XYZZY / RTSP/1.0\r\n\r\n",
    ),
    (
        Row::Targets,
        "a target in absolute form",
        b"GET http://example.com/ HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Targets,
        "a target in asterisk form",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Targets,
        "a target in authority form",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Targets,
        "an authority with an IPv6 address",
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n",
    ),
    (
        Row::Targets,
        "a SIP target",
        b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n",
    ),
    (Row::Http09, "HTTP/0.9", b"GET /\r\n"),
    (
        Row::Http09,
        "HTTP/0.9, the line ends with LF",
        b"GET /index.html\n",
    ),
    (Row::Http09, "Redis's inline GET", b"GET key\r\n"),
    (
        Row::HostField,
        "a Host field in mixed case",
        b"GET / HTTP/1.1\r\nhoSt: example.com\r\n\r\n",
    ),
    (
        Row::HostField,
        "a Host field without its space",
        b"GET / HTTP/1.1\r\nHost:example.com\r\n\r\n",
    ),
    (
        Row::HostField,
        "a Host field with a tab",
        b"GET / HTTP/1.1\r\nHost:\texample.com\r\n\r\n",
    ),
    (
        Row::HostField,
        "a Host field with a dot at its end",
        b"GET / HTTP/1.1\r\nHost: example.com.\r\n\r\n",
    ),
    (
        Row::PriorKnowledge,
        "HTTP/2 by prior knowledge",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ),
    (
        Row::PriorKnowledge,
        "nearly HTTP/2's preface",
        b"PRI * SMTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    (
        Row::Upgrade,
        "an upgrade to h2c",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ),
    // A documented limit: what begins as another protocol is left alone.
    (
        Row::BehindAnother,
        "behind a PROXY header",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::BehindAnother,
        "behind a PROXY header of version 2",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::BehindAnother,
        "behind SOCKS",
        b"\x05\x01\0\x05\x01\0\x01\xc0\0\x02\x01\0\x50GET / HTTP/1.1\r\n\r\n",
    ),
    (
        Row::BehindAnother,
        "behind a start of SMTP",
        b"EHLO example.com\r\nSTARTTLS\r\nGET / HTTP/1.1\r\n\r\n",
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &(row, technique, stream) in FORMS {
        cases.push(Case::new(
            row,
            technique,
            stream,
            send([Segment::new(0, stream)]),
        ));
        let bytes: Vec<usize> = (1..stream.len()).collect();
        cases.push(Case::new(
            row,
            format!("{technique}, in segments of one byte"),
            stream,
            send(cut(stream, &bytes)),
        ));
    }
    let (first, later) = (b"SSH-2.0-OpenSSH_10.0\r\n", b"GET / HTTP/1.1\r\n\r\n");
    let stream = [&first[..], later].concat();
    let actions = vec![
        Action::Send(Segment::new(0, first)),
        Action::Settle,
        Action::Send(Segment::new(first.len() as i32, later)),
    ];
    cases.push(Case::new(
        Row::Later,
        "a request on a connection that is past its start",
        &stream,
        actions,
    ));
    cases
}
