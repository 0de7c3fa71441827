// SPDX-License-Identifier: GPL-2.0

//! The properties: of each state, and of a fair run to the end from there.

use super::Run;
use crate::{
    action::Action,
    counters::Counter,
    host::Verdict,
    scenario::Segment,
    task::Task,
    world::{self, with, Cost, Established, Packet, Socket},
};
use classifier::{Classifier, Verdict as Classified};

impl Run<'_> {
    /// Safety: no application can read HTTP that is not allowed, unless the connection is only monitored.
    pub(super) fn check_safety(&self) -> Option<String> {
        let setup = &self.scenario.setup;
        let forbidden = with(|world| {
            let is_monitored = |number: usize| {
                let flows = setup.monitored.iter();
                let mut flows = flows.map(|&flow| world.flows[usize::from(flow)]);
                flows.any(|flow| flow == Established::Socket(number))
            };
            let sockets = world.sockets.iter().enumerate();
            let mut sockets = sockets.filter(|&(number, _)| !is_monitored(number));
            sockets.find_map(|(_, socket)| socket.forbidden(setup.allows_http09))
        })?;
        Some(format!(
            "an application reads \"{}\"",
            forbidden.escape_ascii()
        ))
    }

    /// Monitoring and work: the last verdict is allowed, and did not take too much copying, `queued`
    /// bytes being in the socket's queue.
    pub(super) fn check_verdict(&self, packet: &Packet, queued: u32, cost: Cost) -> Option<String> {
        let verdict = self.verdict?;
        let is_monitored = self.scenario.setup.monitored.contains(&packet.flow);
        if is_monitored && verdict != Verdict::Passes {
            return Some(format!(
                "a segment is {verdict:?} where nothing is to be dropped"
            ));
        }
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

    /// Ends the run fairly: the network delivers, owners release their sockets, requested grace
    /// periods elapse. Returns the property that is violated: liveness, memory, or that everybody
    /// comes to an end.
    pub(crate) fn end(mut self) -> Option<String> {
        let violation = self.innocent_arrives().or_else(|| self.lingers());
        violation.or_else(|| {
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

    /// Rejection: a connection whose request is rejected ends once its sender has repeated that.
    fn lingers(&mut self) -> Option<String> {
        if !self.scenario.is_rejected {
            return None;
        }
        for _ in 0..2 {
            for segment in &self.scenario.segments {
                self.run_until_idle();
                self.arrive(segment, 0);
            }
        }
        self.run_until_idle();
        (!self.host.is_over(0)).then(|| "a rejected connection lingers".into())
    }

    /// Deadlocks: no hook and no sweep is left waiting.
    fn is_stuck(&self) -> Option<String> {
        let is_stuck = self.sweep.is_some() || self.cpus.iter().any(|cpu| cpu.packet().is_some());
        is_stuck.then(|| "a hook or the sweep waits for ever".into())
    }

    /// Monitoring: a request that was read was counted, unless something passed uninspected. (Of a
    /// connection that was blocked, HTTP may be read that is allowed.)
    fn is_uncounted(&self) -> Option<String> {
        let is_read = with(|world| {
            let mut sockets = world.sockets.iter();
            sockets.any(|socket| socket.forbidden(false).is_some())
        });
        let is_counted = |counter| world::counted(counter) != 0;
        let is_told = is_counted(Counter::Blocked)
            || is_counted(Counter::Monitored)
            || is_counted(Counter::Allowed)
            || is_counted(Counter::Uninspectable);
        (is_read && !is_told).then(|| "a request is read, and not counted".into())
    }

    /// Memory: nothing is kept of connections that are over, and the sweep ends.
    fn is_kept(&self) -> Option<String> {
        match self.host.undecided() {
            0 => with(|world| world.is_sweep_due).then(|| "the sweep does not end".into()),
            kept => Some(format!(
                "{kept} entries are kept of connections that are over"
            )),
        }
    }

    /// Liveness: the innocent stream arrives if its sender retransmits.
    fn innocent_arrives(&mut self) -> Option<String> {
        // Sufficient for the evictions, grace periods and sweeps that a retransmission may have to
        // wait for.
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

    /// Runs until nothing is left to do. Then a requested grace period elapses, two seconds pass,
    /// and the sweep runs.
    fn run_until_idle(&mut self) {
        while let Some(action) = self.unfinished() {
            self.act(action);
        }
        with(|world| {
            if world.grace.is_in_progress() {
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
            while self.sweep.as_ref().is_some_and(Task::can_go_on) {
                self.sweep();
            }
        }
    }

    /// The next action of what has begun and is not over.
    fn unfinished(&self) -> Option<Action> {
        let mut actions = Vec::new();
        for (number, cpu) in (0..).zip(&self.cpus) {
            if cpu.packet().is_some() {
                self.of_cpu(number, cpu, &mut actions);
            }
        }
        if self.sweep.as_ref().is_some_and(Task::can_go_on) {
            actions.push(Action::Sweep);
        }
        with(|world| {
            let owned = (0..)
                .zip(&world.sockets)
                .filter(|(_, socket)| socket.can_release());
            actions.extend(owned.map(|(socket, _)| Action::Release { socket }));
        });
        actions.first().copied()
    }
}

impl Socket {
    /// A first line of HTTP that applications can read, whichever urgent bytes they skip; but for one of
    /// HTTP/0.9, if that is allowed.
    fn forbidden(&self, allows_http09: bool) -> Option<Vec<u8>> {
        // The bits of a reading's number are the urgent bytes that it skips.
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
            let is_forbidden = match state.verdict() {
                Some(Classified::Http1 | Classified::H2c) => true,
                Some(Classified::Http09) => !allows_http09,
                _ => false,
            };
            is_forbidden.then_some(read)
        })
    }
}
