// SPDX-License-Identifier: GPL-2.0

//! A scenario: the segments that are sent, and what else may happen, how often.

use crate::{kernel_ext::socket::FirstSeq, world::Packet};
use core::fmt;

/// A segment that a client or an attacker may send.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The connection, by number.
    pub flow: u8,
    /// Offset in the stream of its first byte.
    pub offset: u32,
    /// Its payload.
    pub data: &'static [u8],
    /// An urgent pointer.
    pub urgent: Option<u32>,
    /// How often the connection was closed and requested again before the one it belongs to.
    pub generation: u8,
    /// What makes TCP discard it.
    pub flaw: Option<Flaw>,
    /// Whether it has a FIN.
    pub has_fin: bool,
    /// Whether it is a SYN, and of what kind.
    pub syn: Option<Syn>,
    /// Whether its connection has the addresses and ports of the one before, on another device (VRF).
    pub is_on_other_device: bool,
    /// How often it may be sent.
    pub times: u8,
}

/// What a SYN requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syn {
    /// A connection.
    Connection,
    /// A connection that receives the SYN's data (TCP Fast Open).
    FastOpen,
    /// A second subflow of Multipath TCP.
    Subflow,
}

/// Why TCP discards a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A wrong checksum.
    Checksum,
    /// An acknowledgment of bytes that were never sent.
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
            has_fin: false,
            syn: None,
            is_on_other_device: false,
            times: 1,
        }
    }

    /// The same, sent several times.
    pub const fn times(self, times: u8) -> Self {
        Self { times, ..self }
    }

    /// The same in another connection.
    pub const fn of(self, flow: u8) -> Self {
        Self { flow, ..self }
    }

    /// The same in connection 1, which has the addresses and ports of connection 0, on another device.
    pub const fn on_other_device(self) -> Self {
        Self {
            flow: 1,
            is_on_other_device: true,
            ..self
        }
    }

    /// The same in the next connection with these addresses and ports.
    pub const fn of_next_connection(self) -> Self {
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
    pub const fn fin(self) -> Self {
        Self {
            has_fin: true,
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
            is_on_other_device: self.is_on_other_device,
            seq: start.received.wrapping_add(self.offset),
            ack: start.sent + u32::from(self.flaw == Some(Flaw::Acknowledgment)),
            data: self.data,
            urgent: self.urgent,
            has_fin: self.has_fin,
            syn: self.syn,
            is_corrupt: self.flaw == Some(Flaw::Checksum),
            coalesces: true,
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
            write!(f, ", requested again,")?;
        }
        if let Some(pointer) = self.urgent {
            write!(f, " with urgent pointer {pointer}")?;
        }
        if self.has_fin {
            f.write_str(" with a FIN")?;
        }
        match self.flaw {
            Some(Flaw::Checksum) => f.write_str(" with a wrong checksum"),
            Some(Flaw::Acknowledgment) => f.write_str(" with a wrong acknowledgment"),
            None => Ok(()),
        }
    }
}

/// The initial sequence numbers of the connections that have the same addresses and ports one after
/// the other. They are close enough for an old segment to fall into the next connection's window;
/// every second connection receives from the same number on as the first.
pub(crate) fn start(generation: u8) -> FirstSeq {
    FirstSeq {
        received: 1000 + 20 * u32::from(generation % 2),
        sent: 5000 + 100 * u32::from(generation),
    }
}

/// The state of a connection when a scenario begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It has a socket.
    Established,
    /// It has a request socket; the segment that completes the handshake creates its socket.
    Request,
    /// The host keeps nothing of it: a segment that brings back a SYN cookie creates its socket, as
    /// one does of the next connection with these addresses and ports.
    Cookies,
}

/// What is there when a scenario begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The connections.
    pub connections: Vec<Begin>,
    /// How many other connections are undecided, in the same bucket of the table.
    pub fillers: u8,
    /// The length to which a socket filter trims segments.
    pub socket_filter: Option<u8>,
    /// The connections that are only monitored.
    pub monitored: Vec<u8>,
    /// Whether HTTP/0.9 is allowed.
    pub allows_http09: bool,
    /// Whether all other HTTP is rejected, not dropped.
    pub rejects: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            connections: vec![Begin::Established],
            fillers: 0,
            socket_filter: None,
            monitored: vec![],
            allows_http09: false,
            rejects: false,
        }
    }
}

/// The port that connection 0 is to; those of the others follow.
pub(crate) const PORT: u16 = 80;

impl Setup {
    /// Where connections are only monitored.
    pub fn monitoring(monitored: &[u8]) -> Self {
        Self {
            monitored: monitored.to_vec(),
            ..Self::default()
        }
    }

    /// Its rules.
    pub(crate) fn rules(&self) -> String {
        let monitor = |&flow: &u8| format!("monitor port {}\n", PORT + u16::from(flow));
        let mut rules: String = self.monitored.iter().map(monitor).collect();
        if self.allows_http09 {
            rules += "allow kind http09\n";
        }
        if self.rejects {
            rules += "reject\n";
        }
        rules
    }
}

/// How often each of these may happen.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Limits {
    /// A process locks a socket.
    pub owns: u8,
    /// A process reads.
    pub reads: u8,
    /// A grace period passes.
    pub grace_periods: u8,
    /// The sweep runs, if it is scheduled.
    pub sweeps: u8,
    /// 31 seconds pass.
    pub pauses: u8,
    /// The receive buffer is full when a segment comes.
    pub pressures: u8,
    /// TCP discards a segment that has passed.
    pub losses: u8,
    /// A connection is closed and requested again.
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

/// What is explored.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// How it begins.
    pub setup: Setup,
    /// The segments that are sent, in any order.
    pub segments: Vec<Segment>,
    /// How often everything else may happen.
    pub limits: Limits,
    /// How many CPUs receive segments.
    pub cpus: u8,
    /// Whether hooks and the sweep are preempted at each lock; otherwise each runs from beginning to
    /// end.
    pub is_preemptive: bool,
    /// Whether hooks run in threads (NFQUEUE, `PREEMPT_RT`), which do not keep a CPU's packets in order.
    pub is_threaded: bool,
    /// The stream of connection 0 if all segments agree on it and it is no request: it must arrive.
    pub innocent: Option<&'static [u8]>,
    /// Whether all segments agree on a request, so that connection 0 must end if that is rejected.
    pub is_rejected: bool,
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
            is_rejected: false,
        }
    }
}
