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
    ("any byte but NUL in the target", b"GET \x01\x80\xff\"\x16 HTTP/1", b".1\r\n"),
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
    ("white space in the target, method in lower case", b"get /a\tb HTTP/1", b".1\r\n"),
    ("white space in the target, method in mixed case", b"pROPfIND /a b HTTP/1", b".1\r\n"),
    ("target http://, any method", b"foo http://h/ HTTP/1", b".1\r\n"),
    ("any scheme", b"FOO a+z-0.:// HTTP/1", b".1\r\n"),
    ("target /, any method", b"203.0.113.9 /x HTTP/1", b".1\n"),
    ("target *, any method", b"M-SEARCH * HTTP/1", b".1\r\n"),
    ("target *, much behind it", b"foo * \t\rHTTP/1", b".1\r\n"),
    ("target without /", b"GET index.html HTTP/1", b".1\r\n"),
    ("target of one word that is no scheme", b"QUERY ** HTTP/1", b".1\r\n"),
    ("target of a scheme alone", b"GET http: HTTP/1", b".1\r\n"),
    ("the longest registered method", b"UPDATEREDIRECTREF x HTTP/1", b".1\r\n"),
    ("prose, of the same form", b"see http://x HTTP/2", b" is newer.\n"),
    ("a log of \"%h %U %H\", of the same form", b"192.0.2.7 /a HTTP/1", b".1\n"),
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
    ("target http://", b"GET http://h/\r\n", b""),
    ("any scheme, white space behind", b"GET\ta+b:// \t\r\n", b""),
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
    ("no target, method not registered", b"FOO HTTP/", b"1.1\r\n"),
    ("version in lower case", b"POST / http/1.1\r\n", b""),
    ("version without white space", b"POST /HTTP/1.1\r\n", b""),
    ("white space in the version", b"POST / HTTP /1.1\r\n", b""),
    ("longer name of the version", b"POST / HTTPS/1.1\r\n", b""),
    ("preface without version", b"PRI *\r\n", b""),
    ("NUL as the target", b"GET \0", b" HTTP/1.1"),
    ("NUL in the target", b"GET /\0", b" HTTP/1.1"),
    ("NUL in an absolute target", b"GET http://h\0", b" HTTP/1.1"),
    ("NUL behind the target", b"GET / \0", b" HTTP/1.1"),
    ("NUL in the version", b"GET / HTTP/\0", b" HTTP/1.1"),
    ("NUL behind *", b"OPTIONS *\0", b" HTTP/1.1"),
    ("NUL in a scheme", b"FOO htt\0", b"p:// HTTP/1.1"),
    ("another target, method not registered", b"FOO \"", b"a\" HTTP/1.1"),
    ("host:port, method not registered", b"FOO h:4", b"43 HTTP/1.1\r\n"),
    ("a word, method not registered", b"SET key ", b"HTTP/1.1\r\n"),
    ("a word, method in lower case", b"get key ", b"HTTP/1.1\r\n"),
    ("a word, method in mixed case", b"Get key\r", b"HTTP/1.1\r\n"),
    ("a word, method begins as one that is registered", b"UPDATES key ", b"HTTP/1.1\r\n"),
    ("a word, method begins one that is registered", b"UPDAT key ", b"HTTP/1.1\r\n"),
    ("a word, method shares a registered one's beginning", b"UNLICK key ", b"HTTP/1.1\r\n"),
    ("a word, the registry's *", b"* key ", b"HTTP/1.1\r\n"),
    ("one slash, method not registered", b"FOO http:/h", b" HTTP/1.1\r\n"),
    ("no slash, method not registered", b"FOO http:h", b" HTTP/1.1\r\n"),
    ("a scheme begins with a digit", b"FOO 9", b"p:// HTTP/1.1\r\n"),
    ("a scheme with a _", b"FOO a_", b":// HTTP/1.1\r\n"),
    ("a scheme without letters", b"FOO :", b"// HTTP/1.1\r\n"),
    ("two *, method not registered", b"FOO **", b" HTTP/1.1\r\n"),
    ("white space in the target, method not registered", b"FOO /a b", b" HTTP/1.1\r\n"),
    ("white space in an absolute target", b"GET http://h/a b", b" HTTP/1.1\r\n"),
    ("white space in a target without /", b"GET a b", b" HTTP/1.1\r\n"),
    ("white space behind *", b"OPTIONS * x", b" HTTP/1.1\r\n"),
    ("half a version behind an absolute target", b"GET http://h HTT ", b"HTTP/1.1\r\n"),
    ("a version without a digit behind another target", b"GET key HTTP/x", b" HTTP/1.1\r\n"),
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
    ("GET, a scheme and one slash", b"GET http:/h\r\n", b""),
    ("GET, an absolute target and more", b"GET http://h a", b"\r\n"),
    ("an absolute target, another method", b"HEAD http://h/\r\n", b""),
    ("GET *", b"GET *\r\n", b""),
    ("GET / and NUL", b"GET /\0", b"\r\n"),
    // Nearly a response.
    ("no digit", b"HTTP/x", b""),
    ("response in lower case", b"http/", b"1.1 200 OK\r\n"),
    ("space before a response", b" HTTP/", b"1.1 200 OK\r\n"),
    ("empty line before a response", b"\r\nHTTP/", b"1.1 200 OK\r\n"),
    ("a response's end in place", b"\nHTP/", b"1.1 200 OK\r\n"),
    ("longer than HTTP", b"HTTPS/", b"1.1 200 OK\r\n"),
    ("shorter than HTTP", b"HTT/", b"1.1 200 OK\r\n"),
    ("SHOUTcast's response", b"ICY 2", b"00 OK\r\n"),
    ("RTSP's response", b"RTSP/", b"1.0 200 OK\r\n"),
    // Other protocols.
    ("TLS", b"\x16", b"\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", b""),
    ("SSH with a comment", b"SSH-2.0-OpenSSH_9.9 Debian-5\r", b"\n"),
    ("RTSP", b"OPTIONS rtsp://h/m R", b"TSP/1.0\r\nCSeq: 1\r\n"),
    ("RTSP with the method GET", b"GET /info RTSP/1.0\r\n", b""),
    ("SIP", b"OPTIONS sip:b@h S", b"IP/2.0\r\nVia: SIP/2.0/TCP h\r\n"),
    ("ICAP", b"REQMOD icap://h/ I", b"CAP/1.0\r\n"),
    ("ICE", b"SOURCE /m I", b"CE/1.0\r\n"),
    ("ICE with the method GET", b"GET /m ICE/1.0\r\n", b""),
    ("Redis", b"*2\r\n", b"$3\r\nGET\r\n$1\r\nk\r\n"),
    ("Redis, inline", b"GET key\r\n", b""),
    ("Redis, inline, without argument", b"PING\r\n", b""),
    ("memcached", b"get key\r", b"\n"),
    ("memcached, binary", b"\x80", b"\0\0\x01k"),
    ("SMTP", b"EHLO client.example\r", b"\n"),
    ("FTP, the server's side", b"220 Welcome ", b"(HTTP/1.1)\r\n"),
    ("IMAP", b"a1 LOGIN ", b"u p\r\n"),
    ("Gopher", b"/", b"\r\n"),
    ("PostgreSQL", b"\0", b"\0\0\x08\x04\xd2\x16\x2f"),
    ("LDAP, an anonymous bind", b"\x30\x0c\x02", b"\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
    // Lines of logs.
    ("an access log", b"203.0.113.9 -", b" - [26/Nov/2026] \"GET / HTTP/1.1\" 200\n"),
    ("an access log, of IPv6", b"2001:", b"db8::9 - - [26/Nov/2026] \"GET / HTTP/1.1\" 200\n"),
    ("log4j", b"2026-11-26 0", b"2:20:00,123 INFO access - GET /health HTTP/1.1 200\n"),
    ("journalctl", b"Nov 2", b"6 02:20:00 h kernel: dropped GET / HTTP/1.1\n"),
    ("syslog", b"<", b"13>1 - - - - - GET / HTTP/1.1\n"),
    ("syslog, octets counted", b"97 <", b"13>1 - - - - - GET / HTTP/1.1"),
    ("prose", b"Speak HTTP/", b"2 or leave\n"),
    // HTTP behind another protocol's start: out of scope.
    ("SOCKS 4", b"\x04", b"\x01\0\x50\x7f\0\0\x01\0GET / HTTP/1.1\r\n"),
    ("SOCKS 5", b"\x05", b"\x01\0GET / HTTP/1.1\r\n"),
    ("PROXY", b"PROXY TCP4 ", b"1.2.3.4 5.6.7.8 9 80\r\nGET / HTTP/1.1\r\n"),
    ("PROXY, binary", b"\r\n\r\n\0", b"\r\nQUIT\n\x21\x11GET / HTTP/1.1\r\n"),
    ("SMTP that turns into HTTP", b"EHLO h\r", b"\nGET / HTTP/1.1\r\n"),
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
