// SPDX-License-Identifier: GPL-2.0
//! Tunnels over UDP, by the port of the receiver; or of the sender, where answers come from it. A port proves nothing: what has not the header that the tunnel's
//! standard asks for, every reserved bit of it, is another protocol.

use etherparse::{ether_type, ip_number, EtherType, IpNumber};

use crate::bytes::{behind, u16, u24, u32, u8, up_to};
use crate::ether::{is_ethernet, Content};
use crate::tunnel::{Header, Kind};
use crate::unread::{Left, Unread};

/// What is in a tunnel's packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inside<'a> {
    Content(Content<'a>),
    /// A protocol of IP's, without a header of IP.
    Protocol(IpNumber, &'a [u8]),
}

/// Ethernet in Geneve, and where else a number of Ethernet's is asked for.
const BRIDGING: EtherType = EtherType(0x6558);

/// What is in a datagram, if that is a tunnel's.
pub(crate) fn inside(datagram: &[u8]) -> Result<(Header, Inside<'_>), Left> {
    const HEADER: usize = 8;
    let payload = behind(datagram, HEADER)?;
    // A length that is left to the network card is 0. There may be less in the capture.
    let length = usize::from(u16(datagram, 4)?).checked_sub(HEADER);
    let length = length.unwrap_or(payload.len());
    let payload = up_to(payload, length);
    // What is cut off within a tunnel's header may be anything.
    let found = match u16(datagram, 2)? {
        1701 => return l2tp(payload).map(content),
        2152 => gtp(payload, length),
        4500 => return esp(payload),
        // The port that is registered, and Linux's.
        4789 | 8472 => vxlan(payload),
        4790 => vxlan_gpe(payload),
        6080 => return gue(payload),
        6081 => geneve(payload),
        6635 => mpls(payload),
        51820 => return wireguard(payload),
        _ => match u16(datagram, 0)? {
            1701 => return l2tp(payload).map(content),
            4500 => return esp(payload),
            51820 => return wireguard(payload),
            _ => return Err(Left::NotTcp),
        },
    };
    found.map(content).map_err(|_| Left::NotTcp)
}

fn content((header, content): (Header, Content<'_>)) -> (Header, Inside<'_>) {
    (header, Inside::Content(content))
}

/// VXLAN (RFC 7348, section 5), or with a group policy (draft-smith-vxlan-group-policy-05).
fn vxlan(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    const NETWORK: u32 = 1 << 27;
    /// A group in the last two bytes; it was not to be learnt; it was applied.
    const GROUP: u32 = (1 << 31) | (1 << 22) | (1 << 19) | 0xffff;
    let flags = u32(packet, 0)?;
    let known = match flags >> 31 {
        0 => NETWORK,
        _ => NETWORK | GROUP,
    };
    let frame = behind(packet, 8)?;
    if flags & NETWORK == 0 || flags & !known != 0 || u8(packet, 7)? != 0 || !is_ethernet(frame) {
        return Err(Left::NotTcp);
    }
    Ok((
        network(Kind::Vxlan, u24(packet, 4)?),
        Content::Ethernet(frame),
    ))
}

/// The Generic Protocol Extension (draft-ietf-nvo3-vxlan-gpe-13): the protocol in the fourth byte.
fn vxlan_gpe(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    const NETWORK_AND_PROTOCOL: u32 = 0x0c00_0000;
    const PROTOCOL: u32 = 0xff;
    let flags = u32(packet, 0)?;
    let payload = behind(packet, 8)?;
    if flags & !PROTOCOL != NETWORK_AND_PROTOCOL || u8(packet, 7)? != 0 {
        return Err(Left::NotTcp);
    }
    let content = match flags & PROTOCOL {
        1 | 2 => Content::Ip(payload),
        3 if is_ethernet(payload) => Content::Ethernet(payload),
        _ => return Err(Left::NotTcp),
    };
    Ok((network(Kind::Vxlan, u24(packet, 4)?), content))
}

/// Geneve (RFC 8926, section 3.4), whose options are skipped.
fn geneve(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    const VERSION: u8 = 0xc0;
    const OPTIONS: u8 = 0x3f;
    const RESERVED: u8 = 0x3f;
    let first = u8(packet, 0)?;
    let options = usize::from(first & OPTIONS).saturating_mul(4);
    let payload = behind(packet, options.saturating_add(8))?;
    let is_sound = first & VERSION == 0 && u8(packet, 1)? & RESERVED == 0 && u8(packet, 7)? == 0;
    let content = match u16(packet, 2)?.into() {
        _ if !is_sound => return Err(Left::NotTcp),
        BRIDGING if is_ethernet(payload) => Content::Ethernet(payload),
        it @ (ether_type::IPV4 | ether_type::IPV6) if is_ip(payload) => Content::Ether(it, payload),
        _ => return Err(Left::NotTcp),
    };
    Ok((network(Kind::Geneve, u24(packet, 4)?), content))
}

/// MPLS (RFC 7510): labels, the last one marked so, and IP or a control word (RFC 4385) behind them.
fn mpls(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    const LABEL: usize = 4;
    const BOTTOM: u32 = 1 << 8;
    let mut payload = packet;
    loop {
        let label = u32(payload, 0)?;
        payload = behind(payload, LABEL)?;
        if label & BOTTOM != 0 {
            break;
        }
    }
    match u8(payload, 0)? >> 4 {
        0 | 4 | 6 => Ok((Header::of(Kind::Mpls), Content::Mpls(packet))),
        _ => Err(Left::NotTcp),
    }
}

fn network(kind: Kind, number: u32) -> Header {
    Header {
        network: Some(number),
        ..Header::of(kind)
    }
}

/// GTP-U (3GPP TS 29.281, 5.1), whose extension headers are skipped.
fn gtp(packet: &[u8], sent: usize) -> Result<(Header, Content<'_>), Left> {
    const HEADER: usize = 8;
    /// The version and that it is GTP, not GTP'; a bit without a meaning; three that tell of fields.
    const KIND: u8 = 0xf8;
    const VERSION_1: u8 = 0x30;
    const FIELDS: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    const DATA: u8 = 255;
    let flags = u8(packet, 0)?;
    let rest = behind(packet, HEADER)?;
    let length = usize::from(u16(packet, 2)?);
    let is_sound = length.saturating_add(HEADER) <= sent;
    if flags & KIND != VERSION_1 || u8(packet, 1)? != DATA || !is_sound {
        return Err(Left::NotTcp);
    }
    let mut payload = up_to(rest, length);
    if flags & FIELDS != 0 {
        // A sequence number, the number of a packet, and what comes next.
        let mut next = u8(payload, 3)?;
        payload = behind(payload, 4)?;
        while flags & EXTENSION != 0 && next != 0 {
            // Its length in words, what it tells, and what comes next.
            let words = usize::from(u8(payload, 0)?);
            let end = words.saturating_mul(4);
            let last = end.checked_sub(1).ok_or(Left::NotTcp)?;
            next = u8(payload, last)?;
            payload = behind(payload, end)?;
        }
    }
    if !is_ip(payload) {
        return Err(Left::NotTcp);
    }
    let header = Header {
        label: Some(u32(packet, 4)?),
        ..Header::of(Kind::Gtp)
    };
    Ok((header, Content::Ip(payload)))
}

fn is_ip(packet: &[u8]) -> bool {
    packet
        .first()
        .is_some_and(|first| matches!(first >> 4, 4 | 6))
}

/// Generic UDP Encapsulation (draft-ietf-intarea-gue-09): a header and a protocol of IP's, or IP itself.
fn gue(packet: &[u8]) -> Result<(Header, Inside<'_>), Left> {
    const VERSION: u8 = 0xc0;
    const CONTROL: u8 = 0x20;
    const WORDS: u8 = 0x1f;
    let header = Header::of(Kind::Gue);
    let Ok(first) = u8(packet, 0) else {
        return Err(Left::NotTcp);
    };
    if first & VERSION == 0x40 {
        return match first >> 4 {
            4 | 6 => Ok((header, Inside::Content(Content::Ip(packet)))),
            _ => Err(Left::NotTcp),
        };
    }
    let words = usize::from(first & WORDS);
    let payload = packet.get(words.saturating_add(1).saturating_mul(4)..);
    let (Some(payload), Ok(protocol)) = (payload, u8(packet, 1)) else {
        return Err(Left::NotTcp);
    };
    if first & VERSION != 0 || first & CONTROL != 0 {
        return Err(Left::NotTcp);
    }
    let inside = match IpNumber(protocol) {
        ip_number::IPV4 | ip_number::IPV6 => Inside::Content(Content::Ip(payload)),
        other => Inside::Protocol(other, payload),
    };
    Ok((header, inside))
}

/// L2TP's second version (RFC 2661, 3.1); of the third one only its ends know the header's size.
fn l2tp(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    const RESERVED: u16 = 0x34f0;
    const VERSION: u16 = 0x000f;
    let Ok(flags) = u16(packet, 0) else {
        return Err(Left::NotTcp);
    };
    match flags & VERSION {
        2 if flags & (CONTROL | RESERVED) == 0 => {}
        3 if flags == 3 => return Err(Unread::Opaque("L2TPv3").into()),
        _ => return Err(Left::NotTcp),
    }
    let read = || {
        let mut at: usize = 2;
        if flags & LENGTH != 0 {
            at = at.saturating_add(2);
        }
        let tunnel_and_session = u32(packet, at)?;
        at = at.saturating_add(4);
        if flags & SEQUENCE != 0 {
            at = at.saturating_add(4);
        }
        if flags & OFFSET != 0 {
            let padding = u16(packet, at)?;
            at = at.saturating_add(2).saturating_add(padding.into());
        }
        let header = Header {
            label: Some(tunnel_and_session),
            ..Header::of(Kind::L2tp)
        };
        Ok((header, Content::Ppp(behind(packet, at)?)))
    };
    read().map_err(|_: Left| Left::NotTcp)
}

/// ESP behind a network address translator (RFC 3948), beside which there are key exchanges and keepalives.
fn esp<'a>(packet: &[u8]) -> Result<(Header, Inside<'a>), Left> {
    match packet {
        [0, 0, 0, 0, ..] | [] | [_] | [_, _] | [_, _, _] => Err(Left::NotTcp),
        _ => Err(Unread::Encrypted("ESP").into()),
    }
}

/// WireGuard's packets with data.
fn wireguard<'a>(packet: &[u8]) -> Result<(Header, Inside<'a>), Left> {
    match packet {
        [4, 0, 0, 0, ..] => Err(Unread::Encrypted("WireGuard").into()),
        _ => Err(Left::NotTcp),
    }
}
