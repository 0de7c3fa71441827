// SPDX-License-Identifier: GPL-2.0

//! A first line of HTTP that was found, and the connection to which it is attributed.

#![forbid(unsafe_code)]

use super::{inspection::Inspection, Decision, Inspector};
use crate::{
    http_connections::ConnectionId,
    kernel_ext::{
        packet::Segment,
        socket::{Acceptable, FirstSeq},
    },
    policy::{Action, Kind},
    socket_state::Receiver,
    span::Span,
    stream::FirstLine,
};
use classifier::{Classifier, LogLine, Method};

/// A segment completes a first line of HTTP.
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
    pub(crate) first_seq: FirstSeq,
    /// Whether TCP would accept the segment, so that nothing else can be read from this connection.
    pub(crate) is_accepted: bool,
    /// The method of a request; `None` if the connection was found before.
    pub(crate) method: Option<Method>,
}

/// The first line of a connection that is found, as far as it is shown.
pub(crate) struct ShownLine {
    pub(crate) line: LogLine,
    /// Where in the segment lies what is behind the byte that has decided.
    pub(crate) behind: u32,
}

/// A first line that a segment completes.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// The state before the segment.
    pub(super) here: Classifier,
    /// The state after it.
    pub(super) end: Classifier,
    /// Whether nothing in flight can move `rcv_nxt`, and the bytes can be read in one way only.
    pub(super) is_certain: bool,
}

impl Inspector<'_> {
    /// The decision on a segment that completes a first line of this `kind`. `is_certain`: nothing
    /// in flight can move `rcv_nxt`, and the bytes can be read in one way only. `method` gets the
    /// method of a connection that was not found before.
    pub(super) fn http_match(
        &self,
        segment: &Segment<'_>,
        (receiver, first_seq): (Receiver<'_>, FirstSeq),
        hash: u64,
        kind: Kind,
        is_certain: bool,
        method: impl FnOnce(ConnectionId) -> Option<Method>,
    ) -> Decision {
        let acceptable = receiver.accepts(segment, is_certain);
        let connection = (acceptable != Acceptable::No).then(|| {
            let id = ConnectionId::new(hash, first_seq);
            HttpConnection {
                id,
                first_seq,
                is_accepted: acceptable == Acceptable::Yes,
                method: method(id),
            }
        });
        Decision::Http(HttpMatch { kind, connection })
    }
}

impl Inspection<'_> {
    /// The decision on a segment that moves the stream from `here` to `end`, if it completes a forbidden
    /// line. A line of HTTP that may pass is noted; `is_certain` as above.
    pub(super) fn match_forbidden(
        &mut self,
        span: Span,
        here: Classifier,
        end: Classifier,
        is_certain: bool,
    ) -> Option<Decision> {
        let kind = self.inspector.policy.detected(end)?;
        let found = Found {
            kind,
            span,
            here,
            end,
            is_certain,
        };
        if self.inspector.policy.action(kind).blocks() {
            return Some(self.http_match(found));
        }
        self.permitted = Some(found);
        None
    }

    /// The decision on a segment that completes a first line.
    pub(super) fn http_match(&mut self, found: Found) -> Decision {
        let (inspector, segment, hash) = (self.inspector, self.segment, self.hash);
        let receiver = (self.socket.receiver, found.span.first_seq);
        inspector.http_match(
            segment,
            receiver,
            hash,
            found.kind,
            found.is_certain,
            |id| self.method(id, &found),
        )
    }

    /// The method of the first line that the segment completes; `None` if it would have to be read of
    /// a connection that was found before. The line is read as well, if it is to be logged or told of.
    fn method(&mut self, id: ConnectionId, found: &Found) -> Option<Method> {
        let &Found {
            kind,
            span,
            here,
            end,
            ..
        } = found;
        let is_logged = self.inspector.log && self.inspector.policy.action(kind) != Action::Allow;
        let is_shown = is_logged || self.inspector.events.has_listeners();
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
            let behind = span.skip(end.offset());
            *self.line = Some(ShownLine { line, behind });
        }
        Some(method)
    }
}
