// SPDX-License-Identifier: GPL-2.0
//! Packets in tunnels, written from the standards' figures.

use super::link::{ether_type, ethernet, is_v4};
use super::{Connection, Segment};

/// A name, what is told of it, and how an IP packet of the tunnel is made around a segment.
pub type Tunnel = (&'static str, &'static str, fn(&Segment) -> Vec<u8>);

/// IP's numbers of protocols.
pub const UDP: u8 = 17;
pub const GRE: u8 = 47;

/// Those that carry IP of either version.
#[rustfmt::skip]
const TUNNELS: &[Tunnel] = &[
    // RFC 2784, section 2.1: flags and version, the protocol.
    ("GRE", "gre", |it| v4(it, GRE, &[&[0, 0], &ether_type(it)[..], &it.packet()].concat())),
    // RFC 2890, section 2: C, K and S; the checksum and a reserved field, the key, the sequence number.
    ("GRE, all fields", "gre", |it| {
        v4(it, GRE, &[&[0xb0, 0], &ether_type(it)[..], &[0x12, 0x34, 0, 0], &[0, 0, 0, 5], &[0, 0, 0, 9], &it.packet()].concat())
    }),
    ("GRE over IPv6", "gre", |it| v6(it, GRE, &[&[0, 0], &ether_type(it)[..], &it.packet()].concat())),
    ("GRE, Ethernet", "gre", |it| v4(it, GRE, &[&[0, 0, 0x65, 0x58][..], &ethernet(it)].concat())),
    ("GRE, MPLS", "gre", |it| v4(it, GRE, &[&[0, 0, 0x88, 0x47, 0, 1, 0x41, 64][..], &it.packet()].concat())),
    // draft-foschiano-erspan-03, section 4.1: no header in type I, which has no sequence number.
    ("ERSPAN I", "erspan", |it| v4(it, GRE, &[&[0, 0, 0x88, 0xbe][..], &ethernet(it)].concat())),
    // 4.2: version 1 and a VLAN, the session 5, an index.
    ("ERSPAN II", "erspan", |it| {
        v4(it, GRE, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 5, 0, 0, 0, 9][..], &ethernet(it)].concat())
    }),
    // 4.3: version 2 and a VLAN, the session, a timestamp, a group, the kind of frame and the hardware.
    ("ERSPAN III", "erspan", |it| {
        let header = [0x20, 5, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0];
        v4(it, GRE, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &header, &ethernet(it)].concat())
    }),
    // The last bit: eight bytes of the platform's own.
    ("ERSPAN III, a subheader", "erspan", |it| {
        let header = [0x20, 5, 0, 5, 1, 2, 3, 4, 0, 0, 0, 1];
        v4(it, GRE, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &header, &[7; 8], &ethernet(it)].concat())
    }),
    // The kind of frame 2.
    ("ERSPAN III, IP", "erspan", |it| {
        let header = [0x20, 5, 0, 5, 1, 2, 3, 4, 0, 0, 0x08, 0];
        v4(it, GRE, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &header, &it.packet()].concat())
    }),
    // RFC 2637, section 4.1: K, S, A and version 1, PPP, the length and the call, both numbers.
    ("PPTP", "pptp", |it| {
        let ppp = ppp(it);
        let length = (ppp.len() as u16).to_be_bytes();
        v4(it, GRE, &[&[0x30, 0x81, 0x88, 0x0b], &length[..], &[0, 7, 0, 0, 0, 1, 0, 0, 0, 2], &ppp].concat())
    }),
    ("PPTP, nothing acknowledged", "pptp", |it| {
        let ppp = ppp(it);
        let length = (ppp.len() as u16).to_be_bytes();
        v4(it, GRE, &[&[0x30, 0x01, 0x88, 0x0b], &length[..], &[0, 7, 0, 0, 0, 1], &ppp].concat())
    }),
    // RFC 3378, section 3: version 3 in the first four bits.
    ("EtherIP", "etherip", |it| v4(it, 97, &[&[0x30, 0][..], &ethernet(it)].concat())),
    // RFC 4023, section 3.
    ("MPLS in IP", "mpls", |it| v4(it, 137, &[&[0, 1, 0x41, 64][..], &it.packet()].concat())),
    // RFC 7510, section 3.
    ("MPLS in UDP", "mpls", |it| udp(it, 6635, &[&[0, 1, 0x41, 64][..], &it.packet()].concat())),
    // RFC 7348, section 5: the flag I, the network, a reserved byte.
    ("VXLAN", "vxlan", |it| udp(it, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(it)].concat())),
    ("VXLAN, Linux's port", "vxlan", |it| udp(it, 8472, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(it)].concat())),
    // draft-smith-vxlan-group-policy-05, section 2.1: the flag G, D and A, a group.
    ("VXLAN, a group", "vxlan", |it| udp(it, 4789, &[&[0x88, 0x48, 1, 2, 0, 0, 42, 0][..], &ethernet(it)].concat())),
    // draft-ietf-nvo3-vxlan-gpe-13, section 3.1: the flags I and P, the protocol.
    ("VXLAN-GPE, Ethernet", "vxlan", |it| udp(it, 4790, &[&[12, 0, 0, 3, 0, 0, 42, 0][..], &ethernet(it)].concat())),
    ("VXLAN-GPE, IP", "vxlan", |it| {
        let protocol = if is_v4(it) { 1 } else { 2 };
        udp(it, 4790, &[&[12, 0, 0, protocol, 0, 0, 42, 0][..], &it.packet()].concat())
    }),
    // RFC 8926, section 3.4: the length of options in words, O and C, the protocol, the network.
    ("Geneve", "geneve", |it| udp(it, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 42, 0][..], &ethernet(it)].concat())),
    // 3.5: an option's class, its type, its length in words.
    ("Geneve, options", "geneve", |it| {
        let options = [[1, 2, 3, 1], [9; 4], [1, 2, 0x83, 0]];
        udp(it, 6081, &[&[3, 0x40, 0x65, 0x58, 0, 0, 42, 0], options.as_flattened(), &ethernet(it)].concat())
    }),
    ("Geneve, IP", "geneve", |it| {
        udp(it, 6081, &[&[0, 0], &ether_type(it)[..], &[0, 0, 42, 0], &it.packet()].concat())
    }),
    // 3GPP TS 29.281, 5.1: version 1 and PT, the type G-PDU, the length, the TEID.
    ("GTP-U", "gtp", |it| udp(it, 2152, &gtp(it, 0x30, &[]))),
    // S: a sequence number, the number of a packet and the next extension, of which there is none.
    ("GTP-U, a number", "gtp", |it| udp(it, 2152, &gtp(it, 0x32, &[0, 9, 0, 0]))),
    // E and 5.2.1: two extension headers, each with its length in words first and the next one's type last. 0x85 is
    // the PDU session container of TS 38.415, 0xc0 the number of a PDCP PDU.
    ("GTP-U, extensions", "gtp", |it| {
        let extensions = [&[0, 0, 0, 0x85], &[1, 0x10, 5, 0xc0], &[2, 0, 9, 0, 0, 0, 0, 0][..]];
        udp(it, 2152, &gtp(it, 0x34, &extensions.concat()))
    }),
    // draft-ietf-intarea-gue-09, section 3: version 0, its length in words, the protocol, flags.
    ("GUE", "gue", |it| udp(it, 6080, &[&[0, ip_protocol(it), 0, 0][..], &it.packet()].concat())),
    ("GUE, a field", "gue", |it| udp(it, 6080, &[&[1, ip_protocol(it), 0x80, 0, 0, 0, 0, 7][..], &it.packet()].concat())),
    // 4: version 1 is what IP's own versions begin with.
    ("GUE, version 1", "gue", |it| udp(it, 6080, &it.packet())),
    // RFC 2661, section 3.1: version 2, the tunnel and the session.
    ("L2TP", "l2tp", |it| udp(it, 1701, &[&[0, 2, 0, 1, 0, 2], &ppp(it)[..]].concat())),
    // What comes from the server's port is an answer to wherever the client has sent from.
    ("L2TP, an answer", "l2tp", |it| {
        let payload = [&[0, 2, 0, 1, 0, 2], &ppp(it)[..]].concat();
        let [high, low] = (8 + payload.len() as u16).to_be_bytes();
        v4(it, UDP, &[&[0x06, 0xa5, 0xd4, 0x31, high, low, 0, 0], &payload[..]].concat())
    }),
    // L, S and O: the length, Ns and Nr, and two bytes of padding.
    ("L2TP, all fields", "l2tp", |it| {
        udp(it, 1701, &[&[0x4a, 2, 0, 99, 0, 1, 0, 2, 0, 3, 0, 4, 0, 2, 0, 0], &ppp(it)[..]].concat())
    }),
    // RFC 4302: what an AH authenticates is read.
    ("GRE behind AH", "gre", |it| {
        let gre = [&[0, 0], &ether_type(it)[..], &it.packet()].concat();
        v4(it, 51, &[&[GRE, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[7; 12][..], &gre].concat())
    }),
    ("VXLAN in GRE", "gre/vxlan", |it| {
        let vxlan = udp(it, 4789, &[&[8, 0, 0, 0, 0, 0, 42, 0][..], &ethernet(it)].concat());
        v4(it, GRE, &[&[0, 0, 8, 0][..], &vxlan].concat())
    }),
];

/// Those of one version in another: RFC 2003, RFC 4213, RFC 2473.
const V4_TUNNELS: &[Tunnel] = &[
    ("IPv4 in IPv4", "ipip", |it| v4(it, 4, &it.packet())),
    ("IPv4 in IPv6", "4in6", |it| v6(it, 4, &it.packet())),
    // WCCP's redirections in GRE, its first version (draft-forster-wrec-wccp-v1-00) and its second one, with a
    // header of four bytes (draft-mclaggan-wccp-v2rev1-00, section 4.12).
    ("WCCP", "gre", |it| {
        v4(it, GRE, &[&[0, 0, 0x88, 0x3e][..], &it.packet()].concat())
    }),
    ("WCCP, version 2", "gre", |it| {
        let header = [0, 0, 0x88, 0x3e, 0, 80, 0, 0];
        v4(it, GRE, &[&header[..], &it.packet()].concat())
    }),
];

const V6_TUNNELS: &[Tunnel] = &[
    ("IPv6 in IPv4", "6in4", |it| v4(it, 41, &it.packet())),
    ("IPv6 in IPv6", "6in6", |it| v6(it, 41, &it.packet())),
];

/// All of them, each with a connection that it can carry.
pub fn all() -> Vec<(Connection, Tunnel)> {
    let (v4, v6) = (Connection::v4(), Connection::v6());
    let tunnels = [
        (v4, TUNNELS),
        (v6, TUNNELS),
        (v4, V4_TUNNELS),
        (v6, V6_TUNNELS),
    ];
    let each = tunnels
        .into_iter()
        .flat_map(|(connection, tunnels)| tunnels.iter().map(move |&tunnel| (connection, tunnel)));
    each.collect()
}

/// Whether a segment goes to the server: then the tunnel's packet goes from its end 7 to its end 1.
fn is_to_server(segment: &Segment) -> bool {
    segment.source.port() > segment.destination.port()
}

/// The outer addresses' last bytes, the source first.
fn outer(segment: &Segment) -> [u8; 2] {
    match is_to_server(segment) {
        true => [7, 1],
        false => [1, 7],
    }
}

/// In an IPv4 packet between the tunnel's ends.
pub fn v4(segment: &Segment, protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_between(outer(segment), protocol, payload)
}

/// In an IPv4 packet between any ends of 192.0.2.0/24.
pub fn v4_between([source, destination]: [u8; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0];
    let addresses = [192, 0, 2, source, 192, 0, 2, destination];
    [&header[..], &addresses, payload].concat()
}

/// In an IPv6 packet between the tunnel's ends.
pub fn v6(segment: &Segment, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let address = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let [source, destination] = outer(segment).map(address);
    let header = [0x60, 0, 0, 0, high, low, protocol, 64];
    [&header[..], &source, &destination, payload].concat()
}

/// In a datagram to a port, from one that differs from connection to connection.
pub fn udp(segment: &Segment, port: u16, payload: &[u8]) -> Vec<u8> {
    v4(segment, UDP, &datagram(port, payload))
}

pub fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let header = [50_000, port, length, 0].map(u16::to_be_bytes);
    [header.as_flattened(), payload].concat()
}

/// GTP-U with these flags, and what is behind its eight bytes. A TEID is that of one direction.
pub fn gtp(segment: &Segment, flags: u8, extensions: &[u8]) -> Vec<u8> {
    let teid = match is_to_server(segment) {
        true => 0x1111_0001,
        false => 0x2222_0001,
    };
    gtp_with_teid(segment, flags, teid, extensions)
}

pub fn gtp_with_teid(segment: &Segment, flags: u8, teid: u32, extensions: &[u8]) -> Vec<u8> {
    let payload = [extensions, &segment.packet()].concat();
    let [high, low] = (payload.len() as u16).to_be_bytes();
    [&[flags, 255, high, low], &teid.to_be_bytes()[..], &payload].concat()
}

/// RFC 1331: an address, a control field, a protocol.
fn ppp(segment: &Segment) -> Vec<u8> {
    let protocol = if is_v4(segment) { 0x21 } else { 0x57 };
    [&[0xff, 3, 0, protocol], &segment.packet()[..]].concat()
}

fn ip_protocol(segment: &Segment) -> u8 {
    if is_v4(segment) {
        4
    } else {
        41
    }
}
