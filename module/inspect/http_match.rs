// SPDX-License-Identifier: GPL-2.0

//! A forbidden first line that was found, and the connection to which it is attributed.

#![forbid(unsafe_code)]

use super::{inspection::Inspection, Decision, Inspector};
use crate::{
    http_connections::ConnectionId,
    kernel_ext::{
        packet::Segment,
        socket::{Acceptable, FirstSeq, LockedSocket},
    },
    policy::Kind,
    span::Span,
    stream::FirstLine,
};
use classifier::{Classifier, Method};

/// A segment completes a forbidden first line.
pub(crate) struct HttpMatch {
    /// The kind of HTTP.
    pub(crate) kind: Kind,
    /// The connection; `None` if TCP would discard the segment, or if that is a SYN, whose data are
    /// sent again on the connection.
    pub(crate) connection: Option<HttpConnection>,
}

/// A connection that speaks HTTP, unless the segment's checksum, which was not verified, is wrong.
pub(crate) struct HttpConnection {
    pub(crate) id: ConnectionId,
    /// Whether TCP would accept the segment, so that nothing else can be read from this connection.
    pub(crate) is_accepted: bool,
    /// The method of a request; `None` if the connection was found before.
    pub(crate) method: Option<Method>,
}

impl Inspector<'_> {
    /// The decision on a segment that completes a forbidden line of this `kind`. `is_certain`: nothing
    /// in flight can move `rcv_nxt`, and the bytes can be read in one way only. `method` gets the
    /// method of a connection that was not found before.
    pub(super) fn http_match(
        &self,
        segment: &Segment<'_>,
        (socket, first_seq): (Option<&LockedSocket<'_>>, FirstSeq),
        hash: u64,
        kind: Kind,
        is_certain: bool,
        method: impl FnOnce(ConnectionId) -> Option<Method>,
    ) -> Decision {
        let acceptable = match socket {
            Some(socket) => socket.accepts(segment, is_certain),
            None if segment.ack() == first_seq.sent => Acceptable::Unknown,
            None => Acceptable::No,
        };
        let connection = (acceptable != Acceptable::No).then(|| {
            let id = ConnectionId::new(hash, first_seq);
            HttpConnection {
                id,
                is_accepted: acceptable == Acceptable::Yes,
                method: method(id),
            }
        });
        Decision::Http(HttpMatch { kind, connection })
    }
}

impl Inspection<'_> {
    /// The decision on a segment that completes a forbidden line of this `kind`, of which `here` is the
    /// state before it and `end` the state after it; `is_certain` as above.
    pub(super) fn http_match(
        &mut self,
        kind: Kind,
        span: Span,
        here: Classifier,
        end: Classifier,
        is_certain: bool,
    ) -> Decision {
        let (inspector, segment, hash) = (self.inspector, self.segment, self.hash);
        let socket = (self.socket.socket, span.first_seq);
        inspector.http_match(segment, socket, hash, kind, is_certain, |id| {
            self.method(id, span, here, end)
        })
    }

    /// The method of the first line that the segment completes; `None` if it would have to be read of
    /// a connection that was found before. The line is read as well, if it is to be logged.
    fn method(
        &mut self,
        id: ConnectionId,
        span: Span,
        here: Classifier,
        end: Classifier,
    ) -> Option<Method> {
        let is_shown = self.inspector.policy.log();
        if let (false, Some(method)) = (is_shown, end.method()) {
            return Some(method);
        }
        if self.inspector.connections.contains(id) {
            return None;
        }
        let known = self.states_from(here);
        let mut line = FirstLine::new(known.text(here.offset()), here, end, is_shown);
        // If the scan budget is used up meanwhile, the line is shown without its end.
        let _ = self.read(span, here, |bytes| line.add(bytes));
        let line = line.finish();
        let method = line.method();
        if is_shown {
            *self.line = Some(line);
        }
        Some(method)
    }
}
