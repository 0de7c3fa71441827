// SPDX-License-Identifier: GPL-2.0
//! IP fragments put together again, as Linux does (`inet_frag_queue_insert()`): one that is there
//! already is ignored, and one that overlaps what is there, or does not agree with it on the end, spoils its packet
//! (RFC 5722, RFC 8200).

use etherparse::defrag::{IpDefragBuf, IpFragRange};
use etherparse::{IpFragOffset, IpNumber};
use lru::LruCache;

use crate::packet::Ends;
use crate::tunnel::Way;

/// How many packets may be incomplete at once, each of which takes 64 KiB at most.
pub(crate) const INCOMPLETE_MAX: usize = 512;

/// What the fragments of one packet have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub(crate) ends: Ends,
    /// The tunnels that they are in.
    pub(crate) way: Way,
    pub(crate) id: u32,
    /// The protocol of an IPv4 packet. That of an IPv6 packet is what its first fragment says.
    pub(crate) protocol: Option<IpNumber>,
}

/// A fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) offset: IpFragOffset,
    pub(crate) more: bool,
    /// What the packet holds, if this is the first fragment.
    pub(crate) next: IpNumber,
    pub(crate) payload: &'a [u8],
}

/// Packets of which not all fragments have come.
pub(crate) struct Fragments {
    packets: LruCache<Id, Incomplete>,
}

pub(crate) struct Incomplete {
    buffer: IpDefragBuf,
    next: IpNumber,
    /// Where each fragment begins.
    starts: Vec<u16>,
}

impl Incomplete {
    /// How many fragments are behind a gap, and what the packet's beginning holds.
    pub(crate) fn into_beginning(self) -> (u64, IpNumber, Vec<u8>) {
        let beginning = self.buffer.sections().iter().find(|there| there.start == 0);
        let end = beginning.map_or(0, |there| there.end);
        let behind = self.starts.iter().filter(|&&start| start >= end).count();
        let (mut payload, _) = self.buffer.take_bufs();
        payload.truncate(end.into());
        (behind as u64, self.next, payload)
    }
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self {
            packets: LruCache::unbounded(),
        }
    }

    /// Gives up the packet that got no fragment for the longest time, if more than `max` are incomplete.
    pub(crate) fn give_up(&mut self, max: usize) -> Option<(Id, Incomplete)> {
        if self.packets.len() <= max {
            return None;
        }
        self.packets.pop_lru()
    }

    /// Adds a fragment, and returns what the packet holds if it is whole.
    pub(crate) fn add(&mut self, id: &Id, fragment: Fragment<'_>) -> Option<(IpNumber, Vec<u8>)> {
        let start = fragment.offset.byte_offset();
        let mut payload = fragment.payload;
        if fragment.more {
            // Where the next one begins, as `ip_frag_queue()` does; this one may be cut in the capture.
            payload = payload.get(..payload.len() & !7)?;
        }
        let end = start.checked_add(u16::try_from(payload.len()).ok()?)?;
        let packet = self.packets.get_or_insert_mut_ref(id, || Incomplete {
            buffer: IpDefragBuf::new(fragment.next, Vec::new(), Vec::new()),
            next: fragment.next,
            starts: Vec::new(),
        });
        let there = packet.buffer.sections();
        if there
            .iter()
            .any(|there| there.start <= start && end <= there.end)
        {
            return None;
        }
        let overlaps = |there: &IpFragRange| there.start < end && start < there.end;
        let is_behind = |there: &IpFragRange| !fragment.more && end < there.end;
        let is_sound = !there.iter().any(overlaps)
            && !there.iter().any(is_behind)
            && packet
                .buffer
                .add(fragment.offset, fragment.more, payload)
                .is_ok();
        if !is_sound {
            self.packets.pop(id);
            return None;
        }
        if start == 0 {
            packet.next = fragment.next;
        }
        packet.starts.push(start);
        if !packet.buffer.is_complete() {
            return None;
        }
        let packet = self.packets.pop(id)?;
        let (payload, _) = packet.buffer.take_bufs();
        Some((packet.next, payload))
    }
}
