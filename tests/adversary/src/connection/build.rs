// SPDX-License-Identifier: GPL-2.0
//! Builds the client's segments, and their faults.

use etherparse::TcpHeader;

use super::Connection;
use crate::packet::{encapsulate, segment, Damage};
use crate::peer_state::PeerState;
use crate::plan::{Fault, Kind, Segment};

/// How far a fault's sequence or ACK number is off.
const FAR: u32 = 0x2000_0000;
/// How much older an old timestamp is.
const OLD: u32 = 600_000;

impl Connection {
    /// The packets of a segment.
    pub(super) fn build(&mut self, peer: &PeerState, sent: &Segment) -> Vec<Vec<u8>> {
        if sent.fault.is_none() && sent.offset <= self.sent {
            self.sent = self.sent.max(sent.end());
        }
        let mut header = self.header(peer, sent.offset);
        let mut data = sent.data.as_slice();
        let mut damage = Damage::None;
        match sent.kind {
            Kind::Data => header.psh = !data.is_empty(),
            Kind::Fin => header.fin = true,
            Kind::Rst => header.rst = true,
            Kind::Syn => (header.syn, header.ack) = (true, false),
            Kind::SynAck => header.syn = true,
        }
        if let Some(pointer) = sent.urgent {
            header.urg = true;
            header.urgent_pointer = pointer;
        }
        let initial = peer.initial.unwrap_or_default();
        match sent.fault {
            None => {}
            Some(Fault::Checksum) => damage = Damage::Checksum,
            Some(Fault::NoAck) => header.ack = false,
            Some(Fault::FutureAck) => header.acknowledgment_number = initial.wrapping_add(FAR),
            Some(Fault::AncientAck) => header.acknowledgment_number = initial.wrapping_sub(FAR),
            Some(Fault::OldTimestamp) => {
                set_options(&mut header, &timestamps(self.clock.wrapping_sub(OLD), peer))
            }
            Some(Fault::Md5) => add_options(&mut header, &signature(19, 18)),
            Some(Fault::Ao) => add_options(&mut header, &signature(29, 16)),
            Some(Fault::ShortHeader) => damage = Damage::DataOffset(4),
            Some(Fault::LongHeader) => {
                data = &data[..data.len().min(60 - header.header_len() - 1)];
                damage = Damage::DataOffset(15);
            }
            Some(Fault::BehindWindow) => {
                header.sequence_number = header.sequence_number.wrapping_add(FAR)
            }
            Some(Fault::BeforeWindow) => {
                header.sequence_number = header.sequence_number.wrapping_sub(FAR)
            }
        }
        let id = self.identification();
        let bytes = segment(&self.ends, &header, data, damage);
        encapsulate(&self.ends, &bytes, sent.encapsulation, id)
    }

    /// The IP identification of the next packet; unique, since clients share addresses.
    pub(super) fn identification(&mut self) -> u32 {
        self.packets += 1;
        self.serial.wrapping_mul(4099).wrapping_add(self.packets)
    }

    /// The header of a valid segment.
    pub(super) fn header(&mut self, peer: &PeerState, offset: i32) -> TcpHeader {
        let sequence = self.initial.wrapping_add(1).wrapping_add_signed(offset);
        let mut header = TcpHeader::new(0, 0, sequence, 65_535);
        header.ack = true;
        header.acknowledgment_number = peer.initial.unwrap_or_default().wrapping_add(1);
        if self.plan.options.timestamps {
            self.clock = self.clock.wrapping_add(1);
            set_options(&mut header, &timestamps(self.clock, peer));
        }
        header
    }

    /// The SYN, and what it carries.
    pub(super) fn syn(&mut self, first: bool) -> (TcpHeader, Vec<u8>) {
        let plan = self.plan.clone();
        let mut header = TcpHeader::new(0, 0, self.initial, 65_535);
        header.syn = true;
        let size = plan.options.segment_size.to_be_bytes();
        let mut options = vec![2, 4, size[0], size[1]];
        if plan.options.selective_acks {
            options.extend([4, 2]);
        }
        if plan.options.timestamps {
            self.clock = self.clock.wrapping_add(1);
            options.extend(timestamps(self.clock, &PeerState::default()).split_off(2));
        }
        if let Some(shift) = plan.options.window_scale {
            options.extend([3, 3, shift]);
        }
        if first && plan.opening.fast_open {
            options.extend([34, 2]);
        }
        set_options(&mut header, &options);
        (
            header,
            if first {
                plan.opening.syn_data.clone()
            } else {
                Vec::new()
            },
        )
    }
}

/// The timestamp option, padded.
fn timestamps(value: u32, peer: &PeerState) -> Vec<u8> {
    [
        &[1, 1, 8, 10][..],
        &value.to_be_bytes(),
        &peer.timestamp.to_be_bytes(),
    ]
    .concat()
}

/// An MD5 or TCP-AO option, with a signature that is wrong.
fn signature(kind: u8, size: u8) -> Vec<u8> {
    let mut option = vec![0xA5; usize::from(size)];
    option[..2].copy_from_slice(&[kind, size]);
    option
}

fn set_options(header: &mut TcpHeader, options: &[u8]) {
    header
        .set_options_raw(options)
        .expect("options fit into 40 bytes");
}

fn add_options(header: &mut TcpHeader, options: &[u8]) {
    let all = [header.options.as_slice(), options].concat();
    set_options(header, &all);
}
