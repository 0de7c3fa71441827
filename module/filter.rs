// SPDX-License-Identifier: GPL-2.0

//! The decision, from packet to verdict.

use crate::{
    connections::Connections,
    counters::{count_method, Counter},
    kernel_ext::{
        netfilter::{Hook, Hooks, Verdict},
        packet::{Packet, Segment, Unreadable},
        pernet::Active,
    },
    policy::{Action, Kind, Policy},
    report,
};
use classifier::{Classifier, Line};
use kernel::prelude::*;

/// The filter: its settings and what it remembers.
#[pin_data]
pub(crate) struct Filter {
    pub(crate) policy: Policy,
    #[pin]
    connections: Connections,
}

impl Filter {
    /// A filter that has seen nothing yet. Process context.
    pub(crate) fn new(policy: Policy) -> impl PinInit<Self> {
        pin_init!(Self {
            policy,
            connections <- Connections::new(),
        })
    }
}

impl Hook for Filter {
    fn active() -> &'static Active<Hooks<Self>> {
        static ACTIVE: Active<Hooks<Filter>> = Active::new();
        &ACTIVE
    }

    fn verdict(&self, packet: &Packet<'_>) -> Verdict {
        // Nearly all packets end here, with a few loads.
        if packet.is_past_start() {
            return Verdict::Accept;
        }
        let segment = match packet.tcp() {
            Ok(Some(segment)) if segment.carries_data() => segment,
            Ok(_) => return Verdict::Accept,
            Err(Unreadable::Malformed) => {
                Counter::Malformed.count();
                return Verdict::Accept;
            }
            Err(Unreadable::Fragment) => {
                Counter::Uninspectable.count();
                return Verdict::Accept;
            }
        };
        // What lies behind the start passes: it can't be read before the start is, and the segment
        // that fills the gap is judged.
        let Some(start) = packet.stream_start(&segment) else {
            return Verdict::Accept;
        };
        let Some(offset) = segment.offset_of(start) else {
            return Verdict::Accept;
        };

        Counter::Inspected.count();
        let mut stream = Classifier::new();
        feed(packet, &segment, offset, |bytes| {
            stream.feed(bytes).is_none()
        });
        match stream.verdict() {
            // The rest of its first line is in segments to come, which pass.
            None => {
                Counter::Uninspectable.count();
                Verdict::Accept
            }
            Some(verdict) => match Kind::of(verdict) {
                Some(kind) if self.policy.detect().contains(kind) => {
                    self.found(kind, packet, &segment, start, offset, &stream)
                }
                _ => Verdict::Accept,
            },
        }
    }
}

impl Filter {
    /// HTTP: counts and logs its connection the first time, and does as `action` says.
    fn found(
        &self,
        kind: Kind,
        packet: &Packet<'_>,
        segment: &Segment,
        start: u32,
        offset: u32,
        stream: &Classifier,
    ) -> Verdict {
        let action = self.policy.action();
        // What TCP will discard is no word of the connection's peer: a forged request on somebody's
        // innocent connection must not be counted as theirs.
        if packet.checksum_ok(segment) && self.connections.note(packet, segment, start) {
            let mut line = Line::new();
            // The deciding byte is the version's first digit; the rest of the version is to be shown,
            // and the status behind it where it is a response.
            let mut left = stream.offset().saturating_add(6) as usize;
            feed(packet, segment, offset, |bytes| {
                line.feed(bytes.get(..left).unwrap_or(bytes));
                left = left.saturating_sub(bytes.len());
                left != 0
            });
            count_connection(kind, action, &line);
            if self.policy.log() {
                report::connection(action, stream, &line, packet, segment);
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
}

fn count_connection(kind: Kind, action: Action, line: &Line) {
    match kind {
        Kind::Requests => Counter::Requests,
        Kind::H2c => Counter::H2c,
        Kind::Http09 => Counter::Http09,
        Kind::Responses => Counter::Responses,
    }
    .count();
    if matches!(kind, Kind::Requests | Kind::Http09) {
        count_method(line.method());
    }
    match action {
        Action::Drop => Counter::Blocked,
        Action::Monitor => Counter::Monitored,
    }
    .count();
}

/// Hands payload from `offset` on to `consume`, piece by piece, until that returns false or there
/// is no more.
fn feed(
    packet: &Packet<'_>,
    segment: &Segment,
    mut offset: u32,
    mut consume: impl FnMut(&[u8]) -> bool,
) {
    let mut buffer = [0; 128];
    loop {
        let bytes = packet.payload(segment, offset, &mut buffer);
        if bytes.is_empty() || !consume(bytes) {
            return;
        }
        offset = offset.saturating_add(bytes.len() as u32);
    }
}
