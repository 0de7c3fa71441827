// SPDX-License-Identifier: GPL-2.0

//! Packets.

use crate::scenario::Syn;
use std::{collections::HashSet, sync::Mutex};

/// A packet with a segment of TCP.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub(crate) struct Packet {
    /// Its connection.
    pub(crate) flow: u8,
    /// Whether its connection has the addresses and ports of the one before, on another device.
    pub(crate) is_on_other_device: bool,
    /// Sequence number of its first byte.
    pub(crate) seq: u32,
    /// Acknowledgment number.
    pub(crate) ack: u32,
    /// Payload.
    pub(crate) data: &'static [u8],
    /// Urgent pointer.
    pub(crate) urgent: Option<u32>,
    /// Whether it has a FIN.
    pub(crate) has_fin: bool,
    /// Whether it is a SYN, and of what kind.
    pub(crate) syn: Option<Syn>,
    /// Whether its checksum is wrong.
    pub(crate) is_corrupt: bool,
    /// Whether TCP coalesces it with the segment before it in the out-of-order queue, if it can. In
    /// the kernel that depends on the shape of the red-black tree.
    pub(crate) coalesces: bool,
    /// The socket that early demux has found.
    pub(crate) demuxed: Option<usize>,
}

impl Packet {
    /// Sequence number behind its last byte of data.
    pub(crate) fn end(&self) -> u32 {
        self.seq.wrapping_add(self.data.len() as u32)
    }

    /// Appends one that follows it, if the two can be made one (`tcp_add_backlog()`).
    pub(crate) fn coalesce(&mut self, next: &Self) -> bool {
        if self.end() != next.seq || self.urgent.or(next.urgent).is_some() || self.has_fin {
            return false;
        }
        self.data = keep([self.data, next.data].concat());
        self.ack = self.ack.max(next.ack);
        self.has_fin = next.has_fin;
        true
    }
}

/// Interns data, for ever.
fn keep(data: Vec<u8>) -> &'static [u8] {
    static KEPT: Mutex<Option<HashSet<&'static [u8]>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let kept = kept.get_or_insert_default();
    kept.get(&*data).copied().unwrap_or_else(|| {
        let data: &'static [u8] = data.leak();
        kept.insert(data);
        data
    })
}
