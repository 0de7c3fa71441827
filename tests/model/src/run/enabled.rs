// SPDX-License-Identifier: GPL-2.0

//! Which actions are possible next.

use super::{Cpu, Run};
use crate::{
    action::{Action, Pressure},
    scenario::Segment,
    world::{with, Established, Packet, Socket, World},
};

impl Run<'_> {
    /// The actions that are possible next.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (number, cpu) in (0..).zip(&self.cpus) {
            self.of_cpu(number, cpu, &mut actions);
        }
        with(|world| {
            for (number, socket) in (0..).zip(&world.sockets) {
                self.of_socket(number, socket, &mut actions);
            }
            self.of_world(world, &mut actions);
        });
        if match &self.sweep {
            Some(sweep) => sweep.can_go_on(),
            None => self.left.limits.sweeps != 0 && with(|world| world.is_sweep_due),
        } {
            actions.push(Action::Sweep);
        }
        actions
    }

    pub(super) fn of_cpu(&self, number: u8, cpu: &Cpu, actions: &mut Vec<Action>) {
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

    /// Whether a segment may be sent. Where SYN cookies were sent, none may while another of its
    /// connection is in flight that found no socket: a socket created meanwhile is a limit of the
    /// filter, see docs/limits.md.
    fn may_be_sent(&self, segment: &Segment) -> bool {
        with(|world| {
            world.flows[usize::from(segment.flow)] != Established::Cookies
                || self.cpus.iter().all(|cpu| match (&cpu.hook, &cpu.passed) {
                    (Some((inspected, _)), _) => inspected.flow != segment.flow,
                    (None, Some(passed)) => {
                        passed.flow != segment.flow
                            || world.receiver(passed) != Established::Nothing
                    }
                    (None, None) => true,
                })
        })
    }

    /// The ways in which TCP may receive a packet.
    fn receptions(&self, cpu: u8, packet: &Packet, actions: &mut Vec<Action>) {
        let mut push = |coalesces, pressure| {
            actions.push(Action::Receive {
                cpu,
                coalesces,
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
            if !socket.is_owned && socket.can_coalesce(packet) {
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

    fn of_socket(&self, number: u8, socket: &Socket, actions: &mut Vec<Action>) {
        if socket.is_closed || usize::from(number) >= 2 * self.generations.len() {
            return;
        }
        let limits = &self.left.limits;
        if socket.is_owned {
            if socket.can_release() {
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

    fn of_world(&self, world: &World, actions: &mut Vec<Action>) {
        let limits = &self.left.limits;
        let readers = self.cpus.iter().filter(|cpu| cpu.packet().is_some());
        if world.grace.can_end(readers.map(|cpu| cpu.since).min()) {
            actions.push(Action::GraceEnds);
        }
        if !world.grace.is_in_progress() && limits.grace_periods != 0 {
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

    /// Whether a connection may be closed now. It may not while a segment of it is in flight: that
    /// the next connection creates a socket for it meanwhile is a limit of the filter, see the
    /// docs/limits.md.
    fn can_be_reopened(&self, world: &World, flow: u8) -> bool {
        let mut in_flight = self.cpus.iter().filter_map(Cpu::packet);
        let is_free = match world.flows[usize::from(flow)] {
            Established::Socket(socket) => {
                let socket = &world.sockets[socket];
                !socket.is_locked && !socket.is_owned
            }
            Established::Request { .. } | Established::Nothing => true,
            Established::Cookies => false,
        };
        is_free && in_flight.all(|packet| packet.flow != flow)
    }
}
