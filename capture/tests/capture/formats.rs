// SPDX-License-Identifier: GPL-2.0
//! Capture files of both formats.

/// The link types that most tests use: raw IP, and Ethernet.
pub(crate) const RAW: u32 = 101;
pub(crate) const ETHERNET: u32 = 1;

/// A pcap file, in the order of bytes of most machines.
pub(crate) fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    pcap_in(
        0xa1b2_c3d4,
        u32::to_le_bytes,
        u16::to_le_bytes,
        link,
        packets,
    )
}

/// One of this magic number, in this order.
pub(crate) fn pcap_in(
    magic: u32,
    u32_bytes: fn(u32) -> [u8; 4],
    u16_bytes: fn(u16) -> [u8; 2],
    link: u32,
    packets: &[Vec<u8>],
) -> Vec<u8> {
    let mut file = u32_bytes(magic).to_vec();
    file.extend([u16_bytes(2), u16_bytes(4)].concat());
    file.extend([0, 0, 1 << 18, link].map(u32_bytes).concat());
    for packet in packets {
        let length = packet.len() as u32;
        file.extend([0, 0, length, length].map(u32_bytes).concat());
        file.extend(packet);
    }
    file
}

/// A block of a pcapng file.
pub(crate) fn block(kind: u32, big: bool, body: &[u8]) -> Vec<u8> {
    let number = |number: u32| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let padded = body.len().next_multiple_of(4);
    let mut block = [number(kind), number(padded as u32 + 12)].concat();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(number(padded as u32 + 12));
    block
}

/// A section of a pcapng file with interfaces of these link types and, from one of them, packets.
pub(crate) fn section(big: bool, links: &[u16], interface: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let long = |number: u32| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let short = |number: u16| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let header = [&long(0x1a2b_3c4d)[..], &short(1), &short(0), &[0xff; 8]].concat();
    let mut section = block(0x0a0d_0d0a, big, &header);
    for &link in links {
        section.extend(block(
            1,
            big,
            &[&short(link)[..], &[0; 2], &long(0)].concat(),
        ));
    }
    for packet in packets {
        let length = long(packet.len() as u32);
        let body = [&long(interface)[..], &[0; 8], &length, &length, packet].concat();
        section.extend(block(6, big, &body));
    }
    section
}
