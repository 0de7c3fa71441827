// SPDX-License-Identifier: GPL-2.0
//! IP packets in fragments, hand-made: `etherparse` sends none.

use std::ops::Range;

use etherparse::{ip_number, IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header};

/// A packet to be sent in fragments.
pub struct Fragmented {
    header: Header,
    /// What is fragmented.
    pub payload: Vec<u8>,
}

enum Header {
    V4(Ipv4Header),
    /// With what comes before the fragment header, and the number of what is fragmented.
    V6(Ipv6Header, Vec<u8>, IpNumber),
}

impl Fragmented {
    pub fn v4(packet: &[u8]) -> Self {
        let (mut header, payload) = Ipv4Header::from_slice(packet).unwrap();
        header.identification = 7;
        Self {
            header: Header::V4(header),
            payload: payload.into(),
        }
    }

    pub fn v6(packet: &[u8]) -> Self {
        let (header, payload) = Ipv6Header::from_slice(packet).unwrap();
        let next = header.next_header;
        Self {
            header: Header::V6(header, Vec::new(), next),
            payload: payload.into(),
        }
    }

    /// Of a packet with extension headers: the first `unfragmented` bytes of them, of which the last
    /// one begins at `last`, are in every fragment.
    pub fn v6_behind(packet: &[u8], last: usize, unfragmented: usize) -> Self {
        let (header, payload) = Ipv6Header::from_slice(packet).unwrap();
        let (before, payload) = payload.split_at(unfragmented);
        let mut before = before.to_vec();
        let next = std::mem::replace(&mut before[last], ip_number::IPV6_FRAG.0);
        Self {
            header: Header::V6(header, before, next.into()),
            payload: payload.into(),
        }
    }

    /// As another packet between the same ends.
    pub fn with_id(mut self, id: u16) -> Self {
        if let Header::V4(header) = &mut self.header {
            header.identification = id;
        }
        self
    }

    /// The fragment that holds this range of the payload.
    pub fn fragment(&self, range: Range<usize>) -> Vec<u8> {
        let is_last = range.end == self.payload.len();
        self.piece(range.start, !is_last, &self.payload[range])
    }

    /// A fragment that holds any bytes.
    pub fn piece(&self, start: usize, more: bool, bytes: &[u8]) -> Vec<u8> {
        assert_eq!(start % 8, 0);
        let offset = IpFragOffset::try_new((start / 8) as u16).unwrap();
        let mut packet = Vec::new();
        match &self.header {
            Header::V4(header) => {
                let mut header = header.clone();
                header.more_fragments = more;
                header.fragment_offset = offset;
                header.set_payload_len(bytes.len()).unwrap();
                header.header_checksum = header.calc_header_checksum();
                header.write(&mut packet).unwrap();
            }
            Header::V6(header, before, next) => {
                let fragment = Ipv6FragmentHeader::new(*next, offset, more, 7);
                let mut header = header.clone();
                if before.is_empty() {
                    header.next_header = ip_number::IPV6_FRAG;
                }
                let length = before.len() + fragment.header_len() + bytes.len();
                header.set_payload_length(length).unwrap();
                header.write(&mut packet).unwrap();
                packet.extend(before);
                fragment.write(&mut packet).unwrap();
            }
        }
        packet.extend(bytes);
        packet
    }

    /// All of it, cut at these places.
    pub fn fragments(&self, cuts: &[usize]) -> Vec<Vec<u8>> {
        let ends = [&[0], cuts, &[self.payload.len()]].concat();
        let pairs = ends.windows(2);
        pairs.map(|pair| self.fragment(pair[0]..pair[1])).collect()
    }
}
