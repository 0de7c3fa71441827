// SPDX-License-Identifier: GPL-2.0
//! The TCP segment in a packet.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    ip_number, IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, LaxIpv4Slice, TcpSlice,
};

use crate::fragments::{Fragment, Fragments, Id};
use crate::link::{self, LinkType};

/// A TCP segment, as far as it was captured.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) tcp: TcpSlice<'a>,
}

/// What there is in a frame.
#[derive(Debug)]
pub(crate) enum Packet<'a> {
    Tcp(Segment<'a>),
    /// Another protocol, or nothing of any sense, or a fragment of what is not whole yet.
    Other,
    UnknownLink,
}

/// Finds the segments in frames, putting fragments together.
pub(crate) struct Decoder {
    fragments: Fragments,
    /// What was put together last.
    whole: Vec<u8>,
}

/// The two ends of an IP packet.
#[derive(Clone, Copy, Debug)]
struct Ends {
    source: IpAddr,
    destination: IpAddr,
}

/// What an IP packet holds.
enum Payload<'a> {
    Whole(IpNumber, &'a [u8]),
    Fragment(Fragment<'a>),
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            fragments: Fragments::new(),
            whole: Vec::new(),
        }
    }

    pub(crate) fn decode<'a>(&'a mut self, link: LinkType, frame: &'a [u8]) -> Packet<'a> {
        match link::ip(link, frame) {
            Err(link::Unknown) => Packet::UnknownLink,
            Ok(packet) => packet
                .and_then(|packet| self.segment(packet))
                .map_or(Packet::Other, Packet::Tcp),
        }
    }

    /// The segment in a packet of which fragments are missing: only as many such packets are kept as
    /// `max`, and of others it is the beginning that counts.
    pub(crate) fn give_up(&mut self, max: usize) -> Option<Packet<'_>> {
        let (id, protocol, beginning) = self.fragments.give_up(max)?;
        self.whole = beginning;
        let ends = Ends {
            source: id.source,
            destination: id.destination,
        };
        let segment = unfragmented(ends, protocol, &self.whole);
        Some(segment.map_or(Packet::Other, Packet::Tcp))
    }

    fn segment<'a>(&'a mut self, packet: &'a [u8]) -> Option<Segment<'a>> {
        let (ends, payload) = match packet.first()? >> 4 {
            4 => ipv4(packet)?,
            6 => ipv6(packet)?,
            _ => return None,
        };
        match payload {
            Payload::Whole(protocol, payload) => tcp(ends, protocol, payload),
            Payload::Fragment(fragment) => {
                let (protocol, whole) = self.fragments.add(fragment)?;
                self.whole = whole;
                unfragmented(ends, protocol, &self.whole)
            }
        }
    }
}

/// The segment in what was put together of fragments.
fn unfragmented(ends: Ends, protocol: IpNumber, payload: &[u8]) -> Option<Segment<'_>> {
    match ends.source {
        IpAddr::V4(_) => tcp(ends, protocol, payload),
        IpAddr::V6(_) => match ipv6_payload(ends, protocol, payload)? {
            Payload::Whole(protocol, payload) => tcp(ends, protocol, payload),
            Payload::Fragment(_) => None,
        },
    }
}

fn tcp(ends: Ends, protocol: IpNumber, payload: &[u8]) -> Option<Segment<'_>> {
    if protocol != ip_number::TCP {
        return None;
    }
    let tcp = TcpSlice::from_slice(payload).ok()?;
    Some(Segment {
        source: SocketAddr::new(ends.source, tcp.source_port()),
        destination: SocketAddr::new(ends.destination, tcp.destination_port()),
        tcp,
    })
}

fn ipv4(packet: &[u8]) -> Option<(Ends, Payload<'_>)> {
    let (ip, _) = LaxIpv4Slice::from_slice(packet).ok()?;
    let header = ip.header();
    let ends = Ends {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
    };
    let (next, payload) = (ip.payload().ip_number, ip.payload().payload);
    if !header.is_fragmenting_payload() {
        return Some((ends, Payload::Whole(next, payload)));
    }
    let id = Id {
        source: ends.source,
        destination: ends.destination,
        id: header.identification().into(),
        protocol: Some(header.protocol()),
    };
    let fragment = Fragment {
        id,
        offset: header.fragments_offset(),
        more: header.more_fragments(),
        next,
        payload,
    };
    Some((ends, Payload::Fragment(fragment)))
}

fn ipv6(packet: &[u8]) -> Option<(Ends, Payload<'_>)> {
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    let ends = Ends {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
    };
    let behind = packet.get(header.slice().len()..)?;
    // A length of 0 is that of a jumbogram (RFC 2675), or of what a network card is to cut.
    let payload = match usize::from(header.payload_length()) {
        0 => behind,
        length => behind.get(..length).unwrap_or(behind),
    };
    Some((ends, ipv6_payload(ends, header.next_header(), payload)?))
}

/// What is behind the extension headers, or a fragment of that.
fn ipv6_payload(ends: Ends, first: IpNumber, bytes: &[u8]) -> Option<Payload<'_>> {
    let (mut next, mut rest) = (first, bytes);
    loop {
        let (following, length) = match next {
            ip_number::IPV6_HOP_BY_HOP | ip_number::IPV6_DEST_OPTIONS | ip_number::IPV6_ROUTE => {
                let header = Ipv6RawExtHeaderSlice::from_slice(rest).ok()?;
                (header.next_header(), header.slice().len())
            }
            ip_number::AUTH => {
                let header = IpAuthHeaderSlice::from_slice(rest).ok()?;
                (header.next_header(), header.slice().len())
            }
            ip_number::IPV6_FRAG => {
                let header = Ipv6FragmentHeaderSlice::from_slice(rest).ok()?;
                let behind = rest.get(header.slice().len()..)?;
                if header.is_fragmenting_payload() {
                    let id = Id {
                        source: ends.source,
                        destination: ends.destination,
                        id: header.identification(),
                        protocol: None,
                    };
                    return Some(Payload::Fragment(Fragment {
                        id,
                        offset: header.fragment_offset(),
                        more: header.more_fragments(),
                        next: header.next_header(),
                        payload: behind,
                    }));
                }
                (header.next_header(), header.slice().len())
            }
            _ => return Some(Payload::Whole(next, rest)),
        };
        next = following;
        rest = rest.get(length..)?;
    }
}
