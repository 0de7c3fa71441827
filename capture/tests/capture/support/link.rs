// SPDX-License-Identifier: GPL-2.0
//! Frames of all links, around the packets of segments.

use etherparse::{LinuxSllPacketType, PacketBuilder, VlanId};

use super::segment::Segment;

/// A name, a link type, and how a frame of it is made.
pub type Link = (&'static str, u32, fn(&Segment) -> Vec<u8>);

/// Those that carry IP of either version.
#[rustfmt::skip]
pub const LINKS: &[Link] = &[
    ("Ethernet", 1, Segment::frame),
    ("Ethernet, a VLAN", 1, |segment| {
        segment.behind(PacketBuilder::ethernet2([2; 6], [4; 6]).single_vlan(vlan(5)).ip(segment.ip()))
    }),
    ("Ethernet, a VLAN in another", 1, |segment| {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        segment.behind(ethernet.double_vlan(vlan(5), vlan(6)).ip(segment.ip()))
    }),
    ("Ethernet, PPPoE", 1, |segment| [&[2; 12], &[0x88, 0x64][..], &pppoe(segment)].concat()),
    ("Ethernet, PPPoE in a VLAN", 1, |segment| {
        [&[2; 12], &[0x81, 0, 0, 5, 0x88, 0x64][..], &pppoe(segment)].concat()
    }),
    ("BSD's loopback, little-endian", 0, |segment| behind(&[family(segment), 0, 0, 0], segment)),
    ("BSD's loopback, big-endian", 0, |segment| behind(&[0, 0, 0, family(segment)], segment)),
    ("OpenBSD's loopback", 108, |segment| behind(&[0, 0, 0, family(segment)], segment)),
    ("PPP", 9, ppp),
    ("PPP, a short protocol number", 9, |segment| ppp(segment)[1..].to_vec()),
    ("PPP like HDLC", 9, |segment| [&[0xff, 0x03], &ppp(segment)[..]].concat()),
    ("PPPoE", 51, pppoe),
    ("raw, by BSD's number", 12, Segment::packet),
    ("raw, by OpenBSD's number", 14, Segment::packet),
    ("raw", 101, Segment::packet),
    ("Cisco's HDLC", 104, |segment| behind(&[&[0x0f, 0], &ether_type(segment)[..]].concat(), segment)),
    ("Linux cooked, version 1", 113, |segment| {
        let cooked = PacketBuilder::linux_sll(LinuxSllPacketType::HOST, 6, [2; 8]);
        segment.behind(cooked.ip(segment.ip()))
    }),
    ("Linux cooked, version 2", 276, |segment| {
        // The interface's number, its kind, the packet's direction, and an address.
        let rest = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        behind(&[&ether_type(segment), &rest[..]].concat(), segment)
    }),
    ("InfiniBand", 242, |segment| {
        behind(&[&[2; 40], &ether_type(segment)[..], &[0, 0]].concat(), segment)
    }),
];

/// Those that carry IPv4 alone.
pub const V4_LINKS: &[Link] = &[
    ("raw IPv4", 228, Segment::packet),
    ("ARCNET", 7, |segment| behind(&[1, 2, 240], segment)),
    ("ARCNET, RFC 1201", 7, |segment| {
        behind(&[1, 2, 212, 0, 0, 9], segment)
    }),
    ("ARCNET of Linux", 129, |segment| {
        behind(&[1, 2, 0, 0, 240], segment)
    }),
];

/// Those that carry IPv6 alone.
pub const V6_LINKS: &[Link] = &[("raw IPv6", 229, Segment::packet)];

fn behind(header: &[u8], segment: &Segment) -> Vec<u8> {
    [header, &segment.packet()].concat()
}

fn is_v4(segment: &Segment) -> bool {
    segment.source.is_ipv4()
}

fn vlan(id: u16) -> VlanId {
    VlanId::try_new(id).unwrap()
}

fn ether_type(segment: &Segment) -> [u8; 2] {
    if is_v4(segment) {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    }
}

/// The number of an address family: the BSDs agree on that of IPv4 alone.
fn family(segment: &Segment) -> u8 {
    if is_v4(segment) {
        2
    } else {
        24
    }
}

fn ppp(segment: &Segment) -> Vec<u8> {
    let protocol = if is_v4(segment) { 0x21 } else { 0x57 };
    behind(&[0, protocol], segment)
}

fn pppoe(segment: &Segment) -> Vec<u8> {
    let ppp = ppp(segment);
    let [high, low] = (ppp.len() as u16).to_be_bytes();
    [&[0x11, 0, 0, 1, high, low], &ppp[..]].concat()
}
