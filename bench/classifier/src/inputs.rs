// SPDX-License-Identifier: GPL-2.0

//! What is read.

/// A request's first line, of so many bytes.
fn line(len: usize) -> Vec<u8> {
    let (begin, end) = ("GET /", " HTTP/1.1\r\n");
    let target = "images/cat_01.png?width=640&".bytes().cycle();
    let target = target.take(len.saturating_sub(begin.len() + end.len()));
    begin.bytes().chain(target).chain(end.bytes()).collect()
}

/// A record of TLS with a ClientHello of the usual length.
fn tls_hello() -> Vec<u8> {
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.extend(random(517 - hello.len()));
    hello
}

/// So many bytes of Marsaglia's xorshift: the same ones each time.
fn random(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The inputs with their names.
pub fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("line of 82 B", line(82)),
        ("line of 700 B", line(700)),
        ("line of 8 kB", line(8000)),
        ("TLS hello, 517 B", tls_hello()),
        ("random, 1448 B", random(1448)),
    ]
}
