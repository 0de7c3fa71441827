// SPDX-License-Identifier: GPL-2.0

//! The decision, from packet to verdict.

use crate::{
    connections::Connections,
    counters::{count_method, Counter},
    kernel_ext::{
        netfilter::{Hook, Verdict},
        packet::{Packet, Unreadable},
    },
    policy::{Action, Kind, Policy},
    report,
    stream::Start,
};
use kernel::prelude::*;

/// The filter: its settings and what it remembers.
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    connections: Connections,
}

impl Hook for Filter {
    fn verdict(&self, packet: &Packet<'_>) -> Verdict {
        // Nearly all packets end here, with a few loads.
        if packet.is_past_start() {
            return Verdict::Accept;
        }
        let segment = match packet.tcp() {
            Ok(Some(segment)) if segment.carries_data() => segment,
            Ok(_) => return Verdict::Accept,
            Err(Unreadable::Malformed) => return pass_counted(Counter::Malformed),
            Err(Unreadable::Fragment) => return pass_counted(Counter::Uninspectable),
        };
        let Some(start) = Start::of(&segment) else {
            return Verdict::Accept;
        };
        Counter::Inspected.count();
        let Some(verdict) = start.verdict() else {
            return pass_counted(Counter::Uninspectable);
        };
        match Kind::of(verdict) {
            Some(kind) if self.policy.detect().contains(kind) => self.act(kind, &start),
            _ => Verdict::Accept,
        }
    }
}

impl Filter {
    /// A filter that has seen nothing yet. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(policy: Policy) -> Result<Self> {
        Ok(Self {
            policy,
            connections: Connections::new()?,
        })
    }

    /// Does as `action` says with a stream of HTTP.
    fn act(&self, kind: Kind, start: &Start<'_>) -> Verdict {
        let action = self.policy.action();
        if self.is_new_connection(start) {
            let line = start.line();
            count_connection(kind, action);
            if matches!(kind, Kind::Requests | Kind::Http09) {
                count_method(line.method());
            }
            if self.policy.log() {
                report::connection(action, start, &line);
            }
        }
        match action {
            Action::Monitor => Verdict::Accept,
            Action::Drop => {
                Counter::Dropped.count();
                Verdict::Drop
            }
        }
    }

    /// Whether it is to be counted and logged: not if its connection was already; nor if its
    /// checksum is wrong, since TCP will discard it, or if it is a SYN, since its data comes again on
    /// the connection.
    fn is_new_connection(&self, start: &Start<'_>) -> bool {
        !start.segment.is_syn() && start.segment.checksum_ok() && self.connections.note(start)
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
