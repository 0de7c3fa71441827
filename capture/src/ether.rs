// SPDX-License-Identifier: GPL-2.0
//! What is between the header of a link and an IP packet: EtherTypes, LLC, VLANs, MPLS, PPP.

use etherparse::{ether_type, EtherType, Ipv4HeaderSlice, LaxMacsecPayloadSlice, LaxMacsecSlice};

use crate::bytes::{behind, u16, u24, u32, u8, up_to};
use crate::unread::{Left, Unread};

/// What follows a header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// An IP packet, whose first byte tells the version.
    Ip(&'a [u8]),
    /// An Ethernet frame.
    Ethernet(&'a [u8]),
    /// What the EtherType tells.
    Ether(EtherType, &'a [u8]),
    /// An LLC header (IEEE 802.2).
    Llc(&'a [u8]),
    /// A protocol's number and what it tells (RFC 1661).
    Ppp(&'a [u8]),
    /// A PPP over Ethernet session's header (RFC 2516).
    Pppoe(&'a [u8]),
    /// A stack of labels (RFC 3032).
    Mpls(&'a [u8]),
}

/// Further EtherTypes, of <https://www.iana.org/assignments/ieee-802-numbers>.
mod further {
    use etherparse::EtherType;

    /// An Ethernet frame: "Transparent Ethernet Bridging".
    pub(super) const BRIDGING: EtherType = EtherType(0x6558);
    pub(super) const MPLS: EtherType = EtherType(0x8847);
    /// With a label that the upstream router chose.
    pub(super) const MPLS_UPSTREAM: EtherType = EtherType(0x8848);
    pub(super) const PPPOE_SESSION: EtherType = EtherType(0x8864);
    /// An LLC header in a frame whose length does not fit into the field.
    pub(super) const LLC: EtherType = EtherType(0x8870);
    pub(super) const PPP: EtherType = EtherType(0x880b);
    /// The tag of a provider's backbone (IEEE 802.1Q, 9.7: I-TAG).
    pub(super) const BACKBONE: EtherType = EtherType(0x88e7);
}

/// From here on the field is an EtherType; up to `LENGTH_MAX` it is a length (IEEE 802.3, 3.2.6).
const ETHER_TYPE_MIN: u16 = 0x0600;
const LENGTH_MAX: u16 = 1500;

/// The headers of Ethernet and of a VLAN's tag, each up to the EtherType's end.
const ETHERNET_HEADER: usize = 14;
const VLAN_HEADER: usize = 4;

/// The IP packet in what follows a header.
pub(crate) fn ip(mut content: Content<'_>) -> Result<&[u8], Left> {
    loop {
        content = match content {
            Content::Ip(packet) => return Ok(packet),
            Content::Ethernet(frame) => ethernet(frame)?,
            Content::Ether(ether_type, payload) => ether(ether_type, payload)?,
            Content::Llc(frame) => llc(frame)?,
            Content::Ppp(frame) => ppp(frame)?,
            Content::Pppoe(session) => pppoe(session)?,
            Content::Mpls(labels) => mpls(labels)?,
        }
    }
}

fn ethernet(frame: &[u8]) -> Result<Content<'_>, Left> {
    let ether_type = u16(frame, 12)?;
    Ok(Content::Ether(
        ether_type.into(),
        behind(frame, ETHERNET_HEADER)?,
    ))
}

fn ether(ether_type: EtherType, payload: &[u8]) -> Result<Content<'_>, Left> {
    Ok(match ether_type {
        ether_type::IPV4 | ether_type::IPV6 => Content::Ip(payload),
        ether_type::VLAN_TAGGED_FRAME
        | ether_type::PROVIDER_BRIDGING
        | ether_type::VLAN_DOUBLE_TAGGED_FRAME => {
            Content::Ether(u16(payload, 2)?.into(), behind(payload, VLAN_HEADER)?)
        }
        ether_type::MACSEC => macsec(payload)?,
        further::BRIDGING => Content::Ethernet(payload),
        // Its priority and the service's number, and then the customer's frame.
        further::BACKBONE => Content::Ethernet(behind(payload, 4)?),
        further::MPLS | further::MPLS_UPSTREAM => Content::Mpls(payload),
        further::PPPOE_SESSION => Content::Pppoe(payload),
        further::PPP => Content::Ppp(payload),
        further::LLC => Content::Llc(payload),
        EtherType(length @ ..=LENGTH_MAX) => Content::Llc(up_to(payload, length.into())),
        EtherType(..ETHER_TYPE_MIN) => return Err(Unread::Malformed.into()),
        other if is_not_tcp(other) => return Err(Left::NotTcp),
        EtherType(other) => return Err(Unread::EtherType(other).into()),
    })
}

/// Whether an EtherType is that of a protocol which carries no IP.
fn is_not_tcp(ether_type: EtherType) -> bool {
    matches!(
        ether_type.0,
        // ARP, Wake-on-LAN, Cisco's discovery and NHRP in GRE, RARP, AppleTalk and its ARP, IPX, flow control.
        0x0806 | 0x0842 | 0x2000 | 0x2001 | 0x8035 | 0x809b | 0x80f3 | 0x8137 | 0x8808
        // Link aggregation, PPPoE's discovery, HomePlug, PROFINET, 802.1X, EtherCAT, ATA over Ethernet.
        | 0x8809 | 0x8863 | 0x887b | 0x8892 | 0x888e | 0x88a2 | 0x88a4
        // GOOSE, its management, sampled values, LLDP, MRP, MVRP, MMRP, PTP, PRP, CFM, Fibre Channel and its discovery.
        | 0x88b8..=0x88ba | 0x88cc | 0x88e1 | 0x88e3 | 0x88f5..=0x88f7 | 0x88fb | 0x8902 | 0x8906 | 0x8914
        // RDMA, loop tests, and IS-IS in GRE.
        | 0x8915 | 0x9000 | 0x00fe
    )
}

/// Whether these bytes are an Ethernet frame, as far as its EtherType tells.
pub(crate) fn is_ethernet(frame: &[u8]) -> bool {
    let (Ok(number), Ok(payload)) = (u16(frame, 12), behind(frame, ETHERNET_HEADER)) else {
        return false;
    };
    let version = payload.first().map_or(0, |first| first >> 4);
    match EtherType(number) {
        ether_type::IPV4 => version == 4,
        ether_type::IPV6 => version == 6,
        EtherType(length @ ..=LENGTH_MAX) => usize::from(length) <= payload.len() && length >= 3,
        ether_type => ether(ether_type, payload).is_ok() || is_not_tcp(ether_type),
    }
}

fn macsec(frame: &[u8]) -> Result<Content<'_>, Left> {
    let macsec = LaxMacsecSlice::from_slice(frame).map_err(|_| Unread::Malformed)?;
    match macsec.payload {
        LaxMacsecPayloadSlice::Unmodified(it) => Ok(Content::Ether(it.ether_type, it.payload)),
        LaxMacsecPayloadSlice::Modified { .. } => Err(Unread::Encrypted("MACsec").into()),
    }
}

fn llc(frame: &[u8]) -> Result<Content<'_>, Left> {
    /// "Unnumbered information", the only ones without a connection.
    const UI: u8 = 3;
    match frame {
        // SNAP: an organisation, and a protocol of its own. That of RFC 1042, and that of bridges (IEEE 802.1H),
        // have EtherTypes.
        [0xaa, 0xaa, UI, rest @ ..] => match u24(rest, 0)? {
            0 | 0x00_00f8 => Ok(Content::Ether(u16(rest, 3)?.into(), behind(rest, 5)?)),
            // Cisco's and Apple's: discovery, spanning trees, AppleTalk.
            0x00_000c | 0x08_0007 => Err(Left::NotTcp),
            organisation => Err(Unread::SnapOrganisation(organisation).into()),
        },
        // IP by the number that it has in LLC.
        [0x06, 0x06, UI, packet @ ..] => Ok(Content::Ip(packet)),
        [_, _, _, ..] => Err(Left::NotTcp),
        _ => Err(Unread::Malformed.into()),
    }
}

fn pppoe(session: &[u8]) -> Result<Content<'_>, Left> {
    let [version, code] = u16(session, 0)?.to_be_bytes();
    let frame = behind(session, 6)?;
    match (version, code) {
        (0x11, 0) => Ok(Content::Ppp(up_to(frame, u16(session, 4)?.into()))),
        (0x11, _) => Err(Left::NotTcp),
        _ => Err(Unread::Version("PPPoE", version >> 4).into()),
    }
}

fn ppp(frame: &[u8]) -> Result<Content<'_>, Left> {
    // The address and control of HDLC, which may be left out (RFC 1661, 6.6); so may the first byte of the
    // protocol if it is 0 (6.5): its second one is odd, the first one even.
    let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    let first = u8(frame, 0)?;
    let (protocol, payload) = match first & 1 {
        1 => (first.into(), behind(frame, 1)?),
        _ => (u16(frame, 0)?, behind(frame, 2)?),
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Content::Ip(payload)),
        0x0281 | 0x0283 => Ok(Content::Mpls(payload)),
        // OSI, DECnet, AppleTalk, IPX, Vines, NetBIOS; and what sets up a link.
        0x0023 | 0x0027 | 0x0029 | 0x002b | 0x0035 | 0x003f | 0x4000.. => Err(Left::NotTcp),
        0x0053 | 0x0055 => Err(Unread::Encrypted("PPP").into()),
        // TCP's headers, all headers, or all.
        0x002d | 0x002f | 0x0061 | 0x0063 | 0x0065 | 0x0067 | 0x0069 | 0x00fb | 0x00fd => {
            Err(Unread::Compressed("PPP").into())
        }
        other => Err(Unread::PppProtocol(other).into()),
    }
}

/// What is behind the last label. No field tells what that is: IP, or an Ethernet frame of a pseudo-wire, which may
/// have a control word before it (RFC 4448, RFC 4928).
fn mpls(mut labels: &[u8]) -> Result<Content<'_>, Left> {
    const BOTTOM_OF_STACK: u32 = 1 << 8;
    loop {
        let label = u32(labels, 0)?;
        labels = behind(labels, 4)?;
        if label & BOTTOM_OF_STACK != 0 {
            break;
        }
    }
    let payload = labels;
    let framed = [payload.get(4..).unwrap_or_default(), payload];
    match u8(payload, 0)? >> 4 {
        4 if is_ipv4(payload) || !is_ethernet(payload) => Ok(Content::Ip(payload)),
        6 if is_ipv6(payload) || !is_ethernet(payload) => Ok(Content::Ip(payload)),
        // Of the tunnel itself (RFC 4385, section 5), unless an address begins so.
        1 if !is_ethernet(payload) => Err(Left::NotTcp),
        0 => match framed.into_iter().find(|frame| is_ethernet(frame)) {
            Some(frame) => Ok(Content::Ethernet(frame)),
            None => Err(Unread::MplsPayload.into()),
        },
        _ if is_ethernet(payload) => Ok(Content::Ethernet(payload)),
        _ => Err(Unread::MplsPayload.into()),
    }
}

/// Whether these bytes are surely an IPv4 header: its checksum is right.
fn is_ipv4(packet: &[u8]) -> bool {
    Ipv4HeaderSlice::from_slice(packet)
        .is_ok_and(|header| header.to_header().calc_header_checksum() == header.header_checksum())
}

/// Whether these bytes are an IPv6 packet, as far as its length tells.
fn is_ipv6(packet: &[u8]) -> bool {
    const HEADER: usize = 40;
    u16(packet, 4).is_ok_and(|length| {
        length > 0 && usize::from(length).saturating_add(HEADER) <= packet.len()
    })
}
