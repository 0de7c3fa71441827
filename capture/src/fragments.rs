// SPDX-License-Identifier: GPL-2.0
//! IP fragments put together again, as Linux does (`inet_frag_queue_insert()`): one that is there
//! already is ignored, and one that overlaps what is there, or does not agree with it on the end, spoils its packet
//! (RFC 5722, RFC 8200).

use std::net::IpAddr;

use etherparse::defrag::{IpDefragBuf, IpFragRange};
use etherparse::{IpFragOffset, IpNumber};
use lru::LruCache;

/// How many packets may be incomplete at once, each of which takes 64 KiB at most.
pub(crate) const INCOMPLETE_MAX: usize = 512;

/// What the fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) id: u32,
    /// The protocol of an IPv4 packet. That of an IPv6 packet is what its first fragment says.
    pub(crate) protocol: Option<IpNumber>,
}

/// A fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) id: Id,
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

struct Incomplete {
    buffer: IpDefragBuf,
    next: IpNumber,
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self {
            packets: LruCache::unbounded(),
        }
    }

    /// Gives up the packet that got no fragment for the longest time, if more than `max` are incomplete.
    /// Returns what its beginning holds.
    pub(crate) fn give_up(&mut self, max: usize) -> Option<(Id, IpNumber, Vec<u8>)> {
        if self.packets.len() <= max {
            return None;
        }
        let (id, Incomplete { buffer, next }) = self.packets.pop_lru()?;
        let beginning = buffer.sections().iter().find(|there| there.start == 0);
        let length = beginning.map_or(0, |there| usize::from(there.end));
        let (mut payload, _) = buffer.take_bufs();
        payload.truncate(length);
        Some((id, next, payload))
    }

    /// Adds a fragment, and returns what the packet holds if it is whole.
    pub(crate) fn add(&mut self, fragment: Fragment<'_>) -> Option<(IpNumber, Vec<u8>)> {
        let start = fragment.offset.byte_offset();
        let mut payload = fragment.payload;
        if fragment.more {
            // Where the next one begins, as `ip_frag_queue()` does; this one may be cut in the capture.
            payload = payload.get(..payload.len() & !7)?;
        }
        let end = start.checked_add(u16::try_from(payload.len()).ok()?)?;
        let packet = self.packets.get_or_insert_mut(fragment.id, || Incomplete {
            buffer: IpDefragBuf::new(fragment.next, Vec::new(), Vec::new()),
            next: fragment.next,
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
            self.packets.pop(&fragment.id);
            return None;
        }
        if start == 0 {
            packet.next = fragment.next;
        }
        if !packet.buffer.is_complete() {
            return None;
        }
        let packet = self.packets.pop(&fragment.id)?;
        let (payload, _) = packet.buffer.take_bufs();
        Some((packet.next, payload))
    }
}
