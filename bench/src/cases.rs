// SPDX-License-Identifier: GPL-2.0

//! The cases: in which state the sockets are, and what comes.

/// How the connections stand before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Nothing was received.
    New,
    /// The start of a TLS stream was received: enough to know that it is not HTTP.
    Decided,
}

/// A kind of segment, and the connections that it comes to.
pub(crate) struct Case {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    pub(crate) stand: Stand,
    pub(crate) data: Vec<u8>,
    /// Whether the data lie in page fragments, as those of GRO.
    pub(crate) paged: bool,
    /// Whether it comes again and again; otherwise once to each connection.
    pub(crate) repeated: bool,
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

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, stand, data, paged, repeated| Case {
        name,
        stand,
        data,
        paged,
        repeated,
    };
    let (ssh, redis) = (
        b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n",
        b"*1\r\n$4\r\nPING\r\n",
    );
    vec![
        case("ACK", Stand::Decided, vec![], false, true),
        case("1448 B", Stand::Decided, vec![0x5a; 1448], false, true),
        case(
            "1448 B, paged",
            Stand::Decided,
            vec![0x5a; 1448],
            true,
            true,
        ),
        case(
            "60 kB, paged",
            Stand::Decided,
            vec![0x5a; 60_000],
            true,
            true,
        ),
        case("TLS hello, first", Stand::New, tls_hello(), false, false),
        case("TLS hello, again", Stand::New, tls_hello(), false, true),
        case("SSH banner, first", Stand::New, ssh.to_vec(), false, false),
        case(
            "Redis PING, first",
            Stand::New,
            redis.to_vec(),
            false,
            false,
        ),
        case("GET 82 B, first", Stand::New, get(82), false, false),
        case("GET 700 B, first", Stand::New, get(700), false, false),
        case("GET 8 kB, first", Stand::New, get(8000), true, false),
        case("GET 60 kB, first", Stand::New, get(60_000), true, false),
        case("GET 82 B, again", Stand::New, get(82), false, true),
        case("GET 700 B, again", Stand::New, get(700), false, true),
        case("GET 60 kB, again", Stand::New, get(60_000), true, true),
    ]
}
