// SPDX-License-Identifier: GPL-2.0

//! The hook: from a packet to a netfilter verdict, with everything that is counted and logged on
//! the way.

#![forbid(unsafe_code)]

use crate::{
    counters::{count_method, Counter},
    http_connections::HttpConnections,
    inspect::{Decision, HttpMatch, Inspector},
    kernel_ext::{
        netfilter::{Hook, NfVerdict},
        packet::{Packet, Segment, Unreadable},
        siphash,
    },
    policy::{Action, Kind, Policy},
    report,
    table::Table,
};
use kernel::prelude::*;

/// The filter: its settings and its state.
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    pub(crate) table: Table,
    pub(crate) connections: HttpConnections,
    key: siphash::Key,
}

impl Hook for Filter {
    fn verdict(&self, packet: &Packet<'_>) -> NfVerdict {
        let action = self.policy.action();
        let inspector = Inspector {
            key: &self.key,
            table: &self.table,
            connections: &self.connections,
            detect: self.policy.detect(),
            enforce: action != Action::Monitor,
        };
        // Nearly all packets end here, after a few loads.
        if inspector.is_past_start(packet.received()) {
            return NfVerdict::Accept;
        }
        let segment = match packet.tcp() {
            Ok(Some(segment)) if segment.is_syn() || segment.may_add_data() => segment,
            Ok(_) => return NfVerdict::Accept,
            Err(Unreadable::Malformed) => return accept_counted(Counter::Malformed),
            Err(Unreadable::Fragment | Unreadable::DeviceMemory) => {
                return accept_counted(Counter::Uninspectable)
            }
        };
        match inspector.inspect(&segment) {
            Decision::Pass => NfVerdict::Accept,
            Decision::Http(found) => self.act(action, &segment, &found),
            Decision::Blackholed => drop_counted(),
            Decision::Defer => defer(action, Counter::Deferred),
            Decision::Refuse => defer(action, Counter::Refused),
        }
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
            key: siphash::Key::random(),
        })
    }

    /// Handles a segment that completes a first line of HTTP, as `action` says.
    fn act(&self, action: Action, segment: &Segment<'_>, found: &HttpMatch) -> NfVerdict {
        self.record(action, segment, found);
        match action {
            Action::Monitor => NfVerdict::Accept,
            Action::Drop => drop_counted(),
        }
    }

    /// Remembers the connection, unless TCP would discard the segment; counts and logs it if it is new.
    fn record(&self, action: Action, segment: &Segment<'_>, found: &HttpMatch) {
        let Some(connection) = &found.connection else {
            return;
        };
        let blackholed = connection.is_accepted && action == Action::Drop;
        if !segment.checksum_ok() || !self.connections.add(connection.id, blackholed) {
            return;
        }
        count_connection(found.kind, action);
        let Some(line) = &connection.line else {
            return;
        };
        if matches!(found.kind, Kind::Requests | Kind::Http09) {
            count_method(line.method());
        }
        if self.policy.log() {
            report::connection(action, segment, found.verdict, line);
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
