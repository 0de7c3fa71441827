// SPDX-License-Identifier: GPL-2.0
//! The IP packet in a frame.

use std::fmt;

use etherparse::{ether_type, EtherType, LaxSlicedPacket};

/// What kind of link a frame was captured on: a number of the registry
/// <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkType(pub i32);

impl LinkType {
    /// That of an interface which the file does not describe.
    pub(crate) const UNDESCRIBED: Self = Self(-1);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNDESCRIBED => f.write_str("an undescribed interface"),
            Self(number) => write!(f, "link type {number}"),
        }
    }
}

/// PPP over Ethernet (RFC 2516), once a session is there.
const PPPOE_SESSION: EtherType = EtherType(0x8864);

/// The frame's link type is none of those that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// The bytes of the IP packet in a frame, if there is one; below VLAN tags too.
pub(crate) fn ip(link: LinkType, frame: &[u8]) -> Result<Option<&[u8]>, Unknown> {
    // Where the header says what the payload is: a number of Ethernet's.
    let (type_at, header) = match link.0 {
        // BSD's loopback, whose header tells the address family in the byte order of the machine.
        0 | 108 => return Ok(frame.get(4..)),
        // Raw IP: its first byte tells the version.
        12 | 14 | 101 | 228 | 229 => return Ok(Some(frame)),
        // Ethernet.
        1 => (12, 14),
        // ARCNET under BSD and Linux: no type but a protocol of its own; IP is 240 (RFC 1051) and 212 (RFC 1201).
        7 => return Ok(arcnet(frame, 2)),
        129 => return Ok(arcnet(frame, 4)),
        // PPP, with or without HDLC's first two bytes.
        9 => {
            let ppp = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
            return Ok(ppp_payload(ppp));
        }
        // PPP over Ethernet, from the session's header.
        51 => return Ok(pppoe_payload(frame)),
        // Cisco's HDLC.
        104 => (2, 4),
        // Linux's cooked captures, of both versions.
        113 => (14, 16),
        276 => (0, 20),
        // IP over InfiniBand.
        242 => (40, 44),
        _ => return Err(Unknown),
    };
    let ether_type = frame.get(type_at..).and_then(<[u8]>::first_chunk::<2>);
    let payload = frame.get(header..);
    Ok(ether_type.zip(payload).and_then(|(ether_type, payload)| {
        ether_payload(u16::from_be_bytes(*ether_type).into(), payload)
    }))
}

/// The IP packet below VLAN tags and the like.
fn ether_payload(ether_type: EtherType, payload: &[u8]) -> Option<&[u8]> {
    let packet = LaxSlicedPacket::from_ether_type(ether_type, payload).ether_payload()?;
    match packet.ether_type {
        ether_type::IPV4 | ether_type::IPV6 => Some(packet.payload),
        PPPOE_SESSION => pppoe_payload(packet.payload),
        _ => None,
    }
}

fn pppoe_payload(session: &[u8]) -> Option<&[u8]> {
    session.get(6..).and_then(ppp_payload)
}

fn ppp_payload(ppp: &[u8]) -> Option<&[u8]> {
    // The protocol's first byte may be left out if it is 0 (RFC 1661, section 6.5).
    match ppp {
        [0x21 | 0x57, payload @ ..] | [0x00, 0x21 | 0x57, payload @ ..] => Some(payload),
        _ => None,
    }
}

/// An IP packet that is behind addresses and a protocol's number, or also behind a header for fragments.
fn arcnet(frame: &[u8], addresses: usize) -> Option<&[u8]> {
    match frame.get(addresses..)? {
        [240, payload @ ..] | [212, 0, _, _, payload @ ..] => Some(payload),
        _ => None,
    }
}
