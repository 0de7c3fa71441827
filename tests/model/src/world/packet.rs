// SPDX-License-Identifier: GPL-2.0

//! What is sent.

use crate::scenario::Syn;
use std::{collections::HashSet, sync::Mutex};

/// A packet with a segment of TCP.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub(crate) struct Packet {
    /// The connection that it names.
    pub(crate) flow: u8,
    /// Whether it has the name of the one before it, and another device.
    pub(crate) is_twins: bool,
    /// Sequence number of its first byte.
    pub(crate) seq: u32,
    /// What it acknowledges.
    pub(crate) ack: u32,
    /// Its data.
    pub(crate) data: &'static [u8],
    /// Its urgent pointer.
    pub(crate) urgent: Option<u32>,
    /// It has a FIN.
    pub(crate) is_last: bool,
    /// It is a SYN.
    pub(crate) syn: Option<Syn>,
    /// Its checksum is wrong.
    pub(crate) is_corrupt: bool,
    /// Whether TCP makes it one with what it follows in the out-of-order queue: up to the shape of the
    /// kernel's tree, which decides whether that one is looked at.
    pub(crate) joins: bool,
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
        if self.end() != next.seq || self.urgent.or(next.urgent).is_some() || self.is_last {
            return false;
        }
        self.data = keep([self.data, next.data].concat());
        self.ack = self.ack.max(next.ack);
        self.is_last = next.is_last;
        true
    }
}

/// Data that live for ever, once each.
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
