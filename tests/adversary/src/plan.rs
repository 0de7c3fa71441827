// SPDX-License-Identifier: GPL-2.0
//! The plan of a case: the client's stream, and every packet that it sends, decoys among them.

pub(crate) mod show;

use crate::address::Family;

/// A case, on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) family: Family,
    pub(crate) socket: Socket,
    pub(crate) options: Options,
    pub(crate) opening: Opening,
    /// The client's stream. In the end, what is not acknowledged of it is retransmitted.
    pub(crate) stream: Vec<u8>,
    pub(crate) actions: Vec<Action>,
    pub(crate) retransmission: Retransmission,
}

/// The kind of socket that the server accepts the connection with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Socket {
    /// Read as soon as there is something.
    Plain,
    /// Read a few bytes at a time, with pauses.
    Slow,
    /// With a small receive buffer (SO_RCVBUF).
    SmallBuffer,
    /// With SO_OOBINLINE: urgent bytes stay in the stream.
    Inline,
    /// An IPv6 socket that takes IPv4 too.
    Mapped,
}

impl Socket {
    pub(crate) const ALL: [Self; 5] = [
        Self::Plain,
        Self::Slow,
        Self::SmallBuffer,
        Self::Inline,
        Self::Mapped,
    ];

    /// The port that such sockets listen on.
    pub(crate) const fn port(self) -> u16 {
        8000 + self as u16
    }
}

/// The options that the SYN offers, and the maximum segment size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) timestamps: bool,
    pub(crate) selective_acks: bool,
    pub(crate) window_scale: Option<u8>,
    pub(crate) segment_size: u16,
}

/// How the connection is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opening {
    /// The data of the first SYN. A retransmitted SYN has none.
    pub(crate) syn_data: Vec<u8>,
    /// The SYN has the Fast Open option, without a cookie.
    pub(crate) fast_open: bool,
    /// There is no bare ACK in the handshake: the first segment with data completes it.
    pub(crate) third_ack_carries: bool,
    /// In addition, the server has answered with a SYN cookie: it takes the sequence number of the
    /// first segment that it receives for the stream's start, even if that is some bytes off.
    pub(crate) start_is_open: bool,
}

/// An action of the client.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Send(Segment),
    /// Sends two segments at the same time, the first on another CPU.
    Together(Segment, Segment),
    /// Sends a keep-alive probe: this byte, just before the server's rcv_nxt.
    KeepAlive(u8),
    /// Continues on this CPU.
    Cpu(usize),
    /// Waits a short time until all that was sent in order is acknowledged.
    Settle,
    /// Holds the connection open until all held ones are released.
    Hold,
}

/// A segment of the client.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The offset of its first byte in the stream; negative before the stream's start.
    pub(crate) offset: i32,
    pub(crate) data: Vec<u8>,
    pub(crate) kind: Kind,
    /// The urgent pointer: the number of bytes up to and with the urgent one. Linux takes 0 for 1.
    pub(crate) urgent: Option<u16>,
    pub(crate) fault: Option<Fault>,
    pub(crate) encapsulation: Encapsulation,
}

/// The flags of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Fin,
    Rst,
    Syn,
    SynAck,
}

/// The reason for which TCP discards a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Checksum,
    NoAck,
    /// It acknowledges what was never sent.
    FutureAck,
    /// It acknowledges a number far before the connection's start.
    AncientAck,
    OldTimestamp,
    Md5,
    Ao,
    /// Its data offset is shorter than a TCP header.
    ShortHeader,
    /// Its data offset is beyond the end of the segment.
    LongHeader,
    /// Far behind the window.
    BehindWindow,
    /// Far before the window.
    BeforeWindow,
}

impl Fault {
    pub(crate) const ALL: [Self; 11] = [
        Self::Checksum,
        Self::NoAck,
        Self::FutureAck,
        Self::AncientAck,
        Self::OldTimestamp,
        Self::Md5,
        Self::Ao,
        Self::ShortHeader,
        Self::LongHeader,
        Self::BehindWindow,
        Self::BeforeWindow,
    ];
}

/// How IP carries a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encapsulation {
    Plain,
    HopLimit(u8),
    Identification(u16),
    /// Behind a hop-by-hop options header (IPv6).
    HopByHop,
    /// Behind a destination options header (IPv6).
    DestinationOptions,
    /// In fragments of this size, a multiple of 8.
    Fragments {
        size: usize,
        reversed: bool,
    },
}

/// How the client retransmits what is not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retransmission {
    /// How many times without progress.
    pub(crate) tries: u32,
    /// The seed for new random segment boundaries; without one, segments have full size.
    pub(crate) recut: Option<u64>,
}

impl Encapsulation {
    pub(crate) const fn is_ipv6_only(self) -> bool {
        matches!(self, Self::HopByHop | Self::DestinationOptions)
    }
}

impl Segment {
    /// Plain data.
    pub(crate) fn new(offset: i32, data: impl Into<Vec<u8>>) -> Self {
        Self {
            offset,
            data: data.into(),
            kind: Kind::Data,
            urgent: None,
            fault: None,
            encapsulation: Encapsulation::Plain,
        }
    }

    pub(crate) fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(crate) fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn with_urgent(mut self, pointer: u16) -> Self {
        self.urgent = Some(pointer);
        self
    }

    pub(crate) fn with_encapsulation(mut self, encapsulation: Encapsulation) -> Self {
        self.encapsulation = encapsulation;
        self
    }

    /// The offset behind its last byte.
    pub(crate) fn end(&self) -> i32 {
        self.offset + self.data.len() as i32
    }

    /// The offset of its urgent byte in the stream.
    pub(crate) fn urgent_offset(&self) -> Option<i32> {
        self.urgent
            .map(|pointer| self.offset + i32::from(pointer.saturating_sub(1)))
    }
}

impl Plan {
    /// All segments, in order.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.actions.iter().flat_map(|action| match action {
            Action::Send(segment) => vec![segment],
            Action::Together(one, other) => vec![one, other],
            _ => vec![],
        })
    }

    /// Whether all is sent from one CPU.
    pub(crate) fn is_on_one_cpu(&self) -> bool {
        !self
            .actions
            .iter()
            .any(|action| matches!(action, Action::Cpu(_) | Action::Together(..)))
    }

    /// Whether all copies of a byte that TCP may accept are equal to the stream's.
    pub(crate) fn copies_agree(&self) -> bool {
        let agrees = |offset: i32, data: &[u8]| {
            let old = offset.min(0).unsigned_abs() as usize;
            let data = data.get(old..).unwrap_or_default();
            let start = offset.max(0) as usize;
            data.is_empty() || self.stream.get(start..start + data.len()) == Some(data)
        };
        !self.opening.start_is_open
            && agrees(0, &self.opening.syn_data)
            && self
                .segments()
                .filter(|segment| segment.fault.is_none() && segment.kind == Kind::Data)
                .all(|segment| agrees(segment.offset, &segment.data))
    }

    /// The offsets of the bytes that were sent as urgent, and that read() may leave out.
    pub(crate) fn urgent_offsets(&self) -> Vec<usize> {
        let mut offsets: Vec<usize> = self
            .segments()
            .filter(|segment| segment.fault.is_none())
            .filter_map(Segment::urgent_offset)
            .filter_map(|offset| usize::try_from(offset).ok())
            .filter(|&offset| offset < self.stream.len())
            .collect();
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(stream: &[u8], segments: impl IntoIterator<Item = Segment>) -> Plan {
        Plan {
            family: Family::Ipv4,
            socket: Socket::Plain,
            options: Options {
                timestamps: true,
                selective_acks: true,
                window_scale: None,
                segment_size: 1400,
            },
            opening: Opening::default(),
            stream: stream.to_vec(),
            actions: segments.into_iter().map(Action::Send).collect(),
            retransmission: Retransmission {
                tries: 1,
                recut: None,
            },
        }
    }

    #[test]
    fn equal_copies_agree() {
        let segments = [
            Segment::new(0, "SSH-2.0"),
            Segment::new(4, "2.0-x"),
            Segment::new(-3, "***SSH"),
        ];
        assert!(plan(b"SSH-2.0-x", segments).copies_agree());
    }

    #[test]
    fn different_copies_do_not_agree() {
        assert!(!plan(b"SSH-2.0-x", [Segment::new(4, "1.0")]).copies_agree());
        assert!(
            !plan(b"SSH-2.0-x", [Segment::new(8, "xy")]).copies_agree(),
            "beyond the stream's end"
        );
    }

    #[test]
    fn what_tcp_discards_does_not_count() {
        assert!(plan(
            b"SSH-2.0-x",
            [Segment::new(0, "GET /").with_fault(Fault::Checksum)]
        )
        .copies_agree());
        assert!(plan(
            b"SSH-2.0-x",
            [Segment::new(0, "GET /").with_kind(Kind::Rst)]
        )
        .copies_agree());
    }

    #[test]
    fn urgent_bytes_lie_before_the_pointer() {
        assert_eq!(
            plan(b"SSH-2.0-x", [Segment::new(2, "H-2").with_urgent(1)]).urgent_offsets(),
            [2]
        );
        assert_eq!(
            plan(b"SSH", [Segment::new(0, "SSH").with_urgent(9)]).urgent_offsets(),
            [0; 0]
        );
    }
}
