// SPDX-License-Identifier: GPL-2.0
//! The TCP segment in a packet, also in tunnels.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    ip_number, IpAuthHeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, TcpSlice,
};

use crate::bytes::{behind, u16, up_to};
use crate::ether::{self, Content};
use crate::file::Frame;
use crate::fragments::{Fragment, Fragments, Id};
use crate::gre;
use crate::link::{self, Held};
use crate::tunnel::{Header, Kind, Way};
use crate::udp::{self, Inside};
use crate::unread::{Left, Unread};

/// A TCP segment, as far as it was captured.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// The tunnels that it is in.
    pub(crate) way: &'a Way,
    pub(crate) tcp: TcpSlice<'a>,
}

/// What is done with each segment that is found.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&Segment<'_>);

/// Finds the segments in frames, putting fragments together.
pub(crate) struct Decoder {
    fragments: Fragments,
}

/// The two ends of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ends {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

/// What an IP packet holds.
enum Payload<'a> {
    Whole(IpNumber, &'a [u8]),
    Fragment(Id, Fragment<'a>),
}

/// What is known of packets that are given up.
#[derive(Debug, Default)]
pub(crate) struct GivenUp {
    /// How many fragments of it were not read.
    pub(crate) fragments: u64,
    /// What is the matter with its beginning.
    pub(crate) unread: Option<Unread>,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            fragments: Fragments::new(),
        }
    }

    /// Hands on the segments in a frame. An error tells why there may have been one that was not found.
    pub(crate) fn decode(&mut self, frame: &Frame<'_>, each: Each<'_>) -> Result<(), Unread> {
        // Links have no part in the way of a packet.
        let way = Way::default();
        let read = match link::held(frame.link, frame.order, frame.bytes) {
            Ok(Held::One(content)) => self.content(content, &way, each),
            Ok(Held::Wifi(data)) => {
                let mut first = Ok(());
                for content in data {
                    let read = self.content(content, &way, each);
                    // Each is read; of those that are not, the first is told of.
                    if told(first).is_ok() {
                        first = read;
                    }
                }
                first
            }
            Err(left) => Err(left),
        };
        told(read)
    }

    /// Hands on the segments in a packet of which fragments are missing: only as many such packets are kept as
    /// `max`, and of others it is the beginning that counts. `None` if there is none to give up.
    pub(crate) fn give_up(&mut self, max: usize, each: Each<'_>) -> Option<GivenUp> {
        let (id, incomplete) = self.fragments.give_up(max)?;
        let (fragments, protocol, beginning) = incomplete.into_beginning();
        let mut given_up = GivenUp::default();
        if id.protocol.is_none_or(may_hold_tcp) {
            given_up.fragments = fragments;
        }
        if !beginning.is_empty() {
            given_up.unread = told(self.payload(&id, protocol, &beginning, each)).err();
        }
        Some(given_up)
    }

    fn content(&mut self, content: Content<'_>, way: &Way, each: Each<'_>) -> Result<(), Left> {
        let packet = ether::ip(content)?;
        let (ends, payload) = match packet.first().map(|first| first >> 4) {
            Some(4) => ipv4(packet, way)?,
            Some(6) => ipv6(packet, way)?,
            _ => return Err(Unread::Malformed.into()),
        };
        match payload {
            Payload::Whole(protocol, payload) => self.upper(ends, way, protocol, payload, each),
            Payload::Fragment(id, fragment) => match self.fragments.add(&id, fragment) {
                Some((protocol, whole)) => self.payload(&id, protocol, &whole, each),
                None => Ok(()),
            },
        }
    }

    /// Reads what was put together of fragments.
    fn payload(
        &mut self,
        id: &Id,
        protocol: IpNumber,
        bytes: &[u8],
        each: Each<'_>,
    ) -> Result<(), Left> {
        let Id { ends, way, .. } = id;
        match extensions(*ends, way, protocol, bytes)? {
            Payload::Whole(protocol, payload) => self.upper(*ends, way, protocol, payload, each),
            // Fragments of fragments: nobody sends them, and Linux takes none (`ip6_frag_queue()`).
            Payload::Fragment(..) => Err(Unread::Malformed.into()),
        }
    }

    /// Reads what is behind IP's headers.
    fn upper(
        &mut self,
        ends: Ends,
        way: &Way,
        protocol: IpNumber,
        payload: &[u8],
        each: Each<'_>,
    ) -> Result<(), Left> {
        let (header, inside) = match protocol {
            ip_number::TCP => {
                let tcp = TcpSlice::from_slice(payload).map_err(|_| Unread::Malformed)?;
                each(&Segment {
                    source: SocketAddr::new(ends.source, tcp.source_port()),
                    destination: SocketAddr::new(ends.destination, tcp.destination_port()),
                    way,
                    tcp,
                });
                return Ok(());
            }
            ip_number::UDP => udp::inside(payload)?,
            other => ip_tunnel(ends, other, payload)?,
        };
        let is_6to4 = matches!(inside, Inside::Content(Content::Ip(packet)) if is_6to4(packet));
        let way = way.into(header, (!is_6to4).then_some(ends))?;
        match inside {
            Inside::Content(content) => self.content(content, &way, each),
            Inside::Protocol(protocol, payload) => self.upper(ends, &way, protocol, payload, each),
        }
    }
}

fn told(read: Result<(), Left>) -> Result<(), Unread> {
    match read {
        Err(Left::Unread(unread)) => Err(unread),
        Err(Left::NotTcp) | Ok(()) => Ok(()),
    }
}

/// What is in a tunnel that has a protocol's number of its own.
fn ip_tunnel(ends: Ends, protocol: IpNumber, payload: &[u8]) -> Result<(Header, Inside<'_>), Left> {
    /// The only version of EtherIP (RFC 3378), and what is reserved.
    const ETHER_IP: u16 = 0x3000;
    let (kind, content) = match protocol {
        ip_number::IPV4 if ends.source.is_ipv4() => (Kind::IpIp, Content::Ip(payload)),
        ip_number::IPV4 => (Kind::Ip4In6, Content::Ip(payload)),
        ip_number::IPV6 if ends.source.is_ipv4() => (Kind::Ip6In4, Content::Ip(payload)),
        ip_number::IPV6 => (Kind::Ip6In6, Content::Ip(payload)),
        ip_number::GRE => {
            let (header, content) = gre::inside(payload)?;
            return Ok((header, Inside::Content(content)));
        }
        ip_number::ETHER_IP => match u16(payload, 0)? {
            ETHER_IP => (Kind::EtherIp, Content::Ethernet(behind(payload, 2)?)),
            other => return Err(Unread::Version("EtherIP", (other >> 12) as u8).into()),
        },
        ip_number::MPLS_IN_IP => (Kind::Mpls, Content::Mpls(payload)),
        ip_number::ENCAPSULATING_SECURITY_PAYLOAD => return Err(Unread::Encrypted("ESP").into()),
        ip_number::IP_COMP => return Err(Unread::Compressed("IPComp").into()),
        // The session 0 is that of what controls the others.
        ip_number::LAYER2_TUNNELING_PROTOCOL => match payload {
            [0, 0, 0, 0, ..] => return Err(Left::NotTcp),
            _ => return Err(Unread::Opaque("L2TPv3").into()),
        },
        _ => return Err(Left::NotTcp),
    };
    Ok((Header::of(kind), Inside::Content(content)))
}

/// Whether an IPv6 packet is from or to a host whose outer address is in its own one.
fn is_6to4(packet: &[u8]) -> bool {
    const PREFIX: u16 = 0x2002;
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    is_v6 && [8, 24].into_iter().any(|at| u16(packet, at) == Ok(PREFIX))
}

/// Whether there may be a segment in fragments of an IPv4 packet, of which the first one may be missing.
fn may_hold_tcp(protocol: IpNumber) -> bool {
    !matches!(
        protocol,
        ip_number::ICMP | ip_number::IGMP | ip_number::OSPFIGP | ip_number::SCTP
    )
}

fn ipv4<'a>(packet: &'a [u8], way: &Way) -> Result<(Ends, Payload<'a>), Left> {
    let header = Ipv4HeaderSlice::from_slice(packet).map_err(|_| Unread::Malformed)?;
    let ends = Ends {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
    };
    let rest = behind(packet, header.slice().len())?;
    // A length that is left to the network card is 0.
    let length = usize::from(header.total_len()).checked_sub(header.slice().len());
    let payload = length.map_or(rest, |length| up_to(rest, length));
    let protocol = header.protocol();
    if !header.is_fragmenting_payload() {
        return Ok((ends, extensions(ends, way, protocol, payload)?));
    }
    let id = Id {
        ends,
        way: way.clone(),
        id: header.identification().into(),
        protocol: Some(protocol),
    };
    let fragment = Fragment {
        offset: header.fragments_offset(),
        more: header.more_fragments(),
        next: protocol,
        payload,
    };
    Ok((ends, Payload::Fragment(id, fragment)))
}

fn ipv6<'a>(packet: &'a [u8], way: &Way) -> Result<(Ends, Payload<'a>), Left> {
    let header = Ipv6HeaderSlice::from_slice(packet).map_err(|_| Unread::Malformed)?;
    let ends = Ends {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
    };
    let rest = behind(packet, header.slice().len())?;
    // A length of 0 is that of a jumbogram (RFC 2675), or of what a network card is to cut.
    let payload = match usize::from(header.payload_length()) {
        0 => rest,
        length => up_to(rest, length),
    };
    Ok((ends, extensions(ends, way, header.next_header(), payload)?))
}

/// What is behind the extension headers, or a fragment of that. IPv4 has but one of them.
fn extensions<'a>(
    ends: Ends,
    way: &Way,
    first: IpNumber,
    bytes: &'a [u8],
) -> Result<Payload<'a>, Left> {
    let is_v6 = ends.source.is_ipv6();
    let (mut next, mut rest) = (first, bytes);
    loop {
        let (following, length) = match next {
            ip_number::AUTH => {
                let header = IpAuthHeaderSlice::from_slice(rest).map_err(|_| Unread::Malformed)?;
                (header.next_header(), header.slice().len())
            }
            ip_number::IPV6_HOP_BY_HOP | ip_number::IPV6_DEST_OPTIONS | ip_number::IPV6_ROUTE
                if is_v6 =>
            {
                let header =
                    Ipv6RawExtHeaderSlice::from_slice(rest).map_err(|_| Unread::Malformed)?;
                (header.next_header(), header.slice().len())
            }
            ip_number::IPV6_FRAG if is_v6 => {
                let header =
                    Ipv6FragmentHeaderSlice::from_slice(rest).map_err(|_| Unread::Malformed)?;
                let payload = behind(rest, header.slice().len())?;
                if header.is_fragmenting_payload() {
                    let id = Id {
                        ends,
                        way: way.clone(),
                        id: header.identification(),
                        protocol: None,
                    };
                    let fragment = Fragment {
                        offset: header.fragment_offset(),
                        more: header.more_fragments(),
                        next: header.next_header(),
                        payload,
                    };
                    return Ok(Payload::Fragment(id, fragment));
                }
                (header.next_header(), header.slice().len())
            }
            _ => return Ok(Payload::Whole(next, rest)),
        };
        next = following;
        rest = behind(rest, length)?;
    }
}
