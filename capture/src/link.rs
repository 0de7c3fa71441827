// SPDX-License-Identifier: GPL-2.0
//! What a frame holds behind its link's header.

use std::fmt;

use crate::bytes::{array, behind, u16, u32, u8};
use crate::ether::Content;
use crate::file::Order;
use crate::unread::{Left, Unread};
use crate::wifi::{self, Data};

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

/// What a frame holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held<'a> {
    One(Content<'a>),
    /// What an 802.11 frame may hold several of.
    Wifi(Data<'a>),
}

/// What is behind the header of a link. `order` is that of numbers in which a header is of the
/// machine that made the capture.
pub(crate) fn held(link: LinkType, order: Order, frame: &[u8]) -> Result<Held<'_>, Left> {
    Ok(Held::One(match link.0 {
        // BSD's loopback, whose header tells the address family in the byte order of the machine.
        0 | 108 => Content::Ip(behind(frame, 4)?),
        // Raw IP: its first byte tells the version.
        12 | 14 | 101 | 228 | 229 => Content::Ip(frame),
        1 => Content::Ethernet(frame),
        6 => token_ring(frame)?,
        // ARCNET under BSD and Linux.
        7 => arcnet(frame, 2)?,
        129 => arcnet(frame, 4)?,
        9 => Content::Ppp(frame),
        10 => fddi(frame)?,
        // PPP or Cisco's HDLC on a serial line: the first byte is an address.
        50 => match u8(frame, 0)? {
            0xff => Content::Ppp(frame),
            _ => hdlc(frame)?,
        },
        51 => Content::Pppoe(frame),
        // Classical IP over ATM.
        100 => Content::Llc(frame),
        104 => hdlc(frame)?,
        105 => return wifi::data(frame).map(Held::Wifi),
        // Linux's cooked captures, of both versions.
        113 => cooked(u16(frame, 14)?, behind(frame, 16)?),
        276 => cooked(u16(frame, 0)?, behind(frame, 20)?),
        // 802.11 behind what its driver tells, whose size is in its fifth to eighth byte: Prism's and AVS's headers.
        119 => {
            let length = order.u32(array(frame, 4)?);
            return wifi::data(behind(frame, length as usize)?).map(Held::Wifi);
        }
        163 => {
            let length = u32(frame, 4)?;
            return wifi::data(behind(frame, length as usize)?).map(Held::Wifi);
        }
        127 => return wifi::radiotap_data(frame).map(Held::Wifi),
        219 => Content::Mpls(frame),
        239 => nflog(order, frame)?,
        // IP over InfiniBand.
        242 => Content::Ether(u16(frame, 40)?.into(), behind(frame, 44)?),
        _ => return Err(Unread::LinkType(link).into()),
    }))
}

/// A frame of which Linux tells the EtherType, or what is there instead of one (`if_ether.h`).
fn cooked(protocol: u16, payload: &[u8]) -> Content<'_> {
    const ETH_P_802_2: u16 = 4;
    match protocol {
        ETH_P_802_2 => Content::Llc(payload),
        protocol => Content::Ether(protocol.into(), payload),
    }
}

/// Cisco's HDLC: an address, a byte without a meaning, an EtherType.
fn hdlc(frame: &[u8]) -> Result<Content<'_>, Left> {
    Ok(Content::Ether(u16(frame, 2)?.into(), behind(frame, 4)?))
}

/// No type but a protocol of its own: IP is 240 (RFC 1051), and 212 behind a header for fragments (RFC 1201).
fn arcnet(frame: &[u8], addresses: usize) -> Result<Content<'_>, Left> {
    match behind(frame, addresses)? {
        [240, payload @ ..] | [212, 0, _, _, payload @ ..] => Ok(Content::Ip(payload)),
        [212, _, ..] => Err(Unread::Malformed.into()),
        [_, ..] => Err(Left::NotTcp),
        [] => Err(Unread::Malformed.into()),
    }
}

/// FDDI (ISO 9314-2): the kind of frame, two addresses, and an LLC header if it is one of those.
fn fddi(frame: &[u8]) -> Result<Content<'_>, Left> {
    match u8(frame, 0)? & 0xf0 {
        0x50 => Ok(Content::Llc(behind(frame, 13)?)),
        _ => Err(Left::NotTcp),
    }
}

/// Token Ring (IEEE 802.5): access control, the kind of frame, two addresses, a route if the source's first bit
/// says so, and an LLC header if it is a frame with one.
fn token_ring(frame: &[u8]) -> Result<Content<'_>, Left> {
    const HEADER: usize = 14;
    if u8(frame, 1)? & 0xc0 != 0x40 {
        return Err(Left::NotTcp);
    }
    let route = match u8(frame, 8)? & 0x80 {
        0 => 0,
        _ => u8(frame, HEADER)? & 0x1f,
    };
    let payload = behind(frame, HEADER.saturating_add(route.into()))?;
    Ok(Content::Llc(payload))
}

/// What a rule of the firewall has logged (`nfnetlink_log.h`): a header of four bytes, and attributes, of which the
/// payload is one and the EtherType may be in another.
fn nflog(order: Order, frame: &[u8]) -> Result<Content<'_>, Left> {
    const HEADER: usize = 4;
    const NFULA_PACKET_HDR: u16 = 1;
    const NFULA_PAYLOAD: u16 = 9;
    // The version; the numbers of attributes may have flags of netlink's.
    match u8(frame, 1)? {
        0 => {}
        version => return Err(Unread::Version("NFLOG", version).into()),
    }
    let mut attributes = behind(frame, HEADER)?;
    let mut ether_type = None;
    loop {
        let length = usize::from(order.u16(array(attributes, 0)?));
        let number = order.u16(array(attributes, 2)?) & 0x3fff;
        let value = behind(attributes, HEADER)?;
        // The last one may be cut off.
        let value = match length.checked_sub(HEADER) {
            Some(length) => value.get(..length).unwrap_or(value),
            None => return Err(Unread::Malformed.into()),
        };
        match number {
            NFULA_PACKET_HDR => ether_type = Some(u16(value, 0)?),
            NFULA_PAYLOAD => {
                return Ok(match ether_type {
                    Some(ether_type) => Content::Ether(ether_type.into(), value),
                    None => Content::Ip(value),
                });
            }
            _ => {}
        }
        attributes = behind(attributes, length.next_multiple_of(4))?;
    }
}
