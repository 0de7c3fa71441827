// SPDX-License-Identifier: GPL-2.0

//! A forbidden first line that was found, and the connection to which it is attributed.

#![forbid(unsafe_code)]

use super::{inspection::Inspection, Decision};
use crate::{
    http_connections::ConnectionId, kernel_ext::socket::Acceptable, policy::Kind, span::Span,
    stream::FirstLine,
};
use classifier::{Classifier, Method, Verdict};

/// A segment completes a forbidden first line.
pub(crate) struct HttpMatch {
    /// The kind of HTTP.
    pub(crate) kind: Kind,
    /// The same, as the classifier has it.
    pub(crate) verdict: Verdict,
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

impl Inspection<'_> {
    /// The decision on a segment that completes a forbidden line, of which `here` is the state
    /// before it and `end` the state after it. `is_certain`: nothing in flight can move `rcv_nxt`, and
    /// the bytes can be read in one way only.
    pub(super) fn http_match(
        &mut self,
        span: Span,
        here: Classifier,
        end: Classifier,
        is_certain: bool,
    ) -> Decision {
        let (Some(kind), Some(verdict)) = (self.inspector.forbidden(end), end.verdict()) else {
            return Decision::Defer;
        };
        let first_seq = span.first_seq;
        let acceptable = match self.socket.socket {
            Some(socket) => socket.accepts(self.segment, is_certain),
            None if self.segment.ack() == first_seq.sent => Acceptable::Unknown,
            None => Acceptable::No,
        };
        let connection = (acceptable != Acceptable::No).then(|| {
            let id = self
                .inspector
                .connection(self.segment, self.place, first_seq);
            let is_new = !self.inspector.connections.contains(id);
            HttpConnection {
                id,
                is_accepted: acceptable == Acceptable::Yes,
                method: is_new.then(|| self.read_method(span, here, end)),
            }
        });
        Decision::Http(HttpMatch {
            kind,
            verdict,
            connection,
        })
    }

    /// The method of the first line that the segment completes. The line is read as well, if it is to
    /// be logged.
    fn read_method(&mut self, span: Span, here: Classifier, end: Classifier) -> Method {
        let is_shown = self.inspector.policy.log();
        if let (false, Some(method)) = (is_shown, end.method()) {
            return method;
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
        method
    }
}
