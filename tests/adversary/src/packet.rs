// SPDX-License-Identifier: GPL-2.0
//! Packets: TCP segments, intact or damaged, and their encapsulation in IP.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader,
    SlicedPacket, TcpHeader, TcpOptionElement, TransportSlice,
};

use crate::address::Ends;
use crate::plan::Encapsulation;

/// What a segment of the server tells the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// The client's address, which identifies the connection.
    pub(crate) client: SocketAddr,
    pub(crate) syn: bool,
    pub(crate) rst: bool,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) window_shift: u8,
    pub(crate) timestamp: u32,
}

/// Reads one of the server's packets; `None` if it is not TCP.
pub(crate) fn parse(packet: &[u8]) -> Option<Reply> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let address = match sliced.net.as_ref()? {
        etherparse::NetSlice::Ipv4(ip) => IpAddr::V4(ip.header().destination_addr()),
        etherparse::NetSlice::Ipv6(ip) => IpAddr::V6(ip.header().destination_addr()),
        etherparse::NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        return None;
    };
    let (mut window_shift, mut timestamp) = (0, 0);
    for option in tcp.options_iterator().flatten() {
        match option {
            TcpOptionElement::WindowScale(shift) => window_shift = shift,
            TcpOptionElement::Timestamp(value, _) => timestamp = value,
            _ => {}
        }
    }
    Some(Reply {
        client: SocketAddr::new(address, tcp.destination_port()),
        syn: tcp.syn(),
        rst: tcp.rst(),
        seq: tcp.sequence_number(),
        ack: if tcp.ack() {
            tcp.acknowledgment_number()
        } else {
            0
        },
        window: tcp.window_size(),
        window_shift,
        timestamp,
    })
}

/// How a segment's bytes are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    /// A wrong checksum.
    Checksum,
    /// A data offset of this many words, with a correct checksum.
    DataOffset(u8),
}

/// A segment's bytes. The header's ports and checksum are set here.
pub(crate) fn segment(ends: &Ends, header: &TcpHeader, payload: &[u8], damage: Damage) -> Vec<u8> {
    let mut header = header.clone();
    header.source_port = ends.client.port();
    header.destination_port = ends.server.port();
    header.checksum = match (ends.client.ip(), ends.server.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.calc_checksum_ipv4_raw(from.octets(), to.octets(), payload)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            header.calc_checksum_ipv6_raw(from.octets(), to.octets(), payload)
        }
        _ => unreachable!("both ends of a connection are of one family"),
    }
    .expect("a segment is shorter than 64 kB");
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    match damage {
        Damage::None => {}
        Damage::Checksum => bytes[16] ^= 0x55,
        Damage::DataOffset(words) => {
            let before = u16::from_be_bytes([bytes[12], bytes[13]]);
            bytes[12] = (words << 4) | (bytes[12] & 0x0F);
            let after = u16::from_be_bytes([bytes[12], bytes[13]]);
            let checksum = changed_checksum(header.checksum, before, after);
            bytes[16..18].copy_from_slice(&checksum.to_be_bytes());
        }
    }
    bytes
}

/// The checksum after one word of what it covers has changed (RFC 1624).
fn changed_checksum(checksum: u16, before: u16, after: u16) -> u16 {
    let mut sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}

/// The packets of a segment, in the order in which they are sent.
pub(crate) fn encapsulate(
    ends: &Ends,
    segment: &[u8],
    encapsulation: Encapsulation,
    id: u32,
) -> Vec<Vec<u8>> {
    match encapsulation {
        Encapsulation::Plain => vec![packet(ends, segment, 64, id)],
        Encapsulation::HopLimit(limit) => vec![packet(ends, segment, limit, id)],
        Encapsulation::Identification(id) => vec![packet(ends, segment, 64, u32::from(id))],
        Encapsulation::HopByHop => vec![extended(ends, segment, IpNumber::IPV6_HEADER_HOP_BY_HOP)],
        Encapsulation::DestinationOptions => {
            vec![extended(ends, segment, IpNumber::IPV6_DESTINATION_OPTIONS)]
        }
        Encapsulation::Fragments { size, reversed } => {
            let mut packets = fragments(ends, segment, size, id);
            if reversed {
                packets.reverse();
            }
            packets
        }
    }
}

fn packet(ends: &Ends, payload: &[u8], hop_limit: u8, id: u32) -> Vec<u8> {
    match (ends.client.ip(), ends.server.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut ip = Ipv4Header::new(
                payload.len() as u16,
                hop_limit,
                IpNumber::TCP,
                from.octets(),
                to.octets(),
            )
            .expect("a packet is shorter than 64 kB");
            ip.identification = id as u16;
            ip.header_checksum = ip.calc_header_checksum();
            [&ip.to_bytes(), payload].concat()
        }
        _ => ipv6(ends, IpNumber::TCP, hop_limit, payload),
    }
}

fn ipv6(ends: &Ends, next_header: IpNumber, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let (IpAddr::V6(from), IpAddr::V6(to)) = (ends.client.ip(), ends.server.ip()) else {
        unreachable!("extension headers are those of IPv6");
    };
    let ip = Ipv6Header {
        payload_length: payload.len() as u16,
        next_header,
        hop_limit,
        source: from.octets(),
        destination: to.octets(),
        ..Ipv6Header::default()
    };
    [&ip.to_bytes(), payload].concat()
}

/// A segment behind an extension header with six bytes of padding.
fn extended(ends: &Ends, segment: &[u8], kind: IpNumber) -> Vec<u8> {
    const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];
    let header =
        Ipv6RawExtHeader::new_raw(IpNumber::TCP, &PADDING).expect("eight bytes make a header");
    ipv6(ends, kind, 64, &[&header.to_bytes(), segment].concat())
}

/// A segment in fragments of this many bytes, a multiple of 8.
fn fragments(ends: &Ends, segment: &[u8], size: usize, id: u32) -> Vec<Vec<u8>> {
    let last = segment.len().div_ceil(size) - 1;
    let fragment = |(index, piece): (usize, &[u8])| {
        let offset = IpFragOffset::try_new((index * size / 8) as u16)
            .expect("a packet is shorter than 64 kB");
        let more = index != last;
        match (ends.client.ip(), ends.server.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut ip = Ipv4Header::new(
                    piece.len() as u16,
                    64,
                    IpNumber::TCP,
                    from.octets(),
                    to.octets(),
                )
                .expect("a fragment is shorter than 64 kB");
                ip.identification = id as u16;
                ip.dont_fragment = false;
                ip.more_fragments = more;
                ip.fragment_offset = offset;
                ip.header_checksum = ip.calc_header_checksum();
                [&ip.to_bytes(), piece].concat()
            }
            _ => {
                let header = Ipv6FragmentHeader::new(IpNumber::TCP, offset, more, id);
                ipv6(
                    ends,
                    IpNumber::IPV6_FRAGMENTATION_HEADER,
                    64,
                    &[&header.to_bytes(), piece].concat(),
                )
            }
        }
    };
    segment.chunks(size).enumerate().map(fragment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Family;

    #[test]
    fn a_changed_data_offset_keeps_the_checksum_right() {
        let ends = Ends::of(0, Family::Ipv4, 8000);
        let right = segment(
            &ends,
            &TcpHeader::new(0, 0, 7, 100),
            b"payload",
            Damage::None,
        );
        let there = segment(
            &ends,
            &TcpHeader::new(0, 0, 7, 100),
            b"payload",
            Damage::DataOffset(4),
        );
        let sum = |bytes: &[u8]| {
            bytes.chunks(2).fold(0u32, |sum, word| {
                sum + u32::from(u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)]))
            }) % 0xFFFF
        };
        assert_ne!(right, there);
        assert_eq!(sum(&right), sum(&there));
    }

    #[test]
    fn fragments_are_the_whole() {
        for family in Family::BOTH {
            let ends = Ends::of(0, family, 8000);
            let whole = segment(
                &ends,
                &TcpHeader::new(0, 0, 7, 100),
                &[b'x'; 100],
                Damage::None,
            );
            let head = if family == Family::Ipv4 { 20 } else { 48 };
            let packets = encapsulate(
                &ends,
                &whole,
                Encapsulation::Fragments {
                    size: 24,
                    reversed: false,
                },
                1,
            );
            let together: Vec<u8> = packets
                .iter()
                .flat_map(|packet| packet[head..].to_vec())
                .collect();
            assert_eq!(packets.len(), 5);
            assert_eq!(together, whole);
        }
    }
}
