// SPDX-License-Identifier: GPL-2.0
//! GRE (RFC 2784, RFC 2890), and what is made of it: ERSPAN, PPTP, WCCP.

use etherparse::{ether_type, EtherType};

use crate::bytes::{behind, u16, u32, u8};
use crate::ether::Content;
use crate::tunnel::{Header, Kind};
use crate::unread::{Left, Unread};

/// The flags, by which fields are there, and the version.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// What Cisco's switches mirror, and what its routers send to caches.
const ERSPAN: EtherType = EtherType(0x88be);
const ERSPAN_III: EtherType = EtherType(0x22eb);
const WCCP: EtherType = EtherType(0x883e);

/// What tells of a tunnel that it is there: nothing (Linux and Cisco: "keepalive").
const NOTHING: EtherType = EtherType(0);

/// What is in a GRE packet.
pub(crate) fn inside(packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    let flags = u16(packet, 0)?;
    match flags & VERSION {
        0 => {}
        1 => return pptp(flags, packet),
        version => return Err(Unread::Version("GRE", version as u8).into()),
    }
    if flags & ROUTING != 0 {
        return Err(Unread::Opaque("GRE with a source route").into());
    }
    let mut length: usize = 4;
    if flags & CHECKSUM != 0 {
        length = length.saturating_add(4);
    }
    let mut header = Header::of(Kind::Gre);
    if flags & KEY != 0 {
        header.label = Some(u32(packet, length)?);
        length = length.saturating_add(4);
    }
    if flags & SEQUENCE != 0 {
        length = length.saturating_add(4);
    }
    let payload = behind(packet, length)?;
    let content = match u16(packet, 2)?.into() {
        ERSPAN if flags & SEQUENCE == 0 => {
            header.kind = Kind::Erspan;
            Content::Ethernet(payload)
        }
        ERSPAN => erspan(&mut header, 1, payload)?,
        ERSPAN_III => erspan(&mut header, 2, payload)?,
        // Its own header is not there in the first version, and does not begin like IPv4 in the second one.
        WCCP if u8(payload, 0)? >> 4 == 4 => Content::Ip(payload),
        WCCP => Content::Ether(ether_type::IPV4, behind(payload, 4)?),
        NOTHING => return Err(Left::NotTcp),
        other => Content::Ether(other, payload),
    };
    Ok((header, content))
}

/// A mirrored frame, behind a header of the second or third type (draft-foschiano-erspan-03), which
/// call themselves versions 1 and 2.
fn erspan<'a>(header: &mut Header, version: u8, frame: &'a [u8]) -> Result<Content<'a>, Left> {
    const SESSION: u16 = 0x03ff;
    /// Of the third type's last two bytes: the kind of frame, and whether there is another header.
    const FRAME_TYPE: u16 = 0x7c00;
    const IP: u16 = 0x0800;
    const SUBHEADER: u16 = 1;
    let found = u8(frame, 0)? >> 4;
    if found != version {
        return Err(Unread::Version("ERSPAN", found).into());
    }
    header.kind = Kind::Erspan;
    header.label = Some((u16(frame, 2)? & SESSION).into());
    if version == 1 {
        return Ok(Content::Ethernet(behind(frame, 8)?));
    }
    let last = u16(frame, 10)?;
    let payload = match last & SUBHEADER {
        0 => behind(frame, 12)?,
        _ => behind(frame, 20)?,
    };
    Ok(match last & FRAME_TYPE {
        IP => Content::Ip(payload),
        _ => Content::Ethernet(payload),
    })
}

/// PPP in version 1 (RFC 2637, 4.1): the length and the call in the place of the key.
fn pptp(flags: u16, packet: &[u8]) -> Result<(Header, Content<'_>), Left> {
    // What only acknowledges has neither a sequence number nor a payload.
    if flags & SEQUENCE == 0 {
        return Err(Left::NotTcp);
    }
    let call = u16(packet, 6)?;
    let length = match flags & ACKNOWLEDGMENT {
        0 => 12,
        _ => 16,
    };
    let header = Header {
        label: Some(call.into()),
        ..Header::of(Kind::Pptp)
    };
    Ok((header, Content::Ppp(behind(packet, length)?)))
}
