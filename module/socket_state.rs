// SPDX-License-Identifier: GPL-2.0

//! Where a socket stands in its stream, and where a segment lies in it.

use crate::{
    kernel_ext::{
        packet::Segment,
        socket::{Locked, Request, Start},
    },
    undecided::Undecided,
};
use classifier::LIMIT;

/// Where a socket stands in its stream.
pub(crate) struct Position<'a> {
    /// Where the connection begins.
    start: Start,
    /// Whether `start` is right: not while the socket's owner moves the position.
    is_exact: bool,
    /// How many bytes of the stream TCP has taken; at least [`LIMIT`] if it is restored.
    pub(crate) received: u32,
    /// Whether segments wait for the owner: the position lags.
    pub(crate) is_pending: bool,
    /// Whether some of those may have data.
    pub(crate) is_data_pending: bool,
    /// Whether segments wait for a gap to be filled.
    pub(crate) has_queue: bool,
    /// Sequence number of a byte that readers may leave out.
    pub(crate) urgent: Option<u32>,
    /// The socket, if it is made already.
    pub(crate) socket: Option<&'a Locked<'a>>,
    is_cookie: bool,
}

impl<'a> Position<'a> {
    /// That of a socket yet to be made.
    pub(crate) fn of_request(request: &Request<'_>) -> Self {
        Self {
            start: request.start(),
            is_exact: true,
            received: 0,
            is_pending: false,
            is_data_pending: false,
            has_queue: false,
            urgent: None,
            socket: None,
            is_cookie: request.is_cookie(),
        }
    }

    /// That of a socket.
    pub(crate) fn of(socket: &'a Locked<'a>) -> Self {
        Self {
            start: socket.start(),
            is_exact: socket.is_start_exact(),
            received: u32::try_from(socket.received()).unwrap_or(LIMIT),
            is_pending: socket.is_pending(),
            is_data_pending: socket.is_data_pending(),
            has_queue: socket.has_queue(),
            urgent: socket.urgent(),
            socket: Some(socket),
            is_cookie: false,
        }
    }

    /// Where the connection begins, `sent` being wrong while segments wait for the owner; `None` while
    /// the socket's owner moves the position.
    pub(crate) fn start(&self) -> Option<Start> {
        self.is_exact.then_some(self.start)
    }

    /// Whether an entry is about this connection, and not about one that had its name before it.
    pub(crate) fn is_of(&self, entry: &Undecided) -> bool {
        entry.start().received == self.start.received
            && (self.is_pending || entry.start().sent == self.start.sent)
            && entry.trajectory().first().offset() <= self.received
    }

    /// Whether any segment of its flow that passes could make another socket than this one.
    pub(crate) fn is_any_beginning(&self) -> bool {
        self.is_cookie
    }

    /// Whether a process owns the socket.
    pub(crate) fn is_owned(&self) -> bool {
        self.socket.is_some_and(Locked::is_owned)
    }

    /// Whether nobody will read more than was received.
    pub(crate) fn is_finished(&self) -> bool {
        self.socket.is_some_and(Locked::is_finished)
    }

    /// Whether TCP may take a part of a segment alone, as a socket filter cuts it. Of a socket yet to be
    /// made nobody knows.
    pub(crate) fn is_filtered(&self) -> bool {
        self.socket.is_none_or(Locked::is_filtered)
    }
}

/// Where a segment lies in its stream.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Where the connection begins.
    pub(crate) start: Start,
    /// Offset of the segment's first byte.
    pub(crate) first: i64,
    /// Offset behind its last.
    pub(crate) last: i64,
}

impl Span {
    /// That of a segment in a connection that begins at `start`.
    pub(crate) fn new(segment: &Segment<'_>, start: Start) -> Self {
        let first = i64::from(segment.seq().wrapping_sub(start.received) as i32);
        Self {
            start,
            first,
            last: first.saturating_add(segment.len().into()),
        }
    }

    /// How many of its bytes are before `offset`.
    pub(crate) fn skip(&self, offset: u32) -> u32 {
        u32::try_from(i64::from(offset).saturating_sub(self.first)).unwrap_or(0)
    }

    /// Offset behind its last byte, 0 if that is before the stream's beginning.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.last).unwrap_or(0)
    }

    /// Sequence number of an offset.
    pub(crate) fn seq(&self, offset: i64) -> u32 {
        self.start.received.wrapping_add(offset as u32)
    }
}
