// SPDX-License-Identifier: GPL-2.0
//! Every rule of the language and its near misses, by example.

mod common;

use classifier::{Classifier, Verdict, LIMIT};
use common::classify;

/// A name, a stream up to the byte that decides it, and what follows that byte.
type Case = (&'static str, &'static [u8], &'static [u8]);

#[rustfmt::skip]
const HTTP1: &[Case] = &[
    ("plain", b"GET / HTTP/1", b".1\r\n"),
    ("another version", b"GET / HTTP/9", b"\n"),
    ("HTTP/0.9 in so many words", b"GET / HTTP/0", b".9\r\n"),
    ("HTTP/2 without its preface", b"GET / HTTP/2", b"\r\n"),
    ("target *", b"OPTIONS * HTTP/1", b".1\r\n"),
    ("target host:port", b"CONNECT h:443 HTTP/1", b".1\r\n"),
    ("target http://", b"GET http://h/ HTTP/1", b".1\r\n"),
    ("any byte in the target", b"GET \0\x80\xff\"\x16 HTTP/1", b".1\r\n"),
    ("method in lower case", b"get / HTTP/1", b".1\r\n"),
    ("method of any token", b"!#$%&'*+-.^_`|~09azAZ / HTTP/1", b".1\r\n"),
    ("method of 1", b"G / HTTP/1", b".1\r\n"),
    ("method of 32", b"ABCDEFGHABCDEFGHABCDEFGHABCDEFGH / HTTP/1", b".1\r\n"),
    ("method HTTP", b"HTTP / HTTP/1", b".1\r\n"),
    ("method SOURCE, of Icecast", b"SOURCE /m HTTP/1", b".0\r\n"),
    ("empty lines first", b"\r\n\n\r\n\r\nGET / HTTP/1", b".1\r\n"),
    ("white space first", b" \t\x0b\x0c\rGET / HTTP/1", b".1\r\n"),
    ("HTAB between", b"GET\t/\tHTTP/1", b".1\r\n"),
    ("VT and FF between", b"GET\x0b/\x0cHTTP/1", b".1\r\n"),
    ("bare CR between", b"GET\r/\rHTTP/1", b".1\r\n"),
    ("much between", b"GET  \t /  \r HTTP/1", b".1\r\n"),
    ("white space in the target", b"GET /a b HTTP/1", b".1\r\n"),
    ("Redis, of the same form", b"SET key HTTP/1", b".1\r\n"),
    ("IMAP, of the same form", b"a1 LOGIN user \"GET / HTTP/1", b".1\"\r\n"),
    ("no digit, then a version", b"GET /a HTTP/x HTTP/1", b".1\r\n"),
    ("HTTP/, then a version", b"GET /a HTTP/ HTTP/1", b".1\r\n"),
    ("HTTP, then a version", b"GET /a HTTP HTTP/1", b".1\r\n"),
    ("the first of two versions", b"GET /a HTTP/1", b".1 HTTP/1.1\r\n"),
    ("a version as the target", b"GET HTTP/1.1 HTTP/1", b".1\r\n"),
    ("nearly the preface: version", b"PRI * HTTP/1", b".1\r\n"),
    ("nearly the preface: empty line", b"\r\nPRI * HTTP/2", b".0\r\n"),
    ("nearly the preface: space first", b" PRI * HTTP/2", b".0\r\n"),
    ("nearly the preface: HTAB", b"PRI\t* HTTP/2", b".0\r\n"),
    ("nearly the preface: two spaces", b"PRI *  HTTP/2", b".0\r\n"),
    ("nearly the preface: target /", b"PRI / HTTP/2", b".0\r\n"),
    ("nearly the preface: target **", b"PRI ** HTTP/2", b".0\r\n"),
    ("nearly the preface: its end in place", b"\nPI * HTTP/2", b".0\r\n"),
    ("nearly the preface: method", b"PUT * HTTP/2", b".0\r\n"),
];

#[rustfmt::skip]
const H2C: &[Case] = &[
    ("preface", b"PRI * HTTP/2", b".0\r\n\r\nSM\r\n\r\n"),
    ("only its first line's version matters", b"PRI * HTTP/2", b"x"),
];

#[rustfmt::skip]
const HTTP09: &[Case] = &[
    ("CRLF", b"GET /\r\n", b""),
    ("LF", b"GET /x\n", b"HTTP/1.1"),
    ("white space around", b" \r\nGET\t /x \t\r\n", b""),
    ("version without white space", b"GET /HTTP/1.1\r\n", b""),
    // What the language can't tell apart.
    ("Redis, inline, a key that begins with /", b"GET /key\r\n", b""),
];

#[rustfmt::skip]
const RESPONSE: &[Case] = &[
    ("plain", b"HTTP/1", b".1 200 OK\r\n"),
    ("another version", b"HTTP/2", b" 200\r\n"),
];

#[rustfmt::skip]
const OTHER: &[Case] = &[
    // Nearly a request.
    ("method of 33", b"ABCDEFGHABCDEFGHABCDEFGHABCDEFGHA", b" / HTTP/1.1"),
    ("method of 0", b"/", b" HTTP/1.1\r\n"),
    ("method is no token", b"GET:", b" / HTTP/1.1"),
    ("quoted", b"\"", b"GET\" / HTTP/1.1"),
    ("byte order mark", b"\xef", b"\xbb\xbfGET / HTTP/1.1"),
    ("NUL first", b"\0", b"GET / HTTP/1.1"),
    ("backspace between", b"GET\x08", b"/ HTTP/1.1"),
    ("no-break space between", b"GET\xa0", b"/ HTTP/1.1"),
    ("line ends after the method", b"GET\n", b"/ HTTP/1.1"),
    ("line ends after white space", b"GET \r\n", b"/ HTTP/1.1"),
    ("line ends in the target", b"POST /a\n", b"b HTTP/1.1"),
    ("line ends before the version", b"POST / \r\n", b"HTTP/1.1"),
    ("line ends in the version", b"POST / HTTP/\n", b"1.1"),
    ("two CRs and an LF", b"POST /\r\r\n", b"HTTP/1.1"),
    ("no target", b"POST HTTP/1.1\r\n", b""),
    ("version in lower case", b"POST / http/1.1\r\n", b""),
    ("version without white space", b"POST /HTTP/1.1\r\n", b""),
    ("white space in the version", b"POST / HTTP /1.1\r\n", b""),
    ("longer name of the version", b"POST / HTTPS/1.1\r\n", b""),
    ("preface without version", b"PRI *\r\n", b""),
    // Nearly a request of HTTP/0.9.
    ("GET in lower case", b"get /\n", b""),
    ("shorter than GET", b"GE /\n", b""),
    ("longer than GET", b"GETS /\n", b""),
    ("not quite GET", b"GOT /\n", b""),
    ("GET behind a letter", b"XGET /\n", b""),
    ("target without /", b"GET x/\n", b""),
    ("GET without a target", b"GET \r\n", b""),
    ("GET and white space in the target", b"GET /a b\n", b""),
    ("GET and a version without a number", b"GET / HTTP/\r\n", b"1.1"),
    ("GET and a version in lower case", b"GET / http/1.1\r\n", b""),
    ("GET and a version as the target", b"GET HTTP/1.1\r\n", b""),
    // Nearly a response.
    ("no digit", b"HTTP/x", b""),
    ("response in lower case", b"http/", b"1.1 200 OK\r\n"),
    ("space before a response", b" HTTP/", b"1.1 200 OK\r\n"),
    ("empty line before a response", b"\r\nHTTP/", b"1.1 200 OK\r\n"),
    ("a response's end in place", b"\nHTP/", b"1.1 200 OK\r\n"),
    ("longer than HTTP", b"HTTPS/", b"1.1 200 OK\r\n"),
    ("shorter than HTTP", b"HTT/", b"1.1 200 OK\r\n"),
    ("SHOUTcast's response", b"ICY 200 OK\r\n", b""),
    ("RTSP's response", b"RTSP/", b"1.0 200 OK\r\n"),
    // Other protocols.
    ("TLS", b"\x16", b"\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", b""),
    ("SSH with a comment", b"SSH-2.0-OpenSSH_9.9 Debian-5\r\n", b""),
    ("RTSP", b"OPTIONS rtsp://h/m RTSP/1.0\r\n", b"CSeq: 1\r\n"),
    ("RTSP with the method GET", b"GET /info RTSP/1.0\r\n", b""),
    ("SIP", b"OPTIONS sip:b@h SIP/2.0\r\n", b"Via: SIP/2.0/TCP h\r\n"),
    ("ICAP", b"REQMOD icap://h/ ICAP/1.0\r\n", b""),
    ("ICE", b"SOURCE /m ICE/1.0\r\n", b""),
    ("ICE with the method GET", b"GET /m ICE/1.0\r\n", b""),
    ("Redis", b"*2\r\n", b"$3\r\nGET\r\n$1\r\nk\r\n"),
    ("Redis, inline", b"GET key\r\n", b""),
    ("Redis, inline, without argument", b"PING\r\n", b""),
    ("memcached", b"get key\r\n", b""),
    ("memcached, binary", b"\x80", b"\0\0\x01k"),
    ("SMTP", b"EHLO client.example\r\n", b""),
    ("FTP, the server's side", b"220 Welcome (HTTP/1.1)\r\n", b""),
    ("IMAP", b"a1 LOGIN u p\r\n", b""),
    ("Gopher", b"/", b"\r\n"),
    ("PostgreSQL", b"\0", b"\0\0\x08\x04\xd2\x16\x2f"),
    // HTTP behind another protocol's start: out of scope.
    ("SOCKS 4", b"\x04", b"\x01\0\x50\x7f\0\0\x01\0GET / HTTP/1.1\r\n"),
    ("SOCKS 5", b"\x05", b"\x01\0GET / HTTP/1.1\r\n"),
    ("PROXY", b"PROXY TCP4 1.2.3.4 5.6.7.8 9 80\r\n", b"GET / HTTP/1.1\r\n"),
    ("PROXY, binary", b"\r\n\r\n\0", b"\r\nQUIT\n\x21\x11GET / HTTP/1.1\r\n"),
    ("SMTP that turns into HTTP", b"EHLO h\r\n", b"GET / HTTP/1.1\r\n"),
];

const UNDECIDED: &[&[u8]] = &[
    b"",
    b"\r\n \t\r\n",
    b"G",
    b"GET",
    b"GET\r",
    b"GET ",
    b"GET /index.html",
    b"GET /index.html\r",
    b"POST / HTTP/",
    b"PRI * HTTP/",
    b"HTTP/",
    b"ABCDEFGHABCDEFGHABCDEFGHABCDEFGH",
];

/// Checks the answer to a stream given whole and byte by byte, and that the reference agrees.
fn check(name: &str, stream: &[u8], expected: Option<(Verdict, usize)>) {
    assert_eq!(classify(stream), expected, "{name}");

    let named = expected.map(|(verdict, offset)| (verdict.name(), offset));
    assert_eq!(reference::classify(stream), named, "{name}: the reference");

    let mut classifier = Classifier::new();
    for (read, byte) in (1..).zip(stream) {
        let decided = expected.filter(|&(_, offset)| offset <= read);
        let verdict = classifier.feed(&[*byte]);
        assert_eq!(
            verdict,
            decided.map(|(verdict, _)| verdict),
            "{name}: {read} bytes"
        );
        assert_eq!(verdict, classifier.verdict(), "{name}: {read} bytes");
    }
}

fn check_all(cases: &[Case], verdict: Verdict) {
    for &(name, start, rest) in cases {
        check(name, &[start, rest].concat(), Some((verdict, start.len())));
    }
}

#[test]
fn http1() {
    check_all(HTTP1, Verdict::Http1);
}

#[test]
fn h2c() {
    check_all(H2C, Verdict::H2c);
}

#[test]
fn http09() {
    check_all(HTTP09, Verdict::Http09);
}

#[test]
fn response() {
    check_all(RESPONSE, Verdict::Response);
}

#[test]
fn other() {
    check_all(OTHER, Verdict::Other);
}

#[test]
fn undecided() {
    for &stream in UNDECIDED {
        check(&stream.escape_ascii().to_string(), stream, None);
    }
}

#[test]
fn the_limit() {
    let limit = LIMIT as usize;
    // Streams of which byte number `decides` is the first that could decide.
    let request = |decides| [b"GET /", &*vec![b'a'; decides - 12], b" HTTP/1.1\r\n"].concat();
    check("request", &request(limit), Some((Verdict::Http1, limit)));
    check(
        "long request",
        &request(limit + 1),
        Some((Verdict::Other, limit)),
    );
    let line = |decides| [b"GET /", &*vec![b'a'; decides - 6], b"\n"].concat();
    check("line", &line(limit), Some((Verdict::Http09, limit)));
    check("long line", &line(limit + 1), Some((Verdict::Other, limit)));

    check("blank", &vec![b'\n'; limit], Some((Verdict::Other, limit)));
    check("a byte less", &vec![b'\n'; limit - 1], None);
}
