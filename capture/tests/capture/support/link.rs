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
    // IEEE 802.2 and RFC 1042: a length, the SAPs and the control of SNAP, an organisation, an EtherType.
    ("Ethernet, SNAP", 1, |segment| {
        let snap = snap(segment);
        [&[2; 12], &(snap.len() as u16).to_be_bytes()[..], &snap].concat()
    }),
    ("Ethernet, SNAP in a VLAN", 1, |segment| {
        let snap = snap(segment);
        [&[2; 12][..], &[0x81, 0, 0, 5], &(snap.len() as u16).to_be_bytes()[..], &snap].concat()
    }),
    // IEEE 802.1Q, 9.5, and two tags of older kinds within.
    ("Ethernet, three VLANs", 1, |segment| {
        let tags = [0x88, 0xa8, 0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 7];
        behind(&[&[2; 12], &tags, &ether_type(segment)[..]].concat(), segment)
    }),
    // IEEE 802.1Q, 9.7: a B-TAG, an I-TAG with its priority and the service 0x010203, the customer's frame.
    ("Ethernet, a backbone's", 1, |segment| {
        let tags = [0x88, 0xa8, 0, 5, 0x88, 0xe7, 0x20, 1, 2, 3];
        [&[2; 12], &tags[..], &ethernet(segment)].concat()
    }),
    // RFC 3032, section 2.1: labels of 20 bits, three of class, S, and a TTL.
    ("Ethernet, MPLS", 1, |segment| {
        behind(&[&[2; 12][..], &[0x88, 0x47], &[0, 1, 0x40, 64], &[0, 2, 0x41, 64][..]].concat(), segment)
    }),
    ("Ethernet, MPLS upstream", 1, |segment| {
        behind(&[&[2; 12][..], &[0x88, 0x48], &[0, 1, 0x41, 64][..]].concat(), segment)
    }),
    // RFC 4448, section 4.6: a control word whose first four bits are 0, and a frame; or the frame alone.
    ("Ethernet, MPLS, a pseudo-wire", 1, |segment| {
        [&[2; 12][..], &[0x88, 0x47], &[0, 1, 0x41, 64], &[0, 0, 0, 9][..], &ethernet(segment)].concat()
    }),
    ("Ethernet, MPLS, a pseudo-wire without a control word", 1, |segment| {
        [&[2; 12][..], &[0x88, 0x47], &[0, 1, 0x41, 64][..], &ethernet(segment)].concat()
    }),
    // IEEE 802.1AE, 9.3: the TCI without E and C, the short length 0, a packet number; and a value to check behind.
    ("Ethernet, MACsec without encryption", 1, |segment| {
        let tag = [&[0x88, 0xe5, 0, 0, 0, 0, 0, 1], &ether_type(segment)[..]].concat();
        [&[2; 12], &tag[..], &segment.packet(), &[7; 16]].concat()
    }),
    // ISO 9314-2, 7.3: the kind of frame, two addresses.
    ("FDDI", 10, |segment| [&[0x50], &[2; 12][..], &snap(segment)].concat()),
    // IEEE 802.5, 3.1: access and frame control, two addresses; and a route of six bytes, which the source's first
    // bit tells of.
    ("Token Ring", 6, |segment| [&[0x10, 0x40], &[2; 12][..], &snap(segment)].concat()),
    ("Token Ring, a route", 6, |segment| {
        let header = [&[0x10, 0x40][..], &[2; 6], &[0x82, 2, 2, 2, 2, 2], &[0x06, 0, 0, 1, 0, 2][..]];
        [&header.concat()[..], &snap(segment)].concat()
    }),
    ("ATM", 100, snap),
    ("PPP on a serial line", 50, |segment| [&[0xff, 0x03], &ppp(segment)[..]].concat()),
    ("Cisco's HDLC on a serial line", 50, |segment| behind(&[&[0x0f, 0], &ether_type(segment)[..]].concat(), segment)),
    ("MPLS", 219, |segment| behind(&[0, 1, 0x41, 64], segment)),
    ("Linux cooked, SNAP", 113, |segment| [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0, 0, 4][..], &snap(segment)].concat()),
    // IEEE 802.11-2020, 9.2.3 and 9.3.2.1: frame control, duration, three addresses, sequence control.
    ("802.11", 105, |segment| [&wifi(0x08, 0x01)[..], &snap(segment)].concat()),
    ("802.11, four addresses", 105, |segment| [&wifi(0x08, 0x03), &[2; 6][..], &snap(segment)].concat()),
    // A QoS field of two bytes behind them, and one of HT's of four.
    ("802.11, QoS", 105, |segment| [&wifi(0x88, 0x02), &[5, 0][..], &snap(segment)].concat()),
    ("802.11, QoS and HT", 105, |segment| [&wifi(0x88, 0x82), &[5, 0, 1, 2, 3, 4][..], &snap(segment)].concat()),
    // 9.3.2.2: in an A-MSDU two addresses, a length and padding to four bytes for each.
    ("802.11, A-MSDU", 105, |segment| {
        let arp = [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06, 1];
        let mut subframe = [&[2; 12], &[0, 9][..], &arp].concat();
        subframe.resize(24, 0);
        let snap = snap(segment);
        let second = [&[2; 12], &(snap.len() as u16).to_be_bytes()[..], &snap].concat();
        [&wifi(0x88, 0x02), &[0x85, 0][..], &subframe, &second].concat()
    }),
    // radiotap.org: the version, the length, which fields there are. Here a time, aligned to eight bytes, flags
    // (0x10: a checksum behind the frame), and a rate.
    ("802.11, radiotap", 127, |segment| {
        let header = [0, 0, 18, 0, 0x07, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0x10, 12];
        [&header, &wifi(0x08, 0x01)[..], &snap(segment), &[0xcc; 4]].concat()
    }),
    // Two bitmaps; the flag 0x20: the QoS header is padded from 26 bytes to 28.
    ("802.11, radiotap and padding", 127, |segment| {
        let header = [0, 0, 13, 0, 0x02, 0, 0, 0x80, 0, 0, 0, 0, 0x20];
        [&header, &wifi(0x88, 0x02)[..], &[5, 0, 0, 0], &snap(segment)].concat()
    }),
    ("802.11, Prism", 119, |segment| {
        [&[0, 0, 0, 0x44, 24, 0, 0, 0], &[b'w'; 16][..], &wifi(0x08, 0x01), &snap(segment)].concat()
    }),
    ("802.11, AVS", 163, |segment| {
        [&[0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64], &[0; 56][..], &wifi(0x08, 0x01), &snap(segment)].concat()
    }),
    // www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html: a family, a version, a group; attributes with a length and a
    // type, padded to four bytes: the EtherType and the hook (1), a prefix (10), the packet (9).
    ("NFLOG", 239, |segment| {
        let family = if is_v4(segment) { 2 } else { 10 };
        let header = [&[family, 0, 0, 1, 8, 0, 1, 0], &ether_type(segment)[..], &[1, 0]].concat();
        let prefix = [5, 0, 10, 0, 0, 0, 0, 0];
        let length = (segment.packet().len() as u16 + 4).to_le_bytes();
        behind(&[&header[..], &prefix, &length, &[9, 0]].concat(), segment)
    }),
    ("NFLOG, the packet alone", 239, |segment| {
        let length = (segment.packet().len() as u16 + 4).to_le_bytes();
        behind(&[&[2, 0, 0, 1], &length[..], &[9, 0]].concat(), segment)
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

/// An Ethernet frame with it.
pub fn ethernet(segment: &Segment) -> Vec<u8> {
    segment.frame()
}

/// An LLC header and SNAP.
fn snap(segment: &Segment) -> Vec<u8> {
    behind(
        &[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type(segment)[..]].concat(),
        segment,
    )
}

/// An 802.11 header with three addresses.
fn wifi(kind: u8, flags: u8) -> Vec<u8> {
    [&[kind, flags, 0, 0], &[2; 18][..], &[0x10, 0]].concat()
}

pub fn is_v4(segment: &Segment) -> bool {
    segment.source.is_ipv4()
}

fn vlan(id: u16) -> VlanId {
    VlanId::try_new(id).unwrap()
}

pub fn ether_type(segment: &Segment) -> [u8; 2] {
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
