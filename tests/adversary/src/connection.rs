// SPDX-License-Identifier: GPL-2.0
//! The client's side of one connection: sends the packets of a plan. It has no thread of its own; a
//! worker continues it whenever there is a reply or its deadline has passed.

mod build;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etherparse::TcpHeader;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::address::Ends;
use crate::oracle::ClientReport;
use crate::packet::{encapsulate, segment, Damage};
use crate::peer_state::PeerState;
use crate::plan::show::Text;
use crate::plan::{Action, Encapsulation, Plan, Segment};
use crate::worker::Wire;

/// How long the client waits for an acknowledgement before it retransmits: longer than TCP delays
/// an acknowledgement (200 ms).
const RETRANSMISSION_TIMEOUT: Duration = Duration::from_millis(400);
/// How long it waits for acknowledgements in `Action::Settle`.
const SETTLE: Duration = Duration::from_millis(60);
/// How long it waits before it tries once more to send two segments at the same time.
const TOGETHER_RETRY: Duration = Duration::from_millis(1);
/// How often it sends its SYN at most.
const SYN_TRIES: u32 = 8;
/// How many segments it retransmits at once.
const BURST: usize = 24;

/// What a connection needs next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A reply, or this moment.
    Wait(Instant),
    /// To be continued on another CPU.
    Move(usize),
    /// To be released.
    Hold,
    /// Nothing: it is over.
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
    /// How much of the stream was sent without a gap, and how much was acknowledged.
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
            // Arbitrary, but some wrap around.
            initial: serial.wrapping_mul(0x9E37_79B9) | 0x8000_0000,
            clock: 1_000_000 + (serial & 0xFFFF),
            packets: 0,
            phase: Phase::Opening,
            next_action: 0,
            sent: 0,
            acknowledged: 0,
            tries: SYN_TRIES,
            deadline: None,
            recut: plan.retransmission.recut.map(ChaCha8Rng::seed_from_u64),
            plan,
        }
    }

    /// The sequence number of its SYN.
    pub(crate) const fn initial(&self) -> u32 {
        self.initial
    }

    /// Continues as far as it can.
    pub(crate) fn advance(&mut self, peer: &PeerState, wire: &Wire<'_>) -> io::Result<Next> {
        loop {
            let now = Instant::now();
            let next = match self.phase {
                Phase::Opening => self.open(peer, wire, now)?,
                Phase::Acting => self.act(peer, wire, now)?,
                Phase::Completing => Some(self.complete(peer, wire, now)?),
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    fn open(
        &mut self,
        peer: &PeerState,
        wire: &Wire<'_>,
        now: Instant,
    ) -> io::Result<Option<Next>> {
        if peer.initial.is_some() {
            self.report.answered = true;
            self.deadline = None;
            self.phase = Phase::Acting;
            if !self.plan.opening.third_ack_carries {
                let header = self.header(peer, 0);
                self.transmit(wire, "acknowledgement", &header, &[])?;
            }
            return Ok(None);
        }
        match self.deadline {
            Some(deadline) if now < deadline => return Ok(Some(Next::Wait(deadline))),
            Some(_) if self.tries == 0 => return Ok(Some(Next::Over)),
            Some(_) => self.report.retransmissions += 1,
            None => {}
        }
        let first = self.deadline.is_none();
        self.tries -= 1;
        let (header, data) = self.syn(first);
        self.transmit(wire, "SYN", &header, &data)?;
        // There is no delayed acknowledgement of a SYN.
        let deadline = now + RETRANSMISSION_TIMEOUT;
        self.deadline = Some(deadline);
        Ok(Some(Next::Wait(deadline)))
    }

    fn act(&mut self, peer: &PeerState, wire: &Wire<'_>, now: Instant) -> io::Result<Option<Next>> {
        let plan = self.plan.clone();
        let Some(action) = plan.actions.get(self.next_action) else {
            self.phase = Phase::Completing;
            self.tries = plan.retransmission.tries;
            self.acknowledged = self.acknowledged(peer);
            self.deadline = Some(now + RETRANSMISSION_TIMEOUT);
            return Ok(None);
        };
        match action {
            Action::Send(segment) => self.send(wire, peer, segment)?,
            Action::Together(one, other) => {
                let packets = (self.build(peer, one), self.build(peer, other));
                if !wire.send_together(&packets.0, &packets.1)? {
                    return Ok(Some(Next::Wait(now + TOGETHER_RETRY)));
                }
                wire.trace(
                    self.serial,
                    format_args!("send {one} on another CPU, and here {other}"),
                );
            }
            Action::KeepAlive(byte) => {
                let probe = Segment::new(self.acknowledged(peer) - 1, [*byte]);
                self.send(wire, peer, &probe)?;
            }
            Action::Cpu(cpu) if *cpu != self.cpu => {
                self.cpu = *cpu;
                self.next_action += 1;
                return Ok(Some(Next::Move(*cpu)));
            }
            Action::Cpu(_) => {}
            Action::Settle => {
                let until = *self.deadline.get_or_insert(now + SETTLE);
                if now < until && self.acknowledged(peer) < self.sent {
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

    fn complete(&mut self, peer: &PeerState, wire: &Wire<'_>, now: Instant) -> io::Result<Next> {
        let acknowledged = self.acknowledged(peer);
        if acknowledged >= self.plan.stream.len() as i32 {
            return Ok(Next::Over);
        }
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.tries = self.plan.retransmission.tries;
            self.deadline = Some(now + RETRANSMISSION_TIMEOUT);
        }
        let deadline = *self.deadline.get_or_insert(now + RETRANSMISSION_TIMEOUT);
        if now < deadline {
            return Ok(Next::Wait(deadline));
        }
        if self.tries == 0 {
            return Ok(Next::Over);
        }
        self.tries -= 1;
        self.retransmit(peer, wire)?;
        let deadline = now + RETRANSMISSION_TIMEOUT;
        self.deadline = Some(deadline);
        Ok(Next::Wait(deadline))
    }

    /// Retransmits what is not acknowledged, as far as the window allows, but at least a byte.
    fn retransmit(&mut self, peer: &PeerState, wire: &Wire<'_>) -> io::Result<()> {
        let plan = self.plan.clone();
        let full = usize::from(plan.options.segment_size);
        let mut offset = self.acknowledged as usize;
        let end = plan.stream.len().min(offset + peer.window.max(1) as usize);
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
            self.report.retransmissions += 1;
            self.send(wire, peer, &Segment::new(offset as i32, piece))?;
            offset += piece.len();
        }
        Ok(())
    }

    /// How much of the stream the server's kernel has acknowledged.
    fn acknowledged(&self, peer: &PeerState) -> i32 {
        let offset = peer.acknowledged.wrapping_sub(self.initial.wrapping_add(1)) as i32;
        offset.clamp(0, self.plan.stream.len() as i32)
    }

    fn send(&mut self, wire: &Wire<'_>, peer: &PeerState, segment: &Segment) -> io::Result<()> {
        for packet in self.build(peer, segment) {
            wire.send(&packet)?;
        }
        wire.trace(self.serial, format_args!("send {segment}"));
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
        for packet in encapsulate(&self.ends, &bytes, Encapsulation::Plain, id) {
            wire.send(&packet)?;
        }
        wire.trace(self.serial, format_args!("send {what} {}", Text(data)));
        Ok(())
    }
}
