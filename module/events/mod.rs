// SPDX-License-Identifier: GPL-2.0

//! Events: what is told, by netlink, of connections that were found, and of the ends of those that
//! were dropped or rejected.
//!
//! Nothing is recorded while nobody listens. The hook records into memory that was allocated
//! beforehand; if that is full, the event is lost, which is counted, and told with the next one.

#![forbid(unsafe_code)]

mod blocked;
mod queue;
mod record;

use crate::{
    inspect::ShownLine,
    kernel_ext::{
        genetlink::Event,
        packet::Segment,
        socket::{FirstSeq, Flow},
        time,
    },
    policy::{Action, Kind},
};
use blocked::{Blocked, Connection};
use classifier::HostField;
use kernel::{
    prelude::*,
    sync::{
        atomic::{ordering::Relaxed, Atomic},
        Arc,
    },
};
use queue::Queue;
use record::{Found, Record, What};

/// The events of a filter.
pub(crate) struct Events {
    queue: Arc<Queue>,
    blocked: Blocked,
    /// Counts up from the time at which the module was loaded, in microseconds: none is used again, nor
    /// tells anything of a flow's hash, and for 200 years each can be read as a `double`.
    next_flow_id: Atomic<u64>,
}

impl Events {
    /// Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let queue = Arc::new(Queue::new()?, GFP_KERNEL)?;
        Ok(Self {
            blocked: Blocked::new(queue.clone())?,
            queue,
            next_flow_id: Atomic::new(time::real_ns() / 1000),
        })
    }

    /// Whether somebody listens. Any context; costs a few loads.
    #[inline]
    pub(crate) fn has_listeners(&self) -> bool {
        Event::has_listeners()
    }

    /// Tells that a segment has shown a connection to speak HTTP, and what becomes of it, by the rule of
    /// a number if one has decided. Any context that a hook runs in; no lock may be held.
    #[inline(never)]
    pub(crate) fn found(
        &self,
        segment: &Segment<'_>,
        first_seq: FirstSeq,
        kind: Kind,
        (action, rule): (Action, Option<u32>),
        shown: &ShownLine,
    ) {
        let (cpu, flow, receiver) = (segment.cpu(), *segment.flow(), segment.receiver());
        let mut flow_id = self.next_flow_id.fetch_add(1, Relaxed);
        if action.blocks() {
            let connection = Connection::new(flow, first_seq, flow_id, &receiver);
            flow_id = self.blocked.add(cpu, connection);
        }
        let mut host = HostField::new();
        if kind == Kind::Requests {
            segment.read(shown.behind, |bytes| host.feed(bytes));
        }
        let found = Found {
            receiver,
            device: segment.device(),
            kind,
            action,
            rule,
            line: shown.line,
            host,
        };
        self.queue.push(
            cpu,
            Record {
                time: time::real_ns(),
                flow_id,
                flow,
                netns: receiver.netns(),
                what: What::Found(found),
            },
        );
    }

    /// Counts a segment of a connection that was found before and that is dropped again. Any context
    /// that a hook runs in, and no lock may be held; costs a load while no such connection is told of.
    #[inline]
    pub(crate) fn count_segment(&self, segment: &Segment<'_>, first_seq: FirstSeq) {
        self.blocked.count_segment(segment.flow(), first_seq);
    }

    /// Tells that the module has ended a connection, if that is told of; for a packet in a softirq of
    /// `cpu`. Any context that a hook runs in; no lock may be held.
    pub(crate) fn aborted(&self, cpu: Option<u32>, flow: &Flow, first_seq: FirstSeq) {
        self.blocked.abort(cpu, flow, first_seq);
    }

    /// Tells that nothing more is told of any connection. No hook is running any more. Process context;
    /// may sleep.
    pub(crate) fn disable(&self) {
        self.blocked.disable();
        self.queue.stop();
    }
}
