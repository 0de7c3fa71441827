// SPDX-License-Identifier: GPL-2.0

//! The hook: from a packet to a netfilter verdict, with everything that is counted and logged on
//! the way.

#![forbid(unsafe_code)]

use crate::{
    counters::{count_method, Counter},
    events::Events,
    flow_policy::{self, FlowPolicy},
    http_connections::HttpConnections,
    inspect::{Decision, HttpConnection, HttpMatch, Inspector, ShownLine},
    kernel_ext::{
        flow_hash,
        flow_set::FlowSet,
        netfilter::{Hook, NfVerdict},
        packet::{Segment, Unreadable},
        rcu,
        socket::{FirstSeq, SocketLookup},
    },
    policy::{Action, Config, Kind, Policy},
    reject, report,
    table::Table,
};
use kernel::{prelude::*, sync::Arc};

/// The filter: its settings and its state.
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    pub(crate) table: Table,
    pub(crate) connections: HttpConnections,
    pub(crate) events: Arc<Events>,
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
        let config = self.policy.config(segment.read_section());
        let policy = FlowPolicy::new(config, segment);
        let inspector = Inspector {
            key: &self.key,
            table: &self.table,
            connections: &self.connections,
            policy: &policy,
            log: self.policy.log(),
            events: &self.events,
        };
        let mut line = None;
        match inspector.inspect(segment, socket, &mut line) {
            Decision::Pass => NfVerdict::Accept,
            Decision::Http(found) => {
                self.record(&policy, segment, &found, line.as_ref());
                match policy.action(found.kind).blocks() {
                    true => drop_counted(),
                    false => NfVerdict::Accept,
                }
            }
            Decision::Blackholed(action, first_seq) => {
                self.events.count_segment(segment, first_seq);
                if action == Action::Reject {
                    self.end_connection(segment, first_seq);
                }
                drop_counted()
            }
            Decision::Defer => defer(&policy, Counter::Deferred),
            Decision::Refuse => defer(&policy, Counter::Refused),
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
        let events = Arc::new(Events::new()?, GFP_KERNEL)?;
        Ok(Self {
            policy,
            table: Table::new(max_undecided, events.clone())?,
            events,
            connections: HttpConnections::new()?,
            key: flow_hash::Key::random(),
        })
    }

    /// Changes the settings that decide what happens to connections. Connections that were found before
    /// are judged anew. Process context; may sleep.
    ///
    /// # Errors
    ///
    /// Those of `change`; `ENOMEM`.
    pub(crate) fn reconfigure<E: From<Error>>(
        &self,
        change: impl FnOnce(&Config) -> Result<Config, E>,
    ) -> Result<(), E> {
        let mut config = self.policy.lock();
        let changed = change(&config)?;
        config.replace(changed)?;
        self.table.forget_rules(|flow| {
            rcu::read_section(|section| flow_policy::is_exempt(&config, flow, section))
        });
        self.connections.reset_blackholed();
        Ok(())
    }

    /// Remembers the connection, unless TCP would discard the segment; counts, logs and tells of it if it
    /// is new, and ends it if it is to be rejected.
    #[inline(never)]
    fn record(
        &self,
        policy: &FlowPolicy<'_>,
        segment: &Segment<'_>,
        found: &HttpMatch,
        line: Option<&ShownLine>,
    ) {
        let Some(connection) = &found.connection else {
            return;
        };
        if !segment.checksum_ok() {
            return;
        }
        let action = policy.action(found.kind);
        let blackholed = (connection.is_accepted && action.blocks()).then_some(action);
        if self.connections.add(connection.id, blackholed) {
            self.tell(policy, segment, found.kind, connection, line);
        } else if action.blocks() {
            self.events.count_segment(segment, connection.first_seq);
        }
        if blackholed == Some(Action::Reject) {
            self.end_connection(segment, connection.first_seq);
        }
    }

    /// Ends the connection of a segment that is rejected, if that can be done now.
    fn end_connection(&self, segment: &Segment<'_>, first_seq: FirstSeq) {
        if reject::end_connection(segment, first_seq) {
            self.events
                .aborted(segment.cpu(), segment.flow(), first_seq);
        }
    }

    /// Counts a new connection, and logs and tells its line, if there is one.
    fn tell(
        &self,
        policy: &FlowPolicy<'_>,
        segment: &Segment<'_>,
        kind: Kind,
        connection: &HttpConnection,
        line: Option<&ShownLine>,
    ) {
        let (action, rule) = (policy.action(kind), policy.rule(kind));
        count_connection(kind, action);
        if let Some((_, rule)) = rule {
            rule.count_hit();
        }
        if let (Some(method), Kind::Requests | Kind::Http09) = (connection.method, kind) {
            count_method(method);
        }
        let Some(shown) = line else {
            return;
        };
        let rule = rule.map(|(number, _)| number);
        if self.policy.log() && action != Action::Allow {
            report::connection(action, rule, segment, kind, &shown.line);
        }
        if self.events.has_listeners() {
            self.events
                .found(segment, connection.first_seq, kind, (action, rule), shown);
        }
    }
}

fn drop_counted() -> NfVerdict {
    Counter::Dropped.count();
    NfVerdict::Drop
}

/// Drops a segment for its sender to retransmit. Where nothing of its flow is blocked, it passes
/// uninspected.
fn defer(policy: &FlowPolicy<'_>, counter: Counter) -> NfVerdict {
    match policy.enforces() {
        true => {
            counter.count();
            NfVerdict::Drop
        }
        false => {
            Counter::Uninspectable.count();
            NfVerdict::Accept
        }
    }
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
        Action::Drop | Action::Reject => Counter::Blocked,
        Action::Monitor => Counter::Monitored,
        Action::Allow => Counter::Allowed,
    }
    .count();
}
