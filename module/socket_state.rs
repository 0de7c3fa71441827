// SPDX-License-Identifier: GPL-2.0

//! The state of the socket that will receive a segment: where it stands in its stream.

#![forbid(unsafe_code)]

use crate::{
    entry::Entry,
    kernel_ext::{
        packet::Segment,
        socket::{Acceptable, FirstSeq, LockedSocket, Request},
    },
};
use classifier::LIMIT;

/// What a state is of.
#[derive(Clone, Copy)]
pub(crate) enum Receiver<'a> {
    Socket(&'a LockedSocket<'a>),
    Request(&'a Request<'a>),
}

impl Receiver<'_> {
    /// Whether TCP would accept the data of a segment, if its checksum is right. If it
    /// `is_certain`, nothing in flight can move `rcv_nxt` before.
    pub(crate) fn accepts(self, segment: &Segment<'_>, is_certain: bool) -> Acceptable {
        match self {
            Self::Socket(socket) => socket.accepts(segment, is_certain),
            Self::Request(request) => request.accepts(segment, is_certain),
        }
    }
}

/// The state of a socket, or of a request for one.
pub(crate) struct SocketState<'a> {
    first_seq: FirstSeq,
    /// Whether `first_seq` is right: not while the socket's owner moves `rcv_nxt`.
    is_first_seq_exact: bool,
    /// How many bytes of the stream TCP has received; [`LIMIT`] if the socket was
    /// restored, and has received nothing since.
    pub(crate) received: u32,
    /// Whether the socket has a backlog: then `received` lags behind what has passed the hook.
    pub(crate) has_backlog: bool,
    /// Whether segments of the backlog may have data.
    pub(crate) backlog_may_have_data: bool,
    /// Whether the out-of-order queue has segments.
    pub(crate) has_ofo_queue: bool,
    /// The sequence number of a byte that readers may skip.
    pub(crate) urgent: Option<u32>,
    pub(crate) receiver: Receiver<'a>,
}

impl<'a> SocketState<'a> {
    /// The state that a request's socket will have when it is created.
    pub(crate) fn of_request(request: &'a Request<'a>) -> Self {
        Self {
            first_seq: request.first_seq(),
            is_first_seq_exact: true,
            received: 0,
            has_backlog: false,
            backlog_may_have_data: false,
            has_ofo_queue: false,
            urgent: None,
            receiver: Receiver::Request(request),
        }
    }

    /// The state of a socket.
    pub(crate) fn of(socket: &'a LockedSocket<'a>) -> Self {
        Self {
            first_seq: socket.first_seq(),
            is_first_seq_exact: socket.is_first_seq_exact(),
            received: u32::try_from(socket.received()).unwrap_or(LIMIT),
            has_backlog: socket.has_backlog(),
            backlog_may_have_data: socket.backlog_may_have_data(),
            has_ofo_queue: socket.has_ofo_queue(),
            urgent: socket.urgent(),
            receiver: Receiver::Socket(socket),
        }
    }

    /// The socket; `None` for a request.
    pub(crate) fn socket(&self) -> Option<&'a LockedSocket<'a>> {
        match self.receiver {
            Receiver::Socket(socket) => Some(socket),
            Receiver::Request(_) => None,
        }
    }

    /// The first sequence numbers of the connection, `sent` being wrong if there is a backlog;
    /// `None` while the socket's owner moves `rcv_nxt`.
    pub(crate) fn first_seq(&self) -> Option<FirstSeq> {
        self.is_first_seq_exact.then_some(self.first_seq)
    }

    /// Whether it has received nothing, nor has it a backlog; the first byte of its stream has this
    /// sequence number, readers skip none, and it receives segments whole.
    pub(crate) fn begins_at(&self, seq: u32) -> bool {
        self.received == 0
            && !self.has_backlog
            && self.first_seq.received == seq
            && self.urgent.is_none()
            && !self.may_have_filter()
    }

    /// Whether an entry belongs to this connection, and not to an earlier one with the same
    /// addresses and ports.
    pub(crate) fn has_entry(&self, entry: &Entry) -> bool {
        entry.first_seq().received == self.first_seq.received
            && (self.has_backlog || entry.first_seq().sent == self.first_seq.sent)
            && entry.states().start() <= self.received
    }

    /// Whether there is neither a socket nor a request: any segment with a valid SYN cookie creates
    /// a socket, which need not be this one.
    pub(crate) fn is_syn_cookie(&self) -> bool {
        matches!(self.receiver, Receiver::Request(request) if request.is_syn_cookie())
    }

    /// Whether a process owns the socket.
    pub(crate) fn is_owned(&self) -> bool {
        self.socket().is_some_and(LockedSocket::is_owned)
    }

    /// Whether nobody will read more than was received.
    pub(crate) fn is_done(&self) -> bool {
        self.socket().is_some_and(LockedSocket::is_done)
    }

    /// Whether a socket filter may trim segments. A request's socket may get one from its listener.
    pub(crate) fn may_have_filter(&self) -> bool {
        self.socket().is_none_or(LockedSocket::has_filter)
    }
}
