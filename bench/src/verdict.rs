// SPDX-License-Identifier: GPL-2.0

//! A verdict from user space: the least that a program behind NFQUEUE does.

use anyhow::Result;
use nfq::{Queue, Verdict};

/// The same as in tests/peers/methods.nft.
const METHODS: [&[u8; 4]; 9] = [
    b"CONN", b"DELE", b"GET ", b"HEAD", b"OPTI", b"PATC", b"POST", b"PUT ", b"TRAC",
];

/// TCP's data, if it is a TCP segment.
fn data(packet: &[u8]) -> Option<&[u8]> {
    let (protocol, header) = match packet.first()? >> 4 {
        4 => (packet.get(9)?, usize::from(packet[0] & 15) * 4),
        _ => (packet.get(6)?, 40),
    };
    let tcp = packet.get(header..).filter(|_| *protocol == 6)?;
    tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)
}

/// Drops what begins with a method, for ever.
pub(crate) fn run() -> Result<()> {
    let mut queue = Queue::open()?;
    queue.bind(0)?;
    loop {
        let mut message = queue.recv()?;
        let begin = data(message.get_payload()).and_then(|data| data.first_chunk());
        message.set_verdict(match begin {
            Some(begin) if METHODS.contains(&begin) => Verdict::Drop,
            _ => Verdict::Accept,
        });
        queue.verdict(message)?;
    }
}
