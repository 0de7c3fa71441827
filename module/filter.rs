// SPDX-License-Identifier: GPL-2.0

//! The hook: from a packet to a netfilter verdict, with everything that is counted and logged on
//! the way.

#![forbid(unsafe_code)]

use crate::{
    counters::{count_method, Counter},
    http_connections::HttpConnections,
    inspect::{Decision, HttpMatch, Inspector},
    kernel_ext::{
        flow_hash,
        flow_set::FlowSet,
        netfilter::{Hook, NfVerdict},
        packet::{Segment, Unreadable},
        socket::SocketLookup,
    },
    policy::{Action, Kind, Policy},
    report,
    table::Table,
};
use classifier::LogLine;
use kernel::prelude::*;

/// The filter: its settings and its state.
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    pub(crate) table: Table,
    pub(crate) connections: HttpConnections,
    key: flow_hash::Key,
}

impl Hook for Filter {
    /// Nearly all packets are past the start of their streams, and not even passed to
    /// [`Self::verdict`].
    fn inspected_flows(&self) -> &FlowSet {
        self.table.undecided_flows()
    }

    #[inline]
    fn verdict(&self, segment: &Segment<'_>, socket: SocketLookup<'_>) -> NfVerdict {
        let action = self.policy.action();
        let inspector = Inspector {
            key: &self.key,
            table: &self.table,
            connections: &self.connections,
            policy: &self.policy,
            enforce: action != Action::Monitor,
        };
        let mut line = None;
        match inspector.inspect(segment, socket, &mut line) {
            Decision::Pass => NfVerdict::Accept,
            Decision::Http(found) => {
                self.record(action, segment, &found, line.as_ref());
                match action {
                    Action::Monitor => NfVerdict::Accept,
                    Action::Drop => drop_counted(),
                }
            }
            Decision::Blackholed => drop_counted(),
            Decision::Defer => defer(action, Counter::Deferred),
            Decision::Refuse => defer(action, Counter::Refused),
        }
    }

    fn unreadable(&self, why: Unreadable) {
        match why {
            Unreadable::Malformed => Counter::Malformed,
            Unreadable::Fragment | Unreadable::DeviceMemory => Counter::Uninspectable,
        }
        .count();
    }
}

impl Filter {
    /// A filter that has seen nothing yet, with room for so many undecided streams. Process
    /// context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(policy: Policy, max_undecided: usize) -> Result<Self> {
        Ok(Self {
            policy,
            table: Table::new(max_undecided)?,
            connections: HttpConnections::new()?,
            key: flow_hash::Key::random(),
        })
    }

    /// Remembers the connection, unless TCP would discard the segment; counts and logs it if it is new.
    #[inline(never)]
    fn record(
        &self,
        action: Action,
        segment: &Segment<'_>,
        found: &HttpMatch,
        line: Option<&LogLine>,
    ) {
        let Some(connection) = &found.connection else {
            return;
        };
        let blackholed = connection.is_accepted && action == Action::Drop;
        if !segment.checksum_ok() || !self.connections.add(connection.id, blackholed) {
            return;
        }
        count_connection(found.kind, action);
        let Some(method) = connection.method else {
            return;
        };
        if matches!(found.kind, Kind::Requests | Kind::Http09) {
            count_method(method);
        }
        if let (Some(line), true) = (line, self.policy.log()) {
            report::connection(action, segment, found.kind, line);
        }
    }
}

fn drop_counted() -> NfVerdict {
    Counter::Dropped.count();
    NfVerdict::Drop
}

/// Drops a segment for its sender to retransmit. Where nothing is dropped, it passes uninspected.
fn defer(action: Action, counter: Counter) -> NfVerdict {
    match action {
        Action::Monitor => accept_counted(Counter::Uninspectable),
        Action::Drop => {
            counter.count();
            NfVerdict::Drop
        }
    }
}

fn accept_counted(counter: Counter) -> NfVerdict {
    counter.count();
    NfVerdict::Accept
}

fn count_connection(kind: Kind, action: Action) {
    match kind {
        Kind::Requests => Counter::Requests,
        Kind::H2c => Counter::H2c,
        Kind::Http09 => Counter::Http09,
        Kind::Responses => Counter::Responses,
    }
    .count();
    match action {
        Action::Drop => Counter::Blocked,
        Action::Monitor => Counter::Monitored,
    }
    .count();
}
