// SPDX-License-Identifier: GPL-2.0
//! Files of all formats, sound and damaged.

use std::io::{self, Read};

use capture::{Error, Judge};
use classifier::Verdict::Http1;

use crate::formats::{block, pcap, pcap_in, section, ETHERNET, RAW};
use crate::support::{judge, Connection, REQUEST};

fn packets() -> Vec<Vec<u8>> {
    Connection::open().data(0, REQUEST).packets
}

/// Whether a file tells of the one request.
#[track_caller]
fn assert_found(file: &[u8]) {
    let (flows, end, summary) = judge(file);
    assert!(end.is_none(), "{end:?}");
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].outcome, Ok(Http1));
    assert_eq!(summary.packets, 3);
}

#[test]
fn pcap_of_all_kinds() {
    for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
        assert_found(&pcap_in(
            magic,
            u32::to_le_bytes,
            u16::to_le_bytes,
            RAW,
            &packets(),
        ));
        assert_found(&pcap_in(
            magic,
            u32::to_be_bytes,
            u16::to_be_bytes,
            RAW,
            &packets(),
        ));
    }
}

#[test]
fn pcapng_of_all_kinds() {
    for big in [false, true] {
        assert_found(&section(big, &[RAW as u16], 0, &packets()));
        assert_found(&section(big, &[ETHERNET as u16, RAW as u16], 1, &packets()));
    }
    // A block that is not known is passed over.
    let mut file = section(false, &[RAW as u16], 0, &packets());
    file.extend(block(0x4000_0001, false, b"something"));
    assert_found(&file);
    // Simple packets are of the first interface.
    let mut file = section(false, &[RAW as u16], 0, &[]);
    for packet in packets() {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend(block(3, false, &[&length[..], &packet].concat()));
    }
    assert_found(&file);
}

#[test]
fn each_section_has_its_own_interfaces_and_order() {
    let [first, rest @ ..] = &packets()[..] else {
        panic!()
    };
    let mut file = section(false, &[RAW as u16], 0, &[first.clone()]);
    file.extend(section(true, &[ETHERNET as u16, RAW as u16], 1, rest));
    assert_found(&file);
}

#[test]
fn a_packet_of_an_undescribed_interface_is_left_out() {
    let (flows, end, summary) = judge(&section(false, &[RAW as u16], 1, &packets()));
    assert!(flows.is_empty() && end.is_none());
    assert_eq!(summary.unknown.values().sum::<u64>(), 3);
}

#[test]
fn what_is_no_capture_is_told_what_it_is() {
    for (file, text) in [
        (&b""[..], "it is empty"),
        (b"abc", "less than 4 bytes"),
        (
            b"Once upon a time there was a text file.",
            "begins like neither",
        ),
        (
            b"\x1f\x8b\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "run gunzip",
        ),
        (
            b"\x28\xb5\x2f\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "run unzstd",
        ),
        (
            b"\xfd7zXZ\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "run unxz",
        ),
    ] {
        let (_, end, _) = judge(file);
        let error = end.expect("an error");
        assert!(!error.is_partial());
        let said = error.to_string();
        assert!(
            said.starts_with("not a capture") && said.contains(text),
            "{said}"
        );
    }
}

#[test]
fn a_file_that_is_cut_off_is_read_as_far_as_it_goes() {
    let mut more = packets();
    more.extend(
        Connection::of_port(1024)
            .syn()
            .syn_ack()
            .data(0, REQUEST)
            .packets,
    );
    for (file, header) in [
        (pcap(RAW, &more), 24),
        (section(false, &[RAW as u16], 0, &more), 28),
    ] {
        let whole = judge(&file).2.packets;
        let mut seen = 0;
        for length in header..file.len() {
            let (flows, end, summary) = judge(&file[..length]);
            seen = seen.max(summary.packets);
            assert_eq!(summary.packets, seen, "at {length}");
            assert_eq!(
                flows.len(),
                usize::from(seen > 0) + usize::from(seen > 3),
                "at {length}"
            );
            match end {
                // Between two packets.
                None => {}
                Some(Error::CutOff { at }) => assert!(at < length as u64),
                Some(error) => panic!("at {length}: {error}"),
            }
        }
        assert_eq!(seen, whole - 1);
        for length in 4..header {
            let (_, end, _) = judge(&file[..length]);
            assert!(
                matches!(
                    end,
                    Some(Error::CutOff { at: 0 } | Error::Damaged { at: 0, .. })
                ),
                "at {length}: {end:?}"
            );
        }
    }
}

#[test]
fn damage_is_told_with_its_place() {
    let mut file = pcap(RAW, &packets());
    let second = 24 + 16 + 40;
    file[second + 8..second + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    file.resize(20 << 20, 0);
    let (flows, end, summary) = judge(&file);
    assert_eq!((flows.len(), summary.packets), (1, 1));
    let error = end.expect("an error");
    assert!(error.is_partial());
    assert_eq!(
        error.to_string(),
        format!("damaged at byte {second}: a packet of impossible size")
    );

    let mut file = section(false, &[RAW as u16], 0, &packets());
    let at = file.len();
    file.extend([&6_u32.to_le_bytes()[..], &13_u32.to_le_bytes(), &[0; 40]].concat());
    let (flows, end, _) = judge(&file);
    assert_eq!(flows.len(), 1);
    let said = end.expect("an error").to_string();
    assert!(said.starts_with(&format!("damaged at byte {at}")), "{said}");
}

#[test]
fn a_block_shorter_than_any_can_be_is_damage() {
    for big in [false, true] {
        let number = |number: u32| {
            if big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        let mut file = section(big, &[RAW as u16], 0, &packets());
        let at = file.len();
        // Process information, of which the parser takes any size.
        file.extend([&number(0x8000_0001)[..], &number(11), &[0; 40]].concat());
        let (flows, end, _) = judge(&file);
        let said = end.expect("an error").to_string();
        assert_eq!(
            (flows.len(), said),
            (
                1,
                format!("damaged at byte {at}: a block of impossible size")
            )
        );
    }
}

#[test]
fn no_byte_that_is_changed_is_fatal() {
    for file in [
        pcap(RAW, &packets()),
        section(true, &[RAW as u16], 0, &packets()),
    ] {
        for at in 0..file.len() {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let (flows, _, _) = judge(&damaged);
                assert!(flows.len() <= 3, "{value} at {at}");
            }
        }
    }
}

#[test]
fn a_packet_may_be_larger_than_the_buffer() {
    let mut packets = packets();
    packets.insert(0, vec![0; 3 << 20]);
    for file in [
        pcap(RAW, &packets),
        section(false, &[RAW as u16], 0, &packets),
    ] {
        let (flows, end, summary) = judge(&file);
        assert!(end.is_none(), "{end:?}");
        assert_eq!((flows.len(), summary.packets), (1, 4));
        assert_eq!(flows[0].outcome, Ok(Http1));
    }
}

/// Gives a byte at a time, and in the end an error instead of none.
struct Trickle<'a>(&'a [u8], Option<io::ErrorKind>);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((&byte, rest)) = self.0.split_first() else {
            return self.1.map_or(Ok(0), |kind| Err(kind.into()));
        };
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        *first = byte;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn a_pipe_may_give_a_byte_at_a_time() {
    for file in [
        pcap(RAW, &packets()),
        section(false, &[RAW as u16], 0, &packets()),
    ] {
        let told: Vec<_> = Judge::open(Trickle(&file, None))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(told, judge(&file).0);
        assert_eq!(told.len(), 1);
    }
}

#[test]
fn an_error_of_reading_is_told_as_it_is() {
    let file = pcap(RAW, &packets());
    for (length, flows) in [(0, 0), (10, 0), (100, 1), (file.len(), 1)] {
        let trickle = Trickle(&file[..length], Some(io::ErrorKind::PermissionDenied));
        let told: Vec<_> = match Judge::open(trickle) {
            Ok(judge) => judge.collect(),
            Err(error) => vec![Err(error)],
        };
        assert_eq!(told.len(), flows + 1, "{length}");
        let Some(Err(error @ Error::Io(io))) = told.last() else {
            panic!("{length}: {:?}", told.last())
        };
        assert_eq!(io.kind(), io::ErrorKind::PermissionDenied);
        assert!(!error.is_partial());
    }
}
