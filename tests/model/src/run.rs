// SPDX-License-Identifier: GPL-2.0

//! One run of a scenario, action by action.

use crate::{
    counters::Counter,
    host::{packet, Host, Verdict},
    scenario::{start, Limits, Scenario, Segment},
    task::Task,
    world::{self, with, Cost, Established, Packet, Socket, World},
};
use classifier::{Classifier, Verdict as Classified};
use core::hash::{Hash, Hasher};

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// A segment comes to the hook.
    Send {
        /// Its number.
        segment: u8,
        /// Where it comes to.
        cpu: u8,
    },
    /// The hook goes on, from one lock to the next.
    Hook {
        /// Where it runs.
        cpu: u8,
    },
    /// TCP receives what has passed.
    Receive {
        /// Where that has passed.
        cpu: u8,
        /// Whether what is put into the socket's queue is made one with what it follows there.
        joins: bool,
        /// What the lack of room does to the queue.
        pressure: Pressure,
    },
    /// TCP discards what has passed.
    Lose {
        /// Where that has passed.
        cpu: u8,
    },
    /// A process comes to own a socket.
    Own {
        /// Which one.
        socket: u8,
    },
    /// The owner goes on with letting go: it takes what waits, deals with one of them, or is done.
    Release {
        /// Of which one.
        socket: u8,
    },
    /// A process reads all that is there.
    Read {
        /// From which socket.
        socket: u8,
    },
    /// A connection is closed, and one of the same name is asked for.
    Reopen {
        /// Which one.
        flow: u8,
    },
    /// A grace period begins.
    GraceBegins,
    /// It ends.
    GraceEnds,
    /// The sweep begins, or goes on, from one lock to the next.
    Sweep,
    /// Half a minute passes.
    Pause,
}

/// What becomes of the out-of-order queue when a segment comes to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pressure {
    /// There is room.
    None,
    /// It is collapsed.
    Collapse,
    /// The same, and its last segment is dropped.
    Prune,
    /// The same, and all are dropped that are not before the segment that comes.
    PruneAll,
    /// The same, and so is the segment that comes.
    Drop,
}

/// More than an undecided start is left in peace, and than what makes it a silent one, in seconds.
const PAUSE: u32 = 31;

/// A CPU.
#[derive(Default)]
struct Cpu {
    /// The hook, and the packet that it judges.
    hook: Option<(Packet, Task<Verdict>)>,
    /// What has passed, and is on its way to TCP.
    passed: Option<Packet>,
    /// When the hook got the packet, by grace periods.
    since: u16,
}

impl Cpu {
    /// The packet that is between its coming to the hook and TCP.
    fn packet(&self) -> Option<&Packet> {
        let judged = self.hook.as_ref().map(|(packet, _)| packet);
        judged.or(self.passed.as_ref())
    }
}

/// What is left of what may happen.
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
    /// How many of the connections of each name there were before.
    generations: Vec<u8>,
    /// What must not be, and has been.
    violation: Option<String>,
    /// What became of the segment that was judged last.
    verdict: Option<Verdict>,
}

impl<'a> Run<'a> {
    /// Begins it; the thread's run before is over.
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

    /// One in which this has happened already.
    pub(crate) fn after(scenario: &'a Scenario, actions: &[Action]) -> Self {
        let mut run = Self::new(scenario);
        for &action in actions {
            run.act(action);
        }
        run
    }

    /// What must not be, and has been.
    pub(crate) fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// What became of the segment that was judged last.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// What may happen next.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (number, cpu) in (0..).zip(&self.cpus) {
            self.on_cpu(number, cpu, &mut actions);
        }
        with(|world| {
            for (number, socket) in (0..).zip(&world.sockets) {
                self.with_socket(number, socket, &mut actions);
            }
            self.others(world, &mut actions);
        });
        if match &self.sweep {
            Some(sweep) => sweep.can_go_on(),
            None => self.left.limits.sweeps != 0 && with(|world| world.is_sweep_due),
        } {
            actions.push(Action::Sweep);
        }
        actions
    }

    fn on_cpu(&self, number: u8, cpu: &Cpu, actions: &mut Vec<Action>) {
        if let Some((_, hook)) = &cpu.hook {
            if hook.can_go_on() {
                actions.push(Action::Hook { cpu: number });
            }
        } else if let Some(packet) = &cpu.passed {
            self.receptions(number, packet, actions);
            if self.left.limits.losses != 0 {
                actions.push(Action::Lose { cpu: number });
            }
        } else {
            let all = (0..).zip(self.left.segments.iter().zip(&self.scenario.segments));
            for (segment, (&left, sent)) in all {
                if left != 0 && self.may_be_sent(sent) {
                    actions.push(Action::Send {
                        segment,
                        cpu: number,
                    });
                }
            }
        }
    }

    /// Whether a segment may be sent: where SYN cookies are out, only behind others that have
    /// passed and found a receiver. Otherwise one that has found none may be on its way when
    /// another makes a socket, which is a limit that the README tells.
    fn may_be_sent(&self, segment: &Segment) -> bool {
        with(|world| {
            world.flows[usize::from(segment.flow)] != Established::Cookies
                || self.cpus.iter().all(|cpu| match (&cpu.hook, &cpu.passed) {
                    (Some((judged, _)), _) => judged.flow != segment.flow,
                    (None, Some(passed)) => {
                        passed.flow != segment.flow
                            || world.receiver(passed) != Established::Nothing
                    }
                    (None, None) => true,
                })
        })
    }

    /// How TCP may receive a packet.
    fn receptions(&self, cpu: u8, packet: &Packet, actions: &mut Vec<Action>) {
        let mut push = |joins, pressure| {
            actions.push(Action::Receive {
                cpu,
                joins,
                pressure,
            });
        };
        with(|world| {
            let Established::Socket(socket) = world.receiver(packet) else {
                return push(true, Pressure::None);
            };
            let socket = &world.sockets[socket];
            if socket.is_locked {
                return;
            }
            push(true, Pressure::None);
            if !socket.is_owned && socket.can_join(packet) {
                push(false, Pressure::None);
            }
            if self.left.limits.pressures != 0 && !socket.is_owned && !socket.queue.is_empty() {
                push(true, Pressure::Collapse);
                push(true, Pressure::Prune);
                push(true, Pressure::PruneAll);
                push(true, Pressure::Drop);
            }
        });
    }

    fn with_socket(&self, number: u8, socket: &Socket, actions: &mut Vec<Action>) {
        if socket.is_closed || usize::from(number) >= 2 * self.generations.len() {
            return;
        }
        let limits = &self.left.limits;
        if socket.is_owned {
            if socket.can_let_go() {
                actions.push(Action::Release { socket: number });
            }
        } else if !socket.is_locked {
            if limits.owns != 0 {
                actions.push(Action::Own { socket: number });
            }
            if limits.reads != 0 && socket.is_readable() {
                actions.push(Action::Read { socket: number });
            }
        }
    }

    fn others(&self, world: &World, actions: &mut Vec<Action>) {
        let limits = &self.left.limits;
        let readers = self.cpus.iter().filter(|cpu| cpu.packet().is_some());
        if world.grace.can_end(readers.map(|cpu| cpu.since).min()) {
            actions.push(Action::GraceEnds);
        }
        if !world.grace.is_under_way() && limits.grace_periods != 0 {
            actions.push(Action::GraceBegins);
        }
        if limits.pauses != 0 {
            actions.push(Action::Pause);
        }
        if limits.reopens != 0 {
            let flows = (0..).zip(&self.generations);
            let can = |flow: &u8| self.can_be_reopened(world, *flow);
            actions.extend(
                flows
                    .map(|(flow, _)| flow)
                    .filter(can)
                    .map(|flow| Action::Reopen { flow }),
            );
        }
    }

    /// Whether a connection may be closed now: not while something of it is on its way, for which
    /// the next one may make a socket. That is a limit which the README tells.
    fn can_be_reopened(&self, world: &World, flow: u8) -> bool {
        let mut on_their_way = self.cpus.iter().filter_map(Cpu::packet);
        let is_free = match world.flows[usize::from(flow)] {
            Established::Socket(socket) => {
                let socket = &world.sockets[socket];
                !socket.is_locked && !socket.is_owned
            }
            Established::Request { .. } | Established::Nothing => true,
            Established::Cookies => false,
        };
        is_free && on_their_way.all(|packet| packet.flow != flow)
    }

    /// Does it.
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
                joins,
                pressure,
            } => {
                limits.pressures -= u8::from(pressure != Pressure::None);
                self.receive(cpu, joins, pressure);
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
            self.violation = self.check();
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
        self.verdict = task.resume();
        let cost = task.running().cost;
        match self.verdict {
            None => cpu.hook = Some((packet, task)),
            Some(Verdict::Passes) => cpu.passed = Some(packet),
            Some(_) => {}
        }
        if self.verdict.is_some() && self.violation.is_none() {
            self.violation = self.check_verdict(&packet, cost);
        }
    }

    fn receive(&mut self, cpu: u8, joins: bool, pressure: Pressure) {
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
            world.receive(Packet { joins, ..packet });
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
                initial_seq: start(*generation),
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

    /// What is wrong with what applications have read, if anything.
    fn check(&self) -> Option<String> {
        if self.scenario.setup.monitors {
            return None;
        }
        let forbidden = with(|world| world.sockets.iter().find_map(Socket::forbidden))?;
        Some(format!(
            "an application reads \"{}\"",
            forbidden.escape_ascii()
        ))
    }

    /// What is wrong with what was just done with a packet, if anything.
    fn check_verdict(&self, packet: &Packet, cost: Cost) -> Option<String> {
        let verdict = self.verdict?;
        if self.scenario.setup.monitors && verdict != Verdict::Passes {
            return Some(format!(
                "a segment is {verdict:?} where nothing is to be dropped"
            ));
        }
        let queued: u32 = with(|world| match world.receiver(packet) {
            Established::Socket(socket) => {
                let queue = world.sockets[socket].queue.iter();
                queue.map(world::Queued::len).sum()
            }
            _ => 0,
        });
        let own = packet.data.len() as u32;
        let most = 3 * (own + queued);
        if cost.copied > most {
            return Some(format!(
                "{} bytes are read for a segment of {own}",
                cost.copied
            ));
        }
        None
    }

    /// A number that runs have in common which can't be told apart from here on.
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

    /// From here on the network is fair, and all others do what they have to. What is wrong with
    /// how it ends, if anything: an innocent stream does not arrive, or something is kept once all
    /// connections are over.
    pub(crate) fn end(mut self) -> Option<String> {
        self.innocent_arrives().or_else(|| {
            self.run_until_idle();
            with(|world| (0..world.sockets.len()).for_each(|socket| world.close(socket)));
            for _ in 0..4 {
                self.run_until_idle();
            }
            let violation = self.violation.clone();
            violation
                .or_else(|| self.is_stuck())
                .or_else(|| self.is_uncounted())
                .or_else(|| self.is_kept())
        })
    }

    /// Who waits for ever, if anybody does.
    fn is_stuck(&self) -> Option<String> {
        let is_stuck = self.sweep.is_some() || self.cpus.iter().any(|cpu| cpu.packet().is_some());
        is_stuck.then(|| "somebody waits for ever".into())
    }

    /// A request that was read where nothing is dropped, and not counted, unless something passed uninspected.
    fn is_uncounted(&self) -> Option<String> {
        let is_read = with(|world| {
            world
                .sockets
                .iter()
                .any(|socket| socket.forbidden().is_some())
        });
        let is_counted = |counter| world::counted(counter) != 0;
        let is_told = is_counted(Counter::Monitored) || is_counted(Counter::Uninspectable);
        let monitors = self.scenario.setup.monitors;
        (monitors && is_read && !is_told).then(|| "a request is read, and not counted".into())
    }

    /// What is kept, if anything.
    fn is_kept(&self) -> Option<String> {
        match self.host.undecided() {
            0 => with(|world| world.is_sweep_due).then(|| "the sweep does not end".into()),
            kept => Some(format!(
                "{kept} starts are kept of connections that are over"
            )),
        }
    }

    /// Sends what is missing of the innocent stream, until it has arrived.
    fn innocent_arrives(&mut self) -> Option<String> {
        // More than a connection is undecided to make room for others, than grace periods, and than
        // sweeps.
        const REPETITIONS: u32 = 16;
        let stream = self.scenario.innocent?;
        let arrived = || with(|world| world.stream(0).to_vec());
        for _ in 0..REPETITIONS {
            self.run_until_idle();
            let arrived = arrived().len();
            let Some(missing @ [_, ..]) = stream.get(arrived..) else {
                break;
            };
            let segment = Segment::new(arrived as u32, missing);
            self.arrive(&segment, 0);
        }
        self.run_until_idle();
        let arrived = arrived();
        if arrived != stream {
            let arrived = arrived.escape_ascii();
            return Some(format!(
                "an innocent stream does not arrive: \"{arrived}\" is all"
            ));
        }
        let is_alone = self.scenario.setup.connections.len() == 1;
        let is_counted = |counter| world::counted(counter) != 0;
        let is_counted = is_counted(Counter::Blocked) || is_counted(Counter::Monitored);
        (is_alone && is_counted).then(|| "an innocent stream is counted as HTTP".into())
    }

    /// Everybody goes on until there is nothing left to do; a grace period and some seconds pass,
    /// and the sweep runs.
    fn run_until_idle(&mut self) {
        while let Some(action) = self.unfinished() {
            self.act(action);
        }
        with(|world| {
            if world.grace.is_under_way() {
                world.grace.end();
            }
            if world.grace.is_requested() {
                world.grace.begin();
                world.grace.end();
            }
            world.seconds += 2;
        });
        if with(|world| world.is_sweep_due) {
            self.sweep();
            while self.sweep.is_some() {
                self.sweep();
            }
        }
    }

    /// What has begun and is not over.
    fn unfinished(&self) -> Option<Action> {
        let mut actions = Vec::new();
        for (number, cpu) in (0..).zip(&self.cpus) {
            if cpu.packet().is_some() {
                self.on_cpu(number, cpu, &mut actions);
            }
        }
        if self.sweep.as_ref().is_some_and(Task::can_go_on) {
            actions.push(Action::Sweep);
        }
        with(|world| {
            let owned = (0..)
                .zip(&world.sockets)
                .filter(|(_, socket)| socket.can_let_go());
            actions.extend(owned.map(|(socket, _)| Action::Release { socket }));
        });
        actions.first().copied()
    }
}

impl Socket {
    /// A forbidden line that applications can read, if they can.
    fn forbidden(&self) -> Option<Vec<u8>> {
        // The bits of a reading's number tell which of the urgent bytes it leaves out.
        (0..1_u32 << self.was_urgent.len().min(8)).find_map(|reading| {
            let mut state = Classifier::new();
            let mut read = Vec::new();
            for (seq, byte) in (self.first()..).zip(&self.stream) {
                let bit = self.was_urgent.iter().position(|&urgent| urgent == seq);
                if bit.is_none_or(|bit| reading & (1 << bit) == 0) {
                    read.push(*byte);
                    state.feed(core::slice::from_ref(byte));
                }
            }
            let forbidden = [Classified::Http1, Classified::H2c, Classified::Http09].map(Some);
            forbidden.contains(&state.verdict()).then_some(read)
        })
    }
}
