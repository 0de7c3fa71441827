// SPDX-License-Identifier: GPL-2.0

//! Ends rejected connections: both of their ends learn at once, and nothing of them lingers.
//!
//! Only a segment that TCP was about to accept ends a connection, so that nobody ends those of others
//! by forging one. If it can't be ended now, because a process owns its socket, nothing waits: it is
//! [blackholed](crate::http_connections), and each of its segments with data tries again.

#![forbid(unsafe_code)]

use crate::kernel_ext::{
    packet::Segment,
    socket::{Abort, FirstSeq, SocketLookup},
};

/// Ends the connection that a segment belongs to and that has these first sequence numbers, if that
/// can be done now. Returns whether it was. Any context that a hook runs in; no lock may be held, since
/// this sends a packet.
pub(crate) fn end_connection(segment: &Segment<'_>, first_seq: FirstSeq) -> bool {
    let mut is_ended = false;
    if let SocketLookup::Request(request) = segment.look_up_socket() {
        if request.first_seq() == first_seq {
            is_ended = request.reset(segment);
        }
    }
    // It may also be one that an ACK without data has created meanwhile, on another CPU.
    if let SocketLookup::Socket(socket) = segment.look_up_socket() {
        is_ended |= socket.abort(first_seq) == Abort::Aborted;
    }
    is_ended
}
