// SPDX-License-Identifier: GPL-2.0

//! The cases: what the connections have received before, and what comes.

use crate::device::Layout;

/// A kind of segment, and the connections that it comes to.
#[derive(Clone)]
pub(crate) struct Case {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// What the connections have received.
    pub(crate) received: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) layout: Layout,
    /// How many other segments wait behind it, in the connections' out-of-order queues.
    pub(crate) queued: usize,
    /// Whether it comes again and again; otherwise once to each connection.
    pub(crate) repeated: bool,
    /// Whether it is also measured while other connections of the host are undecided.
    pub(crate) beside_undecided: bool,
}

/// One that comes once to each connection, the first of it.
fn first(name: &'static str, data: impl Into<Vec<u8>>) -> Case {
    Case {
        name,
        received: Vec::new(),
        data: data.into(),
        layout: Layout::Linear,
        queued: 0,
        repeated: false,
        beside_undecided: false,
    }
}

/// One that comes again and again to connections that have received nothing.
fn again(name: &'static str, data: impl Into<Vec<u8>>) -> Case {
    Case {
        repeated: true,
        ..first(name, data)
    }
}

/// The same behind what the connections have received.
fn behind(received: impl Into<Vec<u8>>, case: Case) -> Case {
    Case {
        received: received.into(),
        ..case
    }
}

/// One that comes again and again to connections that have received enough to know that they are
/// not HTTP.
fn past(received: &[u8], name: &'static str, len: usize) -> Case {
    Case {
        beside_undecided: true,
        ..behind(received, again(name, vec![0x5a; len]))
    }
}

fn paged(case: Case) -> Case {
    Case {
        layout: Layout::Paged,
        ..case
    }
}

fn listed(case: Case) -> Case {
    Case {
        layout: Layout::Listed,
        ..case
    }
}

/// One that fills the gap before so many others.
fn before(queued: usize, case: Case) -> Case {
    Case { queued, ..case }
}

fn beside_undecided(case: Case) -> Case {
    Case {
        beside_undecided: true,
        ..case
    }
}

/// A request whose first line and headers have so many bytes.
pub(crate) fn get(len: usize) -> Vec<u8> {
    let (begin, end) = ("GET /", " HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let target = "a".repeat(len.saturating_sub(begin.len() + end.len()));
    [begin, &target, end].concat().into_bytes()
}

/// A record of TLS with a ClientHello of the usual length.
pub(crate) fn tls_hello() -> Vec<u8> {
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.resize(517, 0x5a);
    hello
}

/// The byte of a request that has so many before it, each of them sent by itself.
fn byte_of_get(name: &'static str, offset: usize) -> Case {
    let request = get(82);
    behind(&request[..offset], first(name, &request[offset..=offset]))
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let hello = tls_hello();
    let (ssh, redis) = (
        b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n",
        b"*1\r\n$4\r\nPING\r\n",
    );
    let decides = get(82).len() - b".1\r\nHost: example.com\r\n\r\n".len() - 1;
    vec![
        past(&hello, "ACK", 0),
        past(&hello[..64], "64 B behind 64 B", 64),
        past(&hello, "1448 B", 1448),
        paged(past(&hello, "1448 B, paged", 1448)),
        paged(past(&hello, "60 kB, paged", 60_000)),
        past(&hello.repeat(256), "1448 B behind 132 kB", 1448),
        beside_undecided(first("TLS hello, first", hello.clone())),
        again("TLS hello, again", hello),
        first("SSH banner, first", ssh),
        first("Redis PING, first", redis),
        first("GET 82 B, first", get(82)),
        first("GET 700 B, first", get(700)),
        paged(first("GET 8 kB, first", get(8000))),
        paged(first("GET 60 kB, first", get(60_000))),
        again("GET 82 B, again", get(82)),
        again("GET 700 B, again", get(700)),
        paged(again("GET 60 kB, again", get(60_000))),
        byte_of_get("GET by bytes, the 2nd", 1),
        byte_of_get("GET by bytes, the 40th", 39),
        byte_of_get("GET by bytes, the one that decides", decides),
        // As many as the kernel keeps at once, by default.
        listed(first("GET in 5,000 fragments, first", get(40_000))),
        before(5000, first("GET before 5,000 in the queue", "GET /")),
    ]
}
