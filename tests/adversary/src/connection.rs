// SPDX-License-Identifier: GPL-2.0
//! The client: one connection of a plan, packet by packet. No thread is its own; a worker gives it a
//! turn whenever there is an answer or its time has come.

mod build;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etherparse::TcpHeader;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::address::Ends;
use crate::board::Seen;
use crate::oracle::ClientReport;
use crate::packet::{carry, segment, Damage};
use crate::plan::show::Text;
use crate::plan::{Action, Carriage, Plan, Segment};
use crate::worker::Wire;

/// How long the client waits for an acknowledgement before it sends again: TCP's own delayed
/// acknowledgements, of up to 200 ms, must not look like a loss.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long it waits where a plan says so.
const SETTLE: Duration = Duration::from_millis(60);
/// When it tries again to send two segments at once.
const MEETING: Duration = Duration::from_millis(1);
/// How often it sends its SYN.
const SYNS: u32 = 8;
/// At most so many segments are sent again at once.
const BURST: usize = 24;

/// What a connection needs next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// An answer, or this moment.
    Wait(Instant),
    /// A turn on another CPU.
    Move(usize),
    /// To be released.
    Hold,
    /// Nothing any more.
    Over,
}

enum Phase {
    Opening,
    Acting,
    Completing,
}

/// A connection that is under way.
pub(crate) struct Connection {
    pub(crate) serial: u32,
    pub(crate) plan: Arc<Plan>,
    pub(crate) verbose: bool,
    pub(crate) report: ClientReport,
    ends: Ends,
    cpu: usize,
    initial: u32,
    /// The client's clock for timestamps: it ticks with each packet.
    clock: u32,
    packets: u32,
    phase: Phase,
    next_action: usize,
    /// How much of the stream was sent without a gap, and is acknowledged.
    sent: i32,
    acknowledged: i32,
    tries: u32,
    deadline: Option<Instant>,
    recut: Option<ChaCha8Rng>,
}

impl Connection {
    pub(crate) fn new(serial: u32, plan: Arc<Plan>, cpu: usize, verbose: bool) -> Self {
        Self {
            serial,
            verbose,
            report: ClientReport::default(),
            ends: Ends::of(serial, plan.family, plan.socket.port()),
            cpu,
            // Any will do, as long as some wrap around.
            initial: serial.wrapping_mul(0x9E37_79B9) | 0x8000_0000,
            clock: 1_000_000 + (serial & 0xFFFF),
            packets: 0,
            phase: Phase::Opening,
            next_action: 0,
            sent: 0,
            acknowledged: 0,
            tries: SYNS,
            deadline: None,
            recut: plan.again.recut.map(ChaCha8Rng::seed_from_u64),
            plan,
        }
    }

    /// The sequence number of its SYN.
    pub(crate) const fn initial(&self) -> u32 {
        self.initial
    }

    /// Goes on as far as it can.
    pub(crate) fn advance(&mut self, seen: &Seen, wire: &Wire<'_>) -> io::Result<Next> {
        loop {
            let now = Instant::now();
            let next = match self.phase {
                Phase::Opening => self.open(seen, wire, now)?,
                Phase::Acting => self.act(seen, wire, now)?,
                Phase::Completing => Some(self.complete(seen, wire, now)?),
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    fn open(&mut self, seen: &Seen, wire: &Wire<'_>, now: Instant) -> io::Result<Option<Next>> {
        if seen.initial.is_some() {
            self.report.answered = true;
            self.deadline = None;
            self.phase = Phase::Acting;
            if !self.plan.opening.third_ack_carries {
                let header = self.header(seen, 0);
                self.transmit(wire, "acknowledgement", &header, &[])?;
            }
            return Ok(None);
        }
        match self.deadline {
            Some(deadline) if now < deadline => return Ok(Some(Next::Wait(deadline))),
            Some(_) if self.tries == 0 => return Ok(Some(Next::Over)),
            Some(_) => self.report.sent_again += 1,
            None => {}
        }
        let first = self.deadline.is_none();
        self.tries -= 1;
        let (header, data) = self.syn(first);
        self.transmit(wire, "SYN", &header, &data)?;
        // A SYN is never answered late: there is no delayed acknowledgement of it.
        let deadline = now + PATIENCE;
        self.deadline = Some(deadline);
        Ok(Some(Next::Wait(deadline)))
    }

    fn act(&mut self, seen: &Seen, wire: &Wire<'_>, now: Instant) -> io::Result<Option<Next>> {
        let plan = self.plan.clone();
        let Some(action) = plan.actions.get(self.next_action) else {
            self.phase = Phase::Completing;
            self.tries = plan.again.tries;
            self.acknowledged = self.acknowledged(seen);
            self.deadline = Some(now + PATIENCE);
            return Ok(None);
        };
        match action {
            Action::Send(segment) => self.send(wire, seen, segment)?,
            Action::Together(one, other) => {
                let packets = (self.build(seen, one), self.build(seen, other));
                if !wire.send_together(&packets.0, &packets.1)? {
                    return Ok(Some(Next::Wait(now + MEETING)));
                }
                wire.say(
                    self.serial,
                    format_args!("send {one} on another CPU, and here {other}"),
                );
            }
            Action::KeepAlive(byte) => {
                let probe = Segment::new(self.acknowledged(seen) - 1, [*byte]);
                self.send(wire, seen, &probe)?;
            }
            Action::Cpu(cpu) if *cpu != self.cpu => {
                self.cpu = *cpu;
                self.next_action += 1;
                return Ok(Some(Next::Move(*cpu)));
            }
            Action::Cpu(_) => {}
            Action::Settle => {
                let until = *self.deadline.get_or_insert(now + SETTLE);
                if now < until && self.acknowledged(seen) < self.sent {
                    return Ok(Some(Next::Wait(until)));
                }
                self.deadline = None;
            }
            Action::Hold => {
                self.next_action += 1;
                return Ok(Some(Next::Hold));
            }
        }
        self.next_action += 1;
        Ok(None)
    }

    fn complete(&mut self, seen: &Seen, wire: &Wire<'_>, now: Instant) -> io::Result<Next> {
        let acknowledged = self.acknowledged(seen);
        if acknowledged >= self.plan.stream.len() as i32 {
            return Ok(Next::Over);
        }
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.tries = self.plan.again.tries;
            self.deadline = Some(now + PATIENCE);
        }
        let deadline = *self.deadline.get_or_insert(now + PATIENCE);
        if now < deadline {
            return Ok(Next::Wait(deadline));
        }
        if self.tries == 0 {
            return Ok(Next::Over);
        }
        self.tries -= 1;
        self.send_again(seen, wire)?;
        let deadline = now + PATIENCE;
        self.deadline = Some(deadline);
        Ok(Next::Wait(deadline))
    }

    /// Sends what is not acknowledged, as far as the window allows, but a byte at least.
    fn send_again(&mut self, seen: &Seen, wire: &Wire<'_>) -> io::Result<()> {
        let plan = self.plan.clone();
        let full = usize::from(plan.options.segment_size);
        let mut offset = self.acknowledged as usize;
        let end = plan.stream.len().min(offset + seen.window.max(1) as usize);
        for _ in 0..BURST {
            let rest = &plan.stream[offset..end];
            let most = match &mut self.recut {
                Some(random) => {
                    let most = if random.random() { 8 } else { full };
                    random.random_range(1..=most)
                }
                None => full,
            };
            let piece = &rest[..most.min(rest.len())];
            if piece.is_empty() {
                break;
            }
            self.report.sent_again += 1;
            self.send(wire, seen, &Segment::new(offset as i32, piece))?;
            offset += piece.len();
        }
        Ok(())
    }

    /// How much of the stream the server's kernel has acknowledged.
    fn acknowledged(&self, seen: &Seen) -> i32 {
        let offset = seen.acknowledged.wrapping_sub(self.initial.wrapping_add(1)) as i32;
        offset.clamp(0, self.plan.stream.len() as i32)
    }

    fn send(&mut self, wire: &Wire<'_>, seen: &Seen, segment: &Segment) -> io::Result<()> {
        for packet in self.build(seen, segment) {
            wire.send(&packet)?;
        }
        wire.say(self.serial, format_args!("send {segment}"));
        Ok(())
    }

    /// Sends a segment of the handshake.
    fn transmit(
        &mut self,
        wire: &Wire<'_>,
        what: &str,
        header: &TcpHeader,
        data: &[u8],
    ) -> io::Result<()> {
        let id = self.identification();
        let bytes = segment(&self.ends, header, data, Damage::None);
        for packet in carry(&self.ends, &bytes, Carriage::Plain, id) {
            wire.send(&packet)?;
        }
        wire.say(self.serial, format_args!("send {what} {}", Text(data)));
        Ok(())
    }
}
