// SPDX-License-Identifier: GPL-2.0
//! Files of all kinds, and what is no capture or not a whole one.

use std::io::{self, Read};

use capture::Error;

use crate::support::file::record;
use crate::support::*;

/// Where the header and each packet or block of a file ends.
fn ends(file: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut order = order_of(&file[..4]);
    while let Some(&at) = ends.last().filter(|&&at| at < file.len()) {
        let word = |offset: usize| -> [u8; 4] { file[at + offset..][..4].try_into().unwrap() };
        let length = if file.starts_with(&PCAPNG) {
            if word(0) == PCAPNG {
                order = order_of(&word(8));
            }
            number(order, word(4))
        } else if at == 0 {
            24
        } else {
            16 + number(order, word(8))
        };
        ends.push(at + length);
    }
    ends
}

const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The order in which these bytes are a magic number.
fn order_of(magic: &[u8]) -> Order {
    match magic[0] {
        0xa1 | 0x1a => Order::Big,
        _ => Order::Little,
    }
}

fn number(order: Order, bytes: [u8; 4]) -> usize {
    let number = u32::from_le_bytes(bytes);
    match order {
        Order::Little => number as usize,
        Order::Big => number.swap_bytes() as usize,
    }
}

#[test]
fn files_of_every_kind_are_read() {
    let count = samples::conversation().len() as u64;
    for (name, file) in samples::files() {
        let found = read_all(&*file);
        assert_eq!(found.descriptions(), [HTTP1, FOUND_OTHER], "{name}");
        assert!(found.error.is_none(), "{name}");
        assert_eq!(found.summary.packets, count, "{name}");
    }
}

#[test]
fn packet_blocks_of_old_are_read() {
    for order in [Order::Little, Order::Big] {
        let mut file = PcapNg::new(order).interface(RAW).interface(ETHERNET);
        for segment in samples::conversation() {
            let frame = segment.frame();
            let length = order.u32(frame.len() as u32);
            // The interface, a count of lost packets, the time, the captured length and that on the wire.
            let header = [
                &order.u16(1)[..],
                &[0xff; 2],
                &[0; 8],
                &length[..],
                &length[..],
            ];
            file = file.block(2, &[header.concat(), frame].concat());
        }
        // One that is cut within its header, and one whose packet is larger.
        let file = file.block(2, &[0; 12]).block(2, &[0xff; 24]).bytes();
        let found = read_all(&*file);
        assert_eq!(found.descriptions(), [HTTP1, FOUND_OTHER]);
        assert_eq!(found.summary.packets, samples::conversation().len() as u64);
    }
}

#[test]
fn samples_have_a_request_each() {
    for (name, file) in samples::all() {
        assert_eq!(read_all(&*file).descriptions()[0], HTTP1, "{name}");
    }
}

#[test]
fn what_is_no_capture_is_an_error() {
    let cases: [(&[u8], &str); 6] = [
        (b"GET / HTTP/1.1\r\n", "it begins like neither"),
        (b"\0\0\0\0", "it begins like neither"),
        (b"\x1f\x8b\x08\x00", "it is compressed, run gunzip first"),
        (b"\x28\xb5\x2f\xfd", "it is compressed, run unzstd first"),
        (b"\xfd7zXZ\x00", "it is compressed, run unxz first"),
        (b"BZh91AY&SY", "it is compressed, run bunzip2 first"),
    ];
    for (start, what) in cases {
        // Shorter than a pcap file's header, and longer.
        assert_is_no_capture(start, what);
        assert_is_no_capture(&[start, &[0; 100]].concat(), what);
    }
    assert_is_no_capture(b"", "it is empty");
    assert_is_no_capture(b"\xd4\xc3\xb2", "it has less than 4 bytes");
}

fn assert_is_no_capture(file: &[u8], what: &str) {
    let error = read_all(file).error.unwrap();
    let message = format!("not a capture (pcap or pcapng): {what}");
    assert_eq!(error.to_string(), message);
    assert!(!error.is_partial());
}

#[test]
fn a_file_may_be_cut_off_at_any_byte() {
    for (name, file) in [samples::files(), samples::fragmented()].concat() {
        let ends = ends(&file);
        assert_eq!(ends.last(), Some(&file.len()), "{name}");
        for length in 4..file.len() {
            let cut = read_all(&file[..length]);
            let end = *ends.iter().rfind(|&&end| end <= length).unwrap();
            let whole = read_all(&file[..end]);
            if end > 0 {
                assert!(whole.error.is_none(), "{name}: {end}");
                assert_eq!(cut.findings, whole.findings, "{name}: {length}");
                assert_eq!(cut.summary, whole.summary, "{name}: {length}");
            }
            match cut.error {
                None => assert_eq!(end, length, "{name}"),
                Some(error @ Error::CutOff { at }) => {
                    assert_eq!(at as usize, end, "{name}: {length}");
                    assert!(end < length && error.is_partial());
                }
                // Until its order is known.
                Some(Error::Damaged { at: 0, .. }) if length < 12 => {}
                error => panic!("{name}: {length}: {error:?}"),
            }
        }
    }
}

#[test]
fn an_error_says_where_it_is() {
    let cut = read_all(&samples::files()[0].1[..100]).error.unwrap();
    let message = "cut off: it ends within a packet, which begins at byte 94";
    assert_eq!(cut.to_string(), message);
}

#[test]
fn behind_absurd_lengths_nothing_is_read() {
    let frames = samples::conversation();
    let frames = frames.iter().map(Segment::frame);
    for order in [Order::Little, Order::Big] {
        let pcap = file::pcap_of(
            order,
            file::Precision::Microseconds,
            ETHERNET,
            frames.clone(),
        );
        for length in [
            1 << 24,
            i32::MAX as u32,
            i32::MAX as u32 + 1,
            u32::MAX - 16,
            u32::MAX,
        ] {
            let mut absurd = record(order, &[0; 100]);
            absurd[8..12].copy_from_slice(&order.u32(length));
            assert_nothing_is_read(&pcap, &absurd);
        }
        let pcapng = PcapNg::new(order)
            .interface(ETHERNET)
            .packets(frames.clone())
            .bytes();
        for kind in [1, 2, 3, 5, 6, 0x0a0d_0d0a, 0x4000_0bad, 0x8000_0001] {
            for length in [0, 1, 8, 11, 1 << 25, u32::MAX - 3, u32::MAX] {
                let lengths = [kind, length].map(|number| order.u32(number));
                let absurd = [lengths.as_flattened(), &[0xff; 100]].concat();
                assert_nothing_is_read(&pcapng, &absurd);
            }
        }
        // A packet that is larger than its block.
        for length in [13, 1 << 20, u32::MAX - 5, u32::MAX - 4, u32::MAX] {
            let mut block = PcapNg::new(order).bytes();
            let at = block.len() + 20;
            block = PcapNg::new(order).packet(0, &[0; 12]).bytes();
            block[at..at + 4].copy_from_slice(&order.u32(length));
            assert_nothing_is_read(&pcapng, &block[at - 20..]);
        }
    }
}

/// Asserts that a file is read up to what follows, where it ends and where it goes on without an end.
fn assert_nothing_is_read(file: &[u8], absurd: &[u8]) {
    let whole = read_all(file);
    assert_eq!(whole.descriptions(), [HTTP1, FOUND_OTHER]);
    let ending = read_all(file.chain(absurd));
    let endless = read_all(file.chain(absurd).chain(io::repeat(0)));
    for found in [ending, endless] {
        assert_eq!(found.findings, whole.findings, "{absurd:x?}");
        assert_eq!(found.summary, whole.summary, "{absurd:x?}");
        let error = found.error.unwrap();
        assert!(error.is_partial());
        let (Error::CutOff { at } | Error::TooLarge { at, .. } | Error::Damaged { at, .. }) = error
        else {
            panic!("{absurd:x?}: {error:?}");
        };
        assert_eq!(at as usize, file.len(), "{absurd:x?}");
    }
}

#[test]
fn damage_does_no_harm() {
    // Marsaglia's generator: the same bytes in each run.
    let mut state = 0x9e37_79b9_u32;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    for (name, file) in samples::all() {
        for _ in 0..100 {
            let mut damaged = file.clone();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                match random(4) {
                    0 => damaged[at] = random(256) as u8,
                    1 => damaged[at] ^= 1 << random(8),
                    2 => damaged.insert(at, random(256) as u8),
                    _ => drop(damaged.drain(at..damaged.len().min(at + random(20)))),
                }
            }
            let found = read_all(&*damaged);
            // The smallest header of a packet has 16 bytes.
            assert!(
                found.summary.packets <= file.len() as u64 / 16 + 20,
                "{name}"
            );
            assert!(
                found.findings.len() as u64 <= found.summary.packets,
                "{name}"
            );
        }
    }
}

/// Gives a byte at a time, and is interrupted before each.
struct Slow<'a> {
    rest: &'a [u8],
    is_interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(1);
        self.rest.read(&mut buffer[..length])
    }
}

#[test]
fn a_reader_may_give_little_at_once() {
    for (name, file) in [samples::files(), samples::fragmented()].concat() {
        for rest in [&file[..], &file[..file.len() - 1]] {
            let slow = Slow {
                rest,
                is_interrupted: false,
            };
            let (slow, fast) = (read_all(slow), read_all(rest));
            assert_eq!(format!("{slow:?}"), format!("{fast:?}"), "{name}");
        }
    }
}

/// Gives all there is, and fails then.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::Error::other("the disk is on fire")),
            read => read,
        }
    }
}

#[test]
fn a_failure_to_read_is_an_error() {
    for (name, file) in samples::files() {
        let last_end = ends(&file).into_iter().rev().nth(2).unwrap();
        for length in [0, 3, 10, 24, 30, 100, last_end, last_end + 1, file.len()] {
            let found = read_all(Failing(&file[..length]));
            let whole = read_all(&file[..length]);
            assert_eq!(found.findings, whole.findings, "{name}: {length}");
            let error = found.error.unwrap();
            assert!(!error.is_partial());
            let Error::Io(error) = error else {
                panic!("{name}: {length}: {error:?}");
            };
            assert_eq!(error.to_string(), "the disk is on fire", "{name}: {length}");
        }
    }
}

/// A pcap and a pcapng file of these frames, the latter's numbers in this order.
fn in_both_formats(order: Order, frames: &[Vec<u8>]) -> [Vec<u8>; 2] {
    let pcapng = PcapNg::new(order).interface(ETHERNET).packets(frames);
    [unlimited_pcap(frames), pcapng.bytes()]
}

/// A pcap file whose header allows for packets of any size.
fn unlimited_pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap(ETHERNET, frames);
    file[16..20].copy_from_slice(&i32::MAX.to_le_bytes());
    file
}

#[test]
fn packets_may_be_larger_than_the_buffer() {
    let connection = Connection::v4();
    let segments = [
        connection.syn(),
        connection.of_client(0, &REQUEST[..8]),
        connection.of_client(8, &REQUEST[8..]),
    ];
    // The buffer's size, and others up to some times as much.
    let around = |size: usize| [size - 16, size, size + 1];
    for size in [around(1 << 18), around(1 << 20), around(3 << 20)].concat() {
        let mut frames = segments.clone().map(|segment| segment.frame());
        // What is behind an IP packet does not count.
        frames[1].resize(size, b'?');
        for file in in_both_formats(Order::Big, &frames) {
            let found = read_all(&*file);
            assert_eq!(found.descriptions(), [HTTP1], "{size}");
            assert!(found.error.is_none());
        }
    }
    // There is an end to that too.
    let mut frames = segments.map(|segment| segment.frame());
    frames[1].resize(20 << 20, b'?');
    let at = 24 + 16 + frames[0].len();
    let told = |file: &[u8]| {
        let found = read_all(file);
        assert_eq!(found.descriptions(), ["too little data"]);
        found.error.unwrap().to_string()
    };
    let message = format!("damaged at byte {at}: a packet of impossible size");
    assert_eq!(told(&unlimited_pcap(&frames)), message);
    let message = format!(
        "damaged at byte {at}: a packet is said to have 20971520 bytes, but may have 262144"
    );
    assert_eq!(told(&pcap(ETHERNET, &frames)), message);
}

#[test]
fn files_larger_than_the_buffer_are_read_to_their_end() {
    let connection = Connection::v4();
    let bulk = connection.of_server(0, &[0; 1400]).frame();
    let mut frames = vec![bulk; 4000];
    let (first, last) = (connection.syn(), connection.of_client(0, REQUEST));
    frames.insert(0, first.frame());
    frames.push(last.frame());
    for file in in_both_formats(Order::Little, &frames) {
        let found = read_all(&*file);
        assert_eq!(found.descriptions(), [HTTP1]);
        assert_eq!(found.summary.packets, 4002);
    }
}

#[test]
fn what_a_simple_packet_is_padded_with_does_not_count() {
    let connection = Connection::v4();
    let frames = [
        connection.syn().frame(),
        connection.of_client(0, REQUEST).frame(),
        connection.of_client(13, &REQUEST[13..24]).frame(),
    ];
    let snaplen = frames[1].len() - REQUEST.len() + 13;
    assert_ne!(snaplen % 4, 0);
    for order in [Order::Little, Order::Big] {
        let file = PcapNg::new(order).cutting_interface(ETHERNET, snaplen as u32);
        let file = frames.iter().fold(file, |file, frame| {
            let captured = &frame[..snaplen.min(frame.len())];
            file.simple(captured, frame.len() as u32)
        });
        assert_eq!(read_all(&*file.bytes()).descriptions(), [HTTP1]);
    }
}
