// SPDX-License-Identifier: GPL-2.0

//! The decision, from packet to verdict.

use crate::{
    connections::Connections,
    counters::{count_method, Counter},
    judge::{Court, Found, Ruling},
    kernel_ext::{
        netfilter::{Hook, Verdict},
        packet::{Packet, Segment, Unreadable},
        siphash,
    },
    policy::{Action, Kind, Policy},
    report,
    table::Table,
};
use kernel::prelude::*;

/// The filter: its settings and what it remembers.
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    pub(crate) table: Table,
    pub(crate) connections: Connections,
    key: siphash::Key,
}

impl Hook for Filter {
    fn verdict(&self, packet: &Packet<'_>) -> Verdict {
        let action = self.policy.action();
        let court = Court {
            key: &self.key,
            table: &self.table,
            connections: &self.connections,
            detect: self.policy.detect(),
            enforce: action != Action::Monitor,
        };
        // Nearly all packets end here, with a few loads.
        if court.is_past_start(packet.received()) {
            return Verdict::Accept;
        }
        let segment = match packet.tcp() {
            Ok(Some(segment)) if segment.is_syn() || segment.is_read() => segment,
            Ok(_) => return Verdict::Accept,
            Err(Unreadable::Malformed) => return pass_counted(Counter::Malformed),
            Err(Unreadable::Fragment | Unreadable::DeviceMemory) => {
                return pass_counted(Counter::Uninspectable)
            }
        };
        match court.rule(&segment) {
            Ruling::Pass => Verdict::Accept,
            Ruling::Http(found) => self.act(action, &segment, &found),
            Ruling::Condemned => drop_counted(),
            Ruling::Defer => hold_back(action, Counter::Deferred),
            Ruling::Refuse => hold_back(action, Counter::Refused),
        }
    }
}

impl Filter {
    /// A filter that has seen nothing yet, with room for so many undecided streams. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(policy: Policy, max_undecided: usize) -> Result<Self> {
        Ok(Self {
            policy,
            table: Table::new(max_undecided)?,
            connections: Connections::new()?,
            key: siphash::Key::random(),
        })
    }

    /// Does as `action` says with a segment that completes a first line of HTTP.
    fn act(&self, action: Action, segment: &Segment<'_>, found: &Found) -> Verdict {
        self.count(action, segment, found);
        match action {
            Action::Monitor => Verdict::Accept,
            Action::Drop => drop_counted(),
        }
    }

    /// Counts its connection and logs it, if that is new, and the segment is one that TCP would not
    /// discard.
    fn count(&self, action: Action, segment: &Segment<'_>, found: &Found) {
        let Some(culprit) = &found.connection else {
            return;
        };
        let is_condemned = culprit.is_condemned && action == Action::Drop;
        if !segment.checksum_ok() || !self.connections.note(culprit.name, is_condemned) {
            return;
        }
        count_connection(found.kind, action);
        let Some(line) = &culprit.line else {
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

fn drop_counted() -> Verdict {
    Counter::Dropped.count();
    Verdict::Drop
}

/// Drops a segment for its sender to bring it again; where nothing is dropped, it passes unseen.
fn hold_back(action: Action, counter: Counter) -> Verdict {
    match action {
        Action::Monitor => pass_counted(Counter::Uninspectable),
        Action::Drop => {
            counter.count();
            Verdict::Drop
        }
    }
}

fn pass_counted(counter: Counter) -> Verdict {
    counter.count();
    Verdict::Accept
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
