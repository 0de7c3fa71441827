// SPDX-License-Identifier: GPL-2.0

//! One run of a scenario, action by action.

mod enabled;
mod properties;

use crate::{
    action::{Action, Pressure},
    host::{packet, Host, Verdict},
    scenario::{start, Limits, Scenario, Segment},
    task::Task,
    world::{self, with, Established, Packet, Socket, World},
};
use core::hash::{Hash, Hasher};

/// How long [`Action::Pause`] takes, in seconds: longer than an undecided connection is protected
/// from eviction, and than it takes to count as idle.
const PAUSE: u32 = 31;

/// A CPU.
#[derive(Default)]
struct Cpu {
    /// A preempted hook, and the packet that it inspects.
    hook: Option<(Packet, Task<Verdict>)>,
    /// The packet that the hook has passed and TCP has not received yet.
    passed: Option<Packet>,
    /// How many grace periods had begun when the hook got the packet.
    since: u16,
}

impl Cpu {
    /// The packet that is in the hook, or between the hook and TCP.
    fn packet(&self) -> Option<&Packet> {
        let inspected = self.hook.as_ref().map(|(packet, _)| packet);
        inspected.or(self.passed.as_ref())
    }
}

/// What may still happen.
#[derive(Clone, Hash)]
struct Left {
    segments: Vec<u8>,
    limits: Limits,
}
/// A run.
pub(crate) struct Run<'a> {
    scenario: &'a Scenario,
    host: Host,
    cpus: Vec<Cpu>,
    sweep: Option<Task<()>>,
    left: Left,
    /// How often each connection was closed and requested again.
    generations: Vec<u8>,
    /// The first property that was violated.
    violation: Option<String>,
    /// The verdict on the last segment; `None` while its hook is preempted.
    verdict: Option<Verdict>,
}

impl<'a> Run<'a> {
    /// Begins a run; the thread's previous one is over.
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            host: Host::new(&scenario.setup),
            cpus: (0..scenario.cpus).map(|_| Cpu::default()).collect(),
            sweep: None,
            left: Left {
                segments: scenario
                    .segments
                    .iter()
                    .map(|segment| segment.times)
                    .collect(),
                limits: scenario.limits,
            },
            generations: vec![0; scenario.setup.connections.len()],
            violation: None,
            verdict: None,
        }
    }

    /// A run in which some actions have happened.
    pub(crate) fn after(scenario: &'a Scenario, actions: &[Action]) -> Self {
        let mut run = Self::new(scenario);
        for &action in actions {
            run.act(action);
        }
        run
    }

    /// The first property that was violated.
    pub(crate) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// The verdict on the last segment; `None` while its hook is preempted.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Lets an action happen.
    pub(crate) fn act(&mut self, action: Action) {
        let limits = &mut self.left.limits;
        let socket_of = |world: &mut World, socket: u8, act: fn(&mut Socket)| {
            act(&mut world.sockets[usize::from(socket)]);
        };
        match action {
            Action::Send { segment, cpu } => {
                self.left.segments[usize::from(segment)] -= 1;
                self.arrive(&self.scenario.segments[usize::from(segment)], cpu);
            }
            Action::Hook { cpu } => self.hook(cpu),
            Action::Receive {
                cpu,
                coalesces,
                pressure,
            } => {
                limits.pressures -= u8::from(pressure != Pressure::None);
                self.receive(cpu, coalesces, pressure);
            }
            Action::Lose { cpu } => {
                limits.losses -= 1;
                self.cpus[usize::from(cpu)].passed = None;
            }
            Action::Own { socket } => {
                limits.owns -= 1;
                with(|world| socket_of(world, socket, Socket::own));
            }
            Action::Release { socket } => with(|world| socket_of(world, socket, Socket::release)),
            Action::Read { socket } => {
                limits.reads -= 1;
                with(|world| socket_of(world, socket, Socket::read));
            }
            Action::Reopen { flow } => {
                limits.reopens -= 1;
                self.reopen(flow);
            }
            Action::GraceBegins => {
                limits.grace_periods -= 1;
                with(|world| world.grace.begin());
            }
            Action::GraceEnds => with(|world| world.grace.end()),
            Action::Pause => {
                limits.pauses -= 1;
                with(|world| world.seconds += PAUSE);
            }
            Action::Sweep => {
                if self.sweep.is_none() {
                    limits.sweeps = limits.sweeps.saturating_sub(1);
                }
                self.sweep();
            }
        }
        if self.violation.is_none() {
            self.violation = self.check_safety();
        }
    }

    fn arrive(&mut self, segment: &Segment, cpu: u8) {
        let packet = packet(segment);
        let is_softirq = !self.scenario.is_threaded;
        let task = self.host.hook(
            packet,
            is_softirq.then_some(cpu.into()),
            self.scenario.is_preemptive,
        );
        let state = &mut self.cpus[usize::from(cpu)];
        state.since = with(|world| world.grace.next());
        state.hook = Some((packet, task));
        self.hook(cpu);
    }

    fn hook(&mut self, cpu: u8) {
        let cpu = &mut self.cpus[usize::from(cpu)];
        let Some((packet, mut task)) = cpu.hook.take() else {
            return;
        };
        // If the connection is rejected, the queue is gone afterwards.
        let queued = with(|world| world.queued(&packet));
        self.verdict = task.resume();
        let cost = task.running().cost;
        match self.verdict {
            None => cpu.hook = Some((packet, task)),
            Some(Verdict::Passes) => cpu.passed = Some(packet),
            Some(_) => {}
        }
        if self.verdict.is_some() && self.violation.is_none() {
            self.violation = self.check_verdict(&packet, queued, cost);
        }
    }

    fn receive(&mut self, cpu: u8, coalesces: bool, pressure: Pressure) {
        let Some(packet) = self.cpus[usize::from(cpu)].passed.take() else {
            return;
        };
        with(|world| {
            let receiver = world.receiver(&packet);
            if let (Established::Socket(socket), true) = (receiver, pressure != Pressure::None) {
                let socket = &mut world.sockets[socket];
                socket.collapse();
                match pressure {
                    Pressure::None | Pressure::Collapse => {}
                    Pressure::Prune | Pressure::Drop => drop(socket.prune(packet.seq)),
                    Pressure::PruneAll => while socket.prune(packet.seq) {},
                }
                if pressure == Pressure::Drop {
                    return;
                }
            }
            world.receive(Packet {
                coalesces,
                ..packet
            });
        });
    }

    fn reopen(&mut self, flow: u8) {
        let generation = &mut self.generations[usize::from(flow)];
        *generation += 1;
        with(|world| {
            if let Established::Socket(socket) = world.flows[usize::from(flow)] {
                world.close(socket);
            }
            world.flows[usize::from(flow)] = Established::Request {
                first_seq: start(*generation),
                is_syn_cookie: false,
            };
        });
    }

    fn sweep(&mut self) {
        let sweep = self.sweep.take();
        let mut sweep = sweep.unwrap_or_else(|| self.host.sweep(self.scenario.is_preemptive));
        if sweep.resume().is_none() {
            self.sweep = Some(sweep);
        }
    }

    /// A hash of everything that can make a difference from here on.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = world::hasher();
        with(|world| world.hash(&mut hasher));
        kernel::undo_log::hash(&mut hasher);
        self.left.hash(&mut hasher);
        self.generations.hash(&mut hasher);
        for cpu in &self.cpus {
            cpu.passed.hash(&mut hasher);
            let hook = cpu.hook.as_ref();
            hook.map(|(packet, task)| (packet, task.observed()))
                .hash(&mut hasher);
            cpu.packet()
                .is_some()
                .then_some(cpu.since)
                .hash(&mut hasher);
        }
        self.sweep.as_ref().map(Task::observed).hash(&mut hasher);
        self.violation.hash(&mut hasher);
        hasher.finish()
    }
}
