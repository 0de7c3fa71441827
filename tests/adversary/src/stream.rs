// SPDX-License-Identifier: GPL-2.0
//! Streams that clients send: HTTP of all kinds, what comes close to it, and other protocols.

use rand::seq::IndexedRandom;
use rand::Rng;

/// A random stream: half of them HTTP, a sixth near-misses, the rest other protocols.
pub(crate) fn random(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..6) {
        0..=2 => http(random),
        3 => near_miss(random),
        _ => other(random),
    }
}

/// A random HTTP stream.
pub(crate) fn http(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..10) {
        0 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        1 => [
            &leading(random)[..],
            b"GET",
            &space(random),
            pick(random, &["/", "http://example.com/"]),
            &text(random, 20, TARGET),
            line_end(random),
        ]
        .concat(),
        2 => request(random, REGISTERED, OPAQUE),
        3 => request(random, KNOWN, &["/a b c", "/a\t\x0bb HTTP/x", "/a HTTP b"]),
        _ => {
            let (method, target) = (method(random), target(random));
            line(random, &method, &target)
        }
    }
}

/// A request of one of these methods, for one of these targets.
fn request(random: &mut impl Rng, methods: &[&'static str], targets: &[&'static str]) -> Vec<u8> {
    let (method, target) = (pick(random, methods), pick(random, targets));
    line(random, method, target)
}

fn line(random: &mut impl Rng, method: &[u8], target: &[u8]) -> Vec<u8> {
    [
        &leading(random)[..],
        method,
        &space(random),
        target,
        &space(random),
        pick(
            random,
            &["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/0.9", "HTTP/9.9"],
        ),
        line_end(random),
        b"Host: example.com\r\n\r\n",
    ]
    .concat()
}

/// A stream that looks like HTTP, but is not, or is still undecided.
pub(crate) fn near_miss(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..12) {
        // A proper prefix of a request.
        0 | 1 => {
            let mut whole = http(random);
            let decided = decided_at(&whole);
            whole.truncate(random.random_range(1..decided));
            whole
        }
        2 => [
            &method(random)[..],
            b" ",
            &target(random),
            b" ",
            pick(random, &["http/1.1", "HTTP1.1", "HTTX/1.1", "HTTP/x"]),
            b"\r\n\r\n",
        ]
        .concat(),
        3 => [
            &method(random)[..],
            b" ",
            &target(random),
            b" ",
            pick(random, &["RTSP/1.0", "SIP/2.0", "ICAP/1.0", "ICE/1.0"]),
            b"\r\n\r\n",
        ]
        .concat(),
        // A method that is too long, or has a character that no token has.
        4 => [&text(random, 40, TOKEN)[..], b"(", b" / HTTP/1.1\r\n\r\n"].concat(),
        5 => [&[b'A'; 33][..], b" / HTTP/1.1\r\n\r\n"].concat(),
        6 => [
            b"GET ".as_slice(),
            &text(random, 12, TOKEN),
            b"\r\nGET / HTTP/1.1\r\n\r\n",
        ]
        .concat(),
        // A target that its method does not take.
        7 => request(random, &["get", "XYZZY", "a1", "203.0.113.9"], OPAQUE),
        8 => request(random, &["XYZZY", "a1", "203.0.113.9"], &["/a b", "/ - -"]),
        9 => request(random, KNOWN, &["http://example.com/a b", "* x", "/\0"]),
        10 => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"PRI * SMTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
    }
}

/// The start of another protocol.
pub(crate) fn other(random: &mut impl Rng) -> Vec<u8> {
    let mail = "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nSubject: x\r\n\r\nGET / HTTP/1.1\r\n.\r\n";
    match random.random_range(0..18) {
        0 | 1 => tls_hello(random),
        2 => b"SSH-2.0-OpenSSH_10.0\r\n\0\0\x01\x14\x0a\x14GET / HTTP/1.1\r\n".to_vec(),
        3 => b"*2\r\n$3\r\nGET\r\n$14\r\n/ HTTP/1.1\r\n\r\n\r\n".to_vec(),
        4 => b"SET key value\r\nGET / HTTP/1.1\r\n".to_vec(),
        5 => b"get key\r\nset key 0 0 14\r\nGET / HTTP/1.1\r\n".to_vec(),
        6 => b"\0\0\0\x2a\0\x03\0\0user\0GET\0database\0HTTP\0\0".to_vec(),
        7 => mail.into(),
        8 => b"a1 LOGIN user pass\r\na2 SELECT \"GET / HTTP/1.1\"\r\n".to_vec(),
        9 => b"USER anonymous\r\nPASS GET / HTTP/1.1\r\nRETR /index.html\r\n".to_vec(),
        10 => b"\x10\x1a\0\x04MQTT\x04\x02\0\x3c\0\x0eGET / HTTP/1.1".to_vec(),
        11 => b"OPTIONS rtsp://a.example/x RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec(),
        12 => b"INVITE sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a.example\r\n\r\n".to_vec(),
        13 => b"OPTIONS icap://a.example/x ICAP/1.0\r\nHost: a.example\r\n\r\n".to_vec(),
        14 => b"HELP\r\nLIST\r\nQUIT\r\n".to_vec(),
        15 => b"NICK x\r\nUSER x 0 * :GET / HTTP/1.1\r\n".to_vec(),
        16 => bytes(random, 1200),
        _ => [&text(random, 30, TOKEN)[..], b"\r\n", &http(random)].concat(),
    }
}

const TOKEN: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
const TARGET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789/?&=%.:-_~";

fn leading(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..4) {
        0 => (0..random.random_range(1..8))
            .flat_map(|_| pick(random, &["\r\n", "\n", " ", "\t", "\r"]).to_vec())
            .collect(),
        _ => Vec::new(),
    }
}

/// Methods that are registered; the same in any letter case; and targets that only the former take.
const REGISTERED: &[&str] = &[
    "GET", "GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "CONNECT", "PROPFIND",
];
const KNOWN: &[&str] = &["GET", "POST", "UPDATEREDIRECTREF", "get", "hEaD", "Unlock"];
const OPAQUE: &[&str] = &["example.com:443", "index.html", "**", "mailto:a", "\"a\""];

fn method(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..10) {
        0 => pick(random, KNOWN).to_vec(),
        1 | 2 => text(random, 32, TOKEN),
        _ => pick(random, REGISTERED).to_vec(),
    }
}

/// A target that every method takes.
fn target(random: &mut impl Rng) -> Vec<u8> {
    match random.random_range(0..10) {
        0 => b"*".to_vec(),
        1 => b"http://example.com/".to_vec(),
        2 => b"a+b-c.9://h".to_vec(),
        3 => [&b"/"[..], &text(random, 8000, TARGET)].concat(),
        4 => b"/".to_vec(),
        _ => [&b"/"[..], &text(random, 60, TARGET)].concat(),
    }
}

fn space(random: &mut impl Rng) -> Vec<u8> {
    if random.random_bool(0.8) {
        return b" ".to_vec();
    }
    (0..random.random_range(1..5))
        .flat_map(|_| pick(random, &[" ", "\t", "\x0b", "\x0c"]).to_vec())
        .collect()
}

fn line_end(random: &mut impl Rng) -> &'static [u8] {
    pick(random, &["\r\n", "\r\n", "\n"])
}

/// A ClientHello with random bytes in it.
pub(crate) fn tls_hello(random: &mut impl Rng) -> Vec<u8> {
    let body = bytes(random, 1600);
    let size = (body.len() as u16 + 4).to_be_bytes();
    [
        &[22, 3, 1, size[0], size[1], 1, 0][..],
        &(body.len() as u16).to_be_bytes(),
        &body,
    ]
    .concat()
}

fn bytes(random: &mut impl Rng, most: usize) -> Vec<u8> {
    (0..random.random_range(1..=most))
        .map(|_| random.random())
        .collect()
}

fn text(random: &mut impl Rng, most: usize, alphabet: &[u8]) -> Vec<u8> {
    (0..random.random_range(1..=most))
        .map(|_| *alphabet.choose(random).unwrap_or(&b'x'))
        .collect()
}

fn pick(random: &mut impl Rng, of: &[&'static str]) -> &'static [u8] {
    of.choose(random).copied().unwrap_or_default().as_bytes()
}

/// The number of bytes that decide an HTTP stream.
pub(crate) fn decided_at(stream: &[u8]) -> usize {
    let mut classifier = classifier::Classifier::new();
    classifier.feed(stream);
    classifier.offset() as usize
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::oracle::forbidden;

    #[test]
    fn http_is_http_and_the_rest_is_none() {
        for seed in 0..2000 {
            let random = &mut ChaCha8Rng::seed_from_u64(seed);
            let stream = http(random);
            assert!(forbidden(&stream).is_some(), "{}", stream.escape_ascii());
            let stream = near_miss(random);
            assert!(forbidden(&stream).is_none(), "{}", stream.escape_ascii());
        }
    }
}
