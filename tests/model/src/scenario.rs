// SPDX-License-Identifier: GPL-2.0

//! What is explored: who sends what, and what else may happen, how often.

use crate::{kernel_ext::socket::InitialSeq, world::Packet};
use core::fmt;

/// A segment that a client or an attacker may send.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The connection, by number.
    pub flow: u8,
    /// Where it begins in the stream.
    pub offset: u32,
    /// What it has there.
    pub data: &'static [u8],
    /// An urgent pointer.
    pub urgent: Option<u32>,
    /// To which of the connections that have this name one after the other it belongs.
    pub generation: u8,
    /// What makes TCP discard it.
    pub flaw: Option<Flaw>,
    /// It is its sender's last: a FIN.
    pub is_last: bool,
    /// It is a SYN.
    pub syn: Option<Syn>,
    /// It has the name of the connection before, and another device (VRF).
    pub is_twins: bool,
    /// How often it may be sent.
    pub times: u8,
}

/// What a SYN asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syn {
    /// A connection.
    Connection,
    /// The same, its data being read by TCP Fast Open.
    FastOpen,
    /// A second subflow of Multipath TCP.
    Subflow,
}

/// What makes TCP discard a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Its checksum.
    Checksum,
    /// It acknowledges what was never sent.
    Acknowledgment,
}

impl Segment {
    /// Data at an offset, sent once in connection 0.
    pub const fn new(offset: u32, data: &'static [u8]) -> Self {
        Self {
            flow: 0,
            offset,
            data,
            urgent: None,
            generation: 0,
            flaw: None,
            is_last: false,
            syn: None,
            is_twins: false,
            times: 1,
        }
    }

    /// The same, sent so often.
    pub const fn times(self, times: u8) -> Self {
        Self { times, ..self }
    }

    /// The same in another connection.
    pub const fn of(self, flow: u8) -> Self {
        Self { flow, ..self }
    }

    /// The same in connection 1, which has the name of connection 0, and another device.
    pub const fn of_twin(self) -> Self {
        Self {
            flow: 1,
            is_twins: true,
            ..self
        }
    }

    /// The same in the next connection of that name.
    pub const fn of_next(self) -> Self {
        Self {
            generation: self.generation + 1,
            ..self
        }
    }

    /// The same with a flaw.
    pub const fn with(self, flaw: Flaw) -> Self {
        Self {
            flaw: Some(flaw),
            ..self
        }
    }

    /// The same with an urgent pointer.
    pub const fn urgent(self, pointer: u32) -> Self {
        Self {
            urgent: Some(pointer),
            ..self
        }
    }

    /// The same with a FIN.
    pub const fn last(self) -> Self {
        Self {
            is_last: true,
            ..self
        }
    }

    /// The same as a SYN.
    pub const fn syn(self, syn: Syn) -> Self {
        Self {
            syn: Some(syn),
            ..self
        }
    }

    /// Its packet.
    pub(crate) fn packet(&self) -> Packet {
        let start = start(self.generation);
        Packet {
            flow: self.flow,
            is_twins: self.is_twins,
            seq: start.received.wrapping_add(self.offset),
            ack: start.sent + u32::from(self.flaw == Some(Flaw::Acknowledgment)),
            data: self.data,
            urgent: self.urgent,
            is_last: self.is_last,
            syn: self.syn,
            is_corrupt: self.flaw == Some(Flaw::Checksum),
            joins: true,
            demuxed: None,
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.offset + self.data.len() as u32;
        let data = self.data.escape_ascii();
        write!(
            f,
            "[{}, {end}) \"{data}\" of connection {}",
            self.offset, self.flow
        )?;
        if self.generation != 0 {
            write!(f, ", the next of its name,")?;
        }
        if let Some(pointer) = self.urgent {
            write!(f, " with urgent pointer {pointer}")?;
        }
        if self.is_last {
            f.write_str(" with a FIN")?;
        }
        match self.flaw {
            Some(Flaw::Checksum) => f.write_str(" with a wrong checksum"),
            Some(Flaw::Acknowledgment) => f.write_str(" with a wrong acknowledgment"),
            None => Ok(()),
        }
    }
}

/// Where connections begin that have a name one after the other: close enough for what is left of
/// the one to fall into the next. Every second one has the same number as the first for what it
/// receives.
pub(crate) fn start(generation: u8) -> InitialSeq {
    InitialSeq {
        received: 1000 + 20 * u32::from(generation % 2),
        sent: 5000 + 100 * u32::from(generation),
    }
}

/// How a connection is when a scenario begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It has a socket.
    Established,
    /// It has a request; what completes the handshake makes it a socket.
    Request,
    /// Nothing is kept of it: a SYN cookie that comes back makes it a socket, and so does that of
    /// the next one of its name.
    Cookies,
}

/// What is there when a scenario begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The connections.
    pub connections: Vec<Begin>,
    /// How many others have stopped within their first line, in the same bucket of the table.
    pub fillers: u8,
    /// The size to which a socket filter cuts what comes.
    pub socket_filter: Option<u8>,
    /// Whether the filter only monitors.
    pub monitors: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            connections: vec![Begin::Established],
            fillers: 0,
            socket_filter: None,
            monitors: false,
        }
    }
}

/// How often something may happen besides what is sent.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Limits {
    /// A process comes to own a socket.
    pub owns: u8,
    /// A process reads.
    pub reads: u8,
    /// A grace period passes.
    pub grace_periods: u8,
    /// The sweep runs, if it was asked for.
    pub sweeps: u8,
    /// Half a minute passes.
    pub pauses: u8,
    /// A segment finds no room in the receive buffer, behind a gap.
    pub pressures: u8,
    /// TCP discards a segment that has passed.
    pub losses: u8,
    /// A connection is closed, and one of the same name is asked for.
    pub reopens: u8,
}

impl Limits {
    /// An owner, a grace period and a sweep.
    pub fn usual() -> Self {
        Self {
            owns: 1,
            grace_periods: 1,
            sweeps: 1,
            ..Self::default()
        }
    }
}

/// What may happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// How it begins.
    pub setup: Setup,
    /// What is sent, each in any order with the others.
    pub segments: Vec<Segment>,
    /// How often what else happens.
    pub limits: Limits,
    /// How many CPUs receive.
    pub cpus: u8,
    /// Whether whoever runs in the kernel can be interrupted at each lock; otherwise a hook and the
    /// sweep each run at once.
    pub is_preemptive: bool,
    /// Whether hooks run in other contexts than softirqs (NFQUEUE, `PREEMPT_RT`): then nothing keeps packets of one CPU in
    /// order.
    pub is_threaded: bool,
    /// The stream of connection 0 if that is an innocent one, which must arrive.
    pub innocent: Option<&'static [u8]>,
}

impl Scenario {
    /// One of an established connection, with two CPUs, an owner, a grace period and a sweep.
    pub fn new(name: impl Into<String>, segments: Vec<Segment>) -> Self {
        Self {
            name: name.into(),
            setup: Setup::default(),
            segments,
            limits: Limits::usual(),
            cpus: 2,
            is_preemptive: false,
            is_threaded: false,
            innocent: None,
        }
    }
}
