// SPDX-License-Identifier: GPL-2.0

//! A TCP socket that receives, after `net/ipv4/tcp_input.c` and `net/core/sock.c`.

use super::Packet;
use crate::kernel_ext::socket::{Acceptable, FirstSeq};

/// The length of the longest segment, also of a coalesced one.
const LEN: usize = 64;

/// The length of the segments that collapsing makes (`SKB_MAX_ORDER(0, 0)`, some 3,700 bytes):
/// short, as all segments of the model are.
const COLLAPSED: usize = 3;

/// A segment in the out-of-order queue.
#[derive(Clone, Copy, Hash, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) seq: u32,
    len: u8,
    bytes: [u8; LEN],
}

impl Queued {
    fn new(seq: u32, data: &[u8]) -> Self {
        let mut bytes = [0; LEN];
        bytes[..data.len()].copy_from_slice(data);
        Self {
            seq,
            len: data.len() as u8,
            bytes,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len.into()
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len())
    }

    fn append(&mut self, data: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + data.len()].copy_from_slice(data);
        self.len += data.len() as u8;
    }
}

/// Whether `a` is before `b` (`before()`).
fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// What `hf_tcp_get_state()` tells.
#[derive(Clone, Copy, Hash)]
pub(crate) struct SocketState {
    pub(crate) is_owned: bool,
    pub(crate) has_backlog: bool,
    pub(crate) backlog_may_have_data: bool,
    pub(crate) is_first_seq_exact: bool,
    pub(crate) has_ofo_queue: bool,
    pub(crate) has_filter: bool,
    pub(crate) is_done: bool,
    pub(crate) received: u64,
    pub(crate) first_seq: FirstSeq,
    pub(crate) urgent: Option<u32>,
}

/// A socket of an established connection.
#[derive(Clone, Hash)]
pub(crate) struct Socket {
    /// Initial sequence numbers.
    begin: FirstSeq,
    pub(crate) rcv_nxt: u32,
    copied_seq: u32,
    bytes_received: u64,
    /// The out-of-order queue, by sequence number.
    pub(crate) queue: Vec<Queued>,
    /// `urg_seq`, as long as `urg_data` is set.
    urgent: Option<u32>,
    /// All bytes that were ever urgent.
    pub(crate) was_urgent: Vec<u32>,
    /// Its spinlock is held.
    pub(crate) is_locked: bool,
    /// A process owns it.
    pub(crate) is_owned: bool,
    /// The backlog, and how many segments `sk_backlog.len` counts.
    pub(crate) backlog: Vec<Packet>,
    counted: u8,
    /// What the owner has taken out of the backlog and not processed yet.
    pub(crate) processing: Vec<Packet>,
    /// How many bytes `bytes_received` is ahead of `rcv_nxt` while the owner updates both.
    moving: u32,
    pub(crate) is_closed: bool,
    /// A FIN was received (`SOCK_DONE`).
    is_done: bool,
    /// The length to which a socket filter trims segments.
    filter: Option<u8>,
    /// The stream that was received.
    pub(crate) stream: Vec<u8>,
}

impl Socket {
    pub(crate) fn new(begin: FirstSeq, filter: Option<u8>) -> Self {
        Self {
            begin,
            rcv_nxt: begin.received,
            copied_seq: begin.received,
            bytes_received: 0,
            queue: Vec::new(),
            urgent: None,
            was_urgent: Vec::new(),
            is_locked: false,
            is_owned: false,
            backlog: Vec::new(),
            counted: 0,
            processing: Vec::new(),
            moving: 0,
            is_closed: false,
            is_done: false,
            filter,
            stream: Vec::new(),
        }
    }

    /// `hf_tcp_received()`.
    pub(crate) fn received(&self) -> u64 {
        self.bytes_received
    }

    /// `hf_tcp_first_seq()`: wrong while the owner moves `rcv_nxt`.
    pub(crate) fn first_seq(&self) -> FirstSeq {
        FirstSeq {
            received: self.rcv_nxt.wrapping_sub(self.bytes_received as u32),
            sent: self.begin.sent,
        }
    }

    /// `hf_tcp_get_state()`.
    pub(crate) fn state(&self) -> SocketState {
        let has_backlog = self.has_backlog();
        let first_seq = self.first_seq();
        SocketState {
            is_owned: self.is_owned,
            has_backlog,
            backlog_may_have_data: has_backlog
                && (self.backlog.iter().any(|packet| !packet.data.is_empty())
                    || self.backlog.len() != usize::from(self.counted)),
            is_first_seq_exact: !has_backlog
                || (self.bytes_received == 0 && first_seq.received == self.copied_seq),
            has_ofo_queue: !self.queue.is_empty(),
            has_filter: self.filter.is_some(),
            is_done: self.is_closed || self.is_done,
            received: self.bytes_received,
            first_seq,
            urgent: self.urgent,
        }
    }

    /// Whether segments wait for the owner, or are being processed.
    fn has_backlog(&self) -> bool {
        self.is_owned && (self.counted != 0 || !self.backlog.is_empty())
    }

    /// `hf_tcp_accepts()`, of a socket with a window that is wide enough.
    pub(crate) fn accepts(&self, packet: &Packet, is_certain: bool) -> Acceptable {
        if packet.ack != self.begin.sent {
            return Acceptable::No;
        }
        if !is_certain || self.is_owned {
            return Acceptable::Unknown;
        }
        if before(self.rcv_nxt, packet.seq) || !before(self.rcv_nxt, packet.end()) {
            return Acceptable::No;
        }
        match self.filter.is_some() {
            true => Acceptable::Unknown,
            false => Acceptable::Yes,
        }
    }

    /// Receives a packet in a softirq (`tcp_v4_rcv()`, `tcp_add_backlog()`).
    pub(crate) fn receive(&mut self, packet: Packet) {
        if self.is_closed {
            return;
        }
        if self.is_owned {
            if self
                .backlog
                .last_mut()
                .is_some_and(|tail| tail.coalesce(&packet))
            {
                return;
            }
            self.backlog.push(packet);
            self.counted += 1;
        } else {
            self.established(packet);
        }
    }

    /// `tcp_rcv_established()`, or the end of `tcp_rcv_state_process()`.
    fn established(&mut self, packet: Packet) {
        if self.is_closed || self.is_done || packet.ack != self.begin.sent {
            return;
        }
        let data = match self.filter {
            Some(len) => &packet.data[..packet.data.len().min(len.into())],
            None => packet.data,
        };
        self.check_urgent(&packet);
        self.data_queue(packet.seq, data, packet.coalesces);
        if packet.has_fin && packet.end() == self.rcv_nxt {
            self.fin();
        }
    }

    /// `tcp_check_urg()`.
    fn check_urgent(&mut self, packet: &Packet) {
        let Some(pointer) = packet.urgent else { return };
        let place = packet.seq.wrapping_add(pointer.saturating_sub(1));
        if before(place, self.copied_seq)
            || before(place, self.rcv_nxt)
            || self.urgent.is_some_and(|urgent| !before(urgent, place))
        {
            return;
        }
        self.urgent = Some(place);
        self.was_urgent.push(place);
    }

    /// `tcp_data_queue()`.
    fn data_queue(&mut self, seq: u32, data: &[u8], coalesces: bool) {
        let end = seq.wrapping_add(data.len() as u32);
        if !before(self.rcv_nxt, end) {
            return;
        }
        if before(self.rcv_nxt, seq) {
            return self.data_queue_ofo(Queued::new(seq, data), coalesces);
        }
        self.queue_rcv(seq, data);
        self.ofo_queue();
    }

    /// `tcp_fin()`; a FIN counts as a byte.
    fn fin(&mut self) {
        self.is_done = true;
        self.rcv_nxt = self.rcv_nxt.wrapping_add(1);
        self.bytes_received += 1;
        self.queue.clear();
    }

    /// Adds what is new to the receive queue (`tcp_queue_rcv()`, `tcp_rcv_nxt_update()`).
    fn queue_rcv(&mut self, seq: u32, data: &[u8]) {
        let known = self.rcv_nxt.wrapping_sub(seq) as usize;
        let new = &data[known..];
        self.stream.extend_from_slice(new);
        self.bytes_received += new.len() as u64;
        self.rcv_nxt = self.rcv_nxt.wrapping_add(new.len() as u32);
    }

    /// `tcp_ofo_queue()`.
    fn ofo_queue(&mut self) {
        while let Some(&first) = self.queue.first() {
            if before(self.rcv_nxt, first.seq) {
                break;
            }
            self.queue.remove(0);
            if before(self.rcv_nxt, first.end()) {
                self.queue_rcv(first.seq, first.data());
            }
        }
    }

    /// `tcp_data_queue_ofo()`.
    fn data_queue_ofo(&mut self, new: Queued, coalesces: bool) {
        // The queue is searched by sequence number.
        let mut index = 0;
        while let Some(other) = self.queue.get_mut(index) {
            if before(new.seq, other.seq) {
                break;
            }
            if before(new.seq, other.end()) {
                if !before(other.end(), new.end()) {
                    // The queue has all of it.
                    return;
                }
                if new.seq == other.seq {
                    *other = new;
                    return self.merge_right(index);
                }
            } else if other.end() == new.seq && coalesces {
                // tcp_ooo_try_coalesce()
                other.append(new.data());
                return;
            }
            index += 1;
        }
        self.queue.insert(index, new);
        self.merge_right(index);
    }

    /// Whether a packet directly follows a segment of the queue.
    pub(crate) fn can_coalesce(&self, packet: &Packet) -> bool {
        self.queue.iter().any(|queued| queued.end() == packet.seq)
    }

    /// Removes the segments that the one at `index` covers.
    fn merge_right(&mut self, index: usize) {
        let end = self.queue[index].end();
        while let Some(next) = self.queue.get(index + 1) {
            if !before(next.seq, end) || before(end, next.end()) {
                break;
            }
            self.queue.remove(index + 1);
        }
    }

    /// `tcp_collapse_ofo_queue()`: segments that touch become one, in which the first segment's byte
    /// wins, and which is cut into segments of equal length.
    pub(crate) fn collapse(&mut self) {
        let mut ranges: Vec<(Queued, bool)> = Vec::new();
        for next in self.queue.drain(..) {
            match ranges.last_mut() {
                Some((range, is_joined)) if !before(range.end(), next.seq) => {
                    let known = range.end().wrapping_sub(next.seq) as usize;
                    range.append(next.data().get(known..).unwrap_or_default());
                    *is_joined = true;
                }
                _ => ranges.push((next, false)),
            }
        }
        for (range, is_joined) in ranges {
            let len = if is_joined { COLLAPSED } else { LEN };
            for (number, piece) in (0..).zip(range.data().chunks(len)) {
                let seq = range.seq.wrapping_add(number * len as u32);
                self.queue.push(Queued::new(seq, piece));
            }
        }
    }

    /// `tcp_prune_ofo_queue()` for a segment at `seq`: drops the last segment, unless it begins before
    /// `seq`. Returns whether it did.
    pub(crate) fn prune(&mut self, seq: u32) -> bool {
        let is_dropped = self.queue.last().is_some_and(|last| !before(last.seq, seq));
        if is_dropped {
            self.queue.pop();
        }
        is_dropped
    }

    /// A process locks it (`lock_sock()`).
    pub(crate) fn own(&mut self) {
        assert!(!self.is_owned);
        self.is_owned = true;
    }

    /// The next step of `release_sock()`: the owner takes the backlog, processes one segment of it, or
    /// unlocks the socket.
    pub(crate) fn release(&mut self) {
        if self.moving != 0 {
            self.rcv_nxt = self.rcv_nxt.wrapping_add(self.moving);
            self.moving = 0;
        } else if !self.processing.is_empty() {
            let before = self.rcv_nxt;
            let packet = self.processing.remove(0);
            self.established(packet);
            self.moving = self.rcv_nxt.wrapping_sub(before);
            self.rcv_nxt = before;
        } else if !self.backlog.is_empty() {
            self.processing = core::mem::take(&mut self.backlog);
        } else {
            self.counted = 0;
            self.is_owned = false;
        }
    }

    /// A process reads all that was received.
    pub(crate) fn read(&mut self) {
        self.copied_seq = self.rcv_nxt;
        if self
            .urgent
            .is_some_and(|urgent| before(urgent, self.copied_seq))
        {
            self.urgent = None;
        }
    }

    /// Whether there is something to read.
    pub(crate) fn is_readable(&self) -> bool {
        self.copied_seq != self.rcv_nxt
    }

    /// Whether it has an owner that can continue to release it. The owner needs the spinlock, except
    /// to process a segment.
    pub(crate) fn can_release(&self) -> bool {
        let is_processing = self.moving != 0 || !self.processing.is_empty();
        self.is_owned && !self.is_closed && (is_processing || !self.is_locked)
    }

    /// Sequence number of the stream's first byte.
    pub(crate) fn first(&self) -> u32 {
        self.begin.received
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.queue.clear();
    }
}
