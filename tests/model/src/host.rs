// SPDX-License-Identifier: GPL-2.0

//! A host: a [`world`](crate::world), and the filter in it.

use crate::{
    counters::Counter,
    filter::Filter,
    kernel_ext::{
        netfilter::{run_hook, NfVerdict},
        packet,
    },
    policy::{self, Config, Policy},
    rules::RuleSet,
    scenario::{start, Begin, Segment, Setup},
    task::Task,
    world::{self, with, Cost, Established, Packet, Socket, World},
};
use kernel::{prelude::GFP_KERNEL, sync::Arc, undo_log::Snapshot};
use std::cell::{Cell, RefCell};

/// The initial state of a thread's last host.
struct Beginning {
    setup: Setup,
    world: World,
    filter: Snapshot,
}

thread_local! {
    static BEGINNING: RefCell<Option<Beginning>> = const { RefCell::new(None) };
    static FILTER: &'static Filter = Box::leak(Box::new(
        Filter::new(Policy::new().expect("there is memory"), 1).expect("there is memory")
    ));
}

/// The filter's verdict on a segment, and its reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// It passed.
    Passes,
    /// It was dropped: as HTTP, or as part of a connection that is known to be.
    Dropped,
    /// It was dropped, to be decided when it is retransmitted.
    Deferred,
    /// It was dropped because the table had no slot for its connection.
    Refused,
}

impl Verdict {
    const ALL: [(Self, Counter); 3] = [
        (Self::Dropped, Counter::Dropped),
        (Self::Deferred, Counter::Deferred),
        (Self::Refused, Counter::Refused),
    ];
}

/// A host. There is one at a time on a thread.
#[allow(missing_debug_implementations)]
pub struct Host {
    filter: &'static Filter,
    /// The work that the last segment made.
    cost: Cell<Cost>,
}

/// What tests do with a host, one thing after the other.
impl Host {
    /// Sends a segment, which TCP receives if it passes.
    pub fn send(&self, segment: &Segment) -> Verdict {
        self.send_coalescing(segment, true)
    }

    /// The same; `coalesces` chooses whether TCP coalesces it with the segment before it in the
    /// out-of-order queue, if it can.
    pub fn send_coalescing(&self, segment: &Segment, coalesces: bool) -> Verdict {
        let packet = Packet {
            coalesces,
            ..packet(segment)
        };
        let mut hook = self.hook(packet, Some(0), false);
        let verdict = hook.resume().expect("nobody preempts it");
        self.cost.set(hook.running().cost);
        if verdict == Verdict::Passes {
            with(|world| world.receive(packet));
        }
        verdict
    }

    /// A process locks a socket.
    pub fn own(&self, socket: usize) {
        with(|world| world.sockets[socket].own());
    }

    /// The process releases it.
    pub fn release(&self, socket: usize) {
        with(|world| {
            let socket = &mut world.sockets[socket];
            while socket.can_release() {
                socket.release();
            }
        });
    }

    /// Lets seconds pass, each with a grace period and, if it is scheduled, the sweep.
    pub fn sleep(&self, seconds: u32) {
        for _ in 0..seconds {
            with(|world| {
                world.grace.begin();
                world.grace.end();
            });
            self.sleep_without_grace();
        }
    }

    /// Lets a second pass without a grace period.
    pub fn sleep_without_grace(&self) {
        with(|world| world.seconds += 1);
        if with(|world| world.is_sweep_due) {
            self.sweep(false).resume();
        }
    }

    /// Whether a grace period was requested that has not begun.
    pub fn grace_period_is_requested(&self) -> bool {
        with(|world| world.grace.is_requested())
    }

    /// The part of a connection's stream that was received.
    pub fn received(&self, flow: usize) -> Vec<u8> {
        with(|world| world.stream(flow).to_vec())
    }

    /// Whether a connection is over.
    pub fn is_over(&self, flow: usize) -> bool {
        with(|world| world.flows[flow] == Established::Nothing)
    }

    /// How many connections were counted as HTTP and blocked.
    pub fn blocked(&self) -> u64 {
        world::counted(Counter::Blocked)
    }

    /// How many were counted and passed.
    pub fn monitored(&self) -> u64 {
        world::counted(Counter::Monitored)
    }

    /// How many bytes were copied for the last segment, and how many segments of the queue visited.
    pub fn cost(&self) -> (u32, u32) {
        let cost = self.cost.get();
        (cost.copied, cost.visited)
    }

    /// How many undecided connections the table has room for.
    pub fn capacity(&self) -> usize {
        self.filter.table.capacity()
    }

    /// Switches the filter off: it forgets what was undecided.
    pub fn switch_off(&self) {
        self.filter.table.clear();
    }

    /// Sets what counts as HTTP: one kind, by its name.
    pub fn detect(&self, kind: &str) {
        let detect = policy::parse_detect(kind).expect("it is what the setting takes");
        let change = |config: &Config| {
            Ok(Config {
                detect,
                ..config.changed()
            })
        };
        let changed: kernel::error::Result = self.filter.reconfigure(change);
        changed.expect("there is memory");
    }
}

impl Host {
    /// A host as `setup` tells; the thread's previous one is gone.
    pub fn new(setup: &Setup) -> Self {
        let filter = FILTER.with(|filter| *filter);
        let beginning = BEGINNING
            .take()
            .filter(|beginning| beginning.setup == *setup)
            .unwrap_or_else(|| Beginning::prepare(filter, setup));
        // SAFETY: The last host's tasks are gone.
        unsafe { beginning.filter.restore() };
        with(|world| world.clone_from(&beginning.world));
        BEGINNING.set(Some(beginning));
        Self {
            filter,
            cost: Cell::default(),
        }
    }

    /// The hook on a packet, in a softirq of a CPU, or in a thread.
    pub(crate) fn hook(
        &self,
        packet: Packet,
        cpu: Option<u32>,
        is_preemptive: bool,
    ) -> Task<Verdict> {
        let filter = self.filter;
        Task::new(move || inspect(filter, packet), cpu, is_preemptive)
    }

    /// The sweep.
    pub(crate) fn sweep(&self, is_preemptive: bool) -> Task<()> {
        with(|world| world.is_sweep_due = false);
        let work = world::work().expect("the filter has work");
        let run = move || {
            // SAFETY: The filter lives as long as the thread.
            if unsafe { (*work).run() }.is_some() {
                with(|world| world.is_sweep_due = true);
            }
        };
        Task::new(run, None, is_preemptive)
    }

    /// How many connections are undecided.
    pub fn undecided(&self) -> u32 {
        self.filter.table.undecided()
    }
}

/// A packet as the hook gets it: early demux has looked for its socket.
pub(crate) fn packet(segment: &Segment) -> Packet {
    let mut packet = segment.packet();
    packet.demuxed = with(|world| match world.established(packet.flow) {
        Established::Socket(socket) => Some(socket),
        _ => None,
    });
    packet
}

fn inspect(filter: &Filter, packet: Packet) -> Verdict {
    if run_hook(filter, &packet::Packet::new(packet)) == NfVerdict::Accept {
        return Verdict::Passes;
    }
    let counter = world::running().and_then(|running| running.counter);
    let is_counted = |(_, dropped): &(Verdict, Counter)| counter == Some(*dropped as usize);
    let verdict = Verdict::ALL.into_iter().find(is_counted);
    verdict.expect("what is dropped is counted last").0
}

/// Sets the rules of a filter that has seen nothing yet: all of its memory stays as it was.
fn set_rules(policy: &Policy, text: &str) {
    let mut config = policy.lock();
    let Ok(rules) = RuleSet::parse(text.as_bytes(), &config.rules, 0) else {
        panic!("no rules: {text}");
    };
    let changed = Config {
        rules: Arc::new(rules, GFP_KERNEL).expect("there is memory"),
        ..config.changed()
    };
    config.replace(changed).expect("there is memory");
}

impl Beginning {
    fn prepare(filter: &Filter, setup: &Setup) -> Self {
        // SAFETY: The last host's tasks are gone.
        unsafe { kernel::undo_log::rewind() };
        with(|world| {
            *world = World {
                seconds: 100,
                socket_filter: setup.socket_filter,
                ..World::default()
            };
            let fillers = (0..setup.fillers).map(|_| Begin::Established);
            for begin in setup.connections.iter().copied().chain(fillers) {
                let established = match begin {
                    Begin::Established => {
                        world
                            .sockets
                            .push(Socket::new(start(0), setup.socket_filter));
                        Established::Socket(world.sockets.len() - 1)
                    }
                    Begin::Request => Established::Request {
                        first_seq: start(0),
                        is_syn_cookie: false,
                    },
                    Begin::Cookies => Established::Cookies,
                };
                world.flows.push(established);
            }
        });
        set_rules(&filter.policy, &setup.rules());
        for filler in 0..setup.fillers {
            let segment = Segment::new(0, b"GE").of(setup.connections.len() as u8 + filler);
            let packet = packet(&segment);
            if run_hook(filter, &packet::Packet::new(packet)) == NfVerdict::Accept {
                with(|world| world.receive(packet));
            }
        }
        with(|world| {
            world.grace.begin();
            world.grace.end();
        });
        Self {
            setup: setup.clone(),
            world: with(|world| world.clone()),
            filter: Snapshot::take(),
        }
    }
}
