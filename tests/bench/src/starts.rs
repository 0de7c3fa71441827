// SPDX-License-Identifier: GPL-2.0

//! How streams start.

use rand::{seq::IndexedRandom, Rng, RngCore};

/// The first bytes of a stream, a segment a piece.
pub(crate) struct Start {
    pub(crate) pieces: Vec<Vec<u8>>,
}

impl Start {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// Cut at these places, in order.
    fn cut(bytes: &[u8], mut places: Vec<usize>) -> Self {
        places.sort_unstable();
        places.dedup();
        places.push(bytes.len());
        let mut start = 0;
        let pieces = places.into_iter().map(|end| {
            let piece = bytes[start..end].to_vec();
            start = end;
            piece
        });
        Self {
            pieces: pieces.collect(),
        }
    }
}

/// Like a client of some protocol other than HTTP; in every second stream, in two pieces.
pub(crate) fn other(rng: &mut impl Rng) -> Start {
    let bytes = match rng.random_range(0..8) {
        0..3 => tls_hello(rng),
        3 => b"SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n".to_vec(),
        4 => b"*2\r\n$3\r\nGET\r\n$4\r\npage\r\n".to_vec(),
        5 => b"GET page\r\n".to_vec(),
        6 => b"EHLO client.example.com\r\n".to_vec(),
        _ => b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec(),
    };
    let places = match rng.random() {
        true => vec![rng.random_range(1..bytes.len())],
        false => vec![],
    };
    Start::cut(&bytes, places)
}

/// A first flight of TLS, as long as browsers send.
fn tls_hello(rng: &mut impl RngCore) -> Vec<u8> {
    let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    hello.resize(517, 0);
    rng.fill_bytes(&mut hello[11..]);
    hello
}

/// A request of HTTP in two to four pieces, and how many of its bytes make it one.
pub(crate) fn request(rng: &mut impl Rng) -> (Start, usize) {
    let method = ["GET", "POST", "OPTIONS", "PROPFIND"].choose(rng).unwrap();
    let target = "a".repeat(rng.random_range(0..40));
    let line = format!("{method} /{target} HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let decided = line.find("HTTP/1").unwrap() + "HTTP/1".len();
    let places = (0..rng.random_range(1..4)).map(|_| rng.random_range(1..decided));
    (Start::cut(line.as_bytes(), places.collect()), decided)
}
