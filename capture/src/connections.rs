// SPDX-License-Identifier: GPL-2.0
//! The connections of a capture.

use std::collections::VecDeque;
use std::net::SocketAddr;

use classifier::Verdict;
use etherparse::TcpSlice;
use lru::LruCache;

use crate::packet::Segment;
use crate::stream::{Reason, Stream, Text};
use crate::tunnel::{Labels, Tunnels};

/// How many connections are kept at once. For another one, the least recently seen one is reported
/// as it stands, and forgotten.
pub const CONNECTIONS_MAX: usize = 1 << 18;

/// How many bytes of segments behind gaps are kept, of all connections together. For others, the
/// connection is reported as it stands whose latest such segment is the oldest.
const WAITING_MAX: usize = 64 << 20;

/// How many connections with the same ends are told apart by the labels of their tunnels.
const ALIKE_MAX: u8 = 8;

/// What was found of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Who sent the SYN, or else has the higher port.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// The kinds of the tunnels that it is in, the outermost first (`gre/vxlan`).
    pub tunnel: Option<Box<str>>,
    /// The number of the file in which it begins.
    pub file: usize,
    /// What the client's bytes are; the server's, if the client sent none.
    pub outcome: Outcome,
    /// Their first line, escaped and cut.
    pub line: Option<Box<str>>,
}

/// What a connection turns out to be, or why that remains unknown.
pub type Outcome = Result<Verdict, Reason>;

/// The connections that are kept.
pub(crate) struct Connections {
    connections: LruCache<Ends, Connection>,
    /// Those with segments behind a gap.
    waiting: LruCache<Ends, ()>,
    /// The size of these segments, in bytes.
    cost: usize,
}

/// The two ends of a connection, the lower one first, and what tells it from others between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ends {
    low: SocketAddr,
    high: SocketAddr,
    /// The tunnels that it is in.
    tunnels: Tunnels,
    /// Which one of those it is that differ by the labels of these.
    number: u8,
}

/// One of the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Low,
    High,
}

/// Something that both ends have.
#[derive(Debug, Default)]
struct Both<T> {
    low: T,
    high: T,
}

#[derive(Debug, Default)]
struct Connection {
    /// What each end sent.
    streams: Both<Stream>,
    /// Whether a packet of this end was seen.
    seen: Both<bool>,
    /// The labels on the way from each end, if there are any.
    labels: Option<Box<Both<Option<Labels>>>>,
    /// Who opened it.
    client: Option<End>,
    /// Whether there was a FIN or RST.
    ended: bool,
    /// An end that has sent another SYN while the connection is open, and where its stream would start.
    again: Option<(End, u32)>,
    /// Whether it was reported.
    reported: bool,
    /// The file in which it begins.
    file: usize,
}

/// How likely it is that a segment belongs to a connection whose ends it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    /// It came with other labels.
    No,
    /// There is no such connection.
    Free,
    /// Nothing of this end is known that contradicts.
    Possible,
    /// The other direction has the same labels, as tunnels may.
    Likely,
    /// Its end has sent with the same labels.
    Sure,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self {
            connections: LruCache::unbounded(),
            waiting: LruCache::unbounded(),
            cost: 0,
        }
    }

    /// Handles a segment, and reports the connections that it decides or that are given up for it.
    /// `file` is the number of the file that it is in.
    pub(crate) fn receive(
        &mut self,
        segment: &Segment<'_>,
        file: usize,
        ready: &mut VecDeque<Finding>,
    ) {
        let (mut ends, end) = Ends::of(segment);
        if !segment.way.labels.is_empty() {
            ends.number = self.number(&ends, end, segment);
        }
        let begin = || Connection {
            file,
            ..Connection::default()
        };
        let connection = self.connections.get_or_insert_mut_ref(&ends, begin);
        let before = connection.cost();
        if connection.is_renewed_by(end, segment) {
            std::mem::replace(connection, begin()).report(&ends, ready);
        }
        connection.receive(end, segment);
        connection.report_if_decided(&ends, ready);
        let after = connection.cost();
        self.cost = self.cost.saturating_add(after).saturating_sub(before);
        if after > before {
            self.waiting.put(ends.clone(), ());
        } else if after < before && after == 0 {
            self.waiting.pop(&ends);
        }
        while self.cost > WAITING_MAX && self.give_up_waiting(ready) {}
        if self.connections.len() > CONNECTIONS_MAX {
            self.give_up_oldest(ready);
        }
    }

    /// Which of the connections between these ends, of which the labels of tunnels tell them apart, a
    /// segment belongs to. Its way back has other labels: what the two directions of a connection have in common is known
    /// from its handshake, or taken for granted if only one comes into question.
    fn number(&self, ends: &Ends, end: End, segment: &Segment<'_>) -> u8 {
        let mut ends = ends.clone();
        let mut best = (Match::No, 0);
        for number in 0..ALIKE_MAX {
            ends.number = number;
            let found = self.connections.peek(&ends);
            let found = found.map_or(Match::Free, |connection| connection.matches(end, segment));
            if found == Match::Sure {
                return number;
            }
            if found > best.0 {
                best = (found, number);
            }
        }
        match best {
            // Others have taken all the places.
            (Match::No, _) => ALIKE_MAX.saturating_sub(1),
            (_, number) => number,
        }
    }

    /// Reports the connection that was not seen for the longest time, unless it has been reported, and forgets
    /// it. False if there is none.
    pub(crate) fn give_up_oldest(&mut self, ready: &mut VecDeque<Finding>) -> bool {
        let Some((ends, mut connection)) = self.connections.pop_lru() else {
            return false;
        };
        self.waiting.pop(&ends);
        self.cost = self.cost.saturating_sub(connection.cost());
        connection.report(&ends, ready);
        true
    }

    /// Reports the connection in which segments wait that has seen none come for the longest time. False
    /// if there is none.
    fn give_up_waiting(&mut self, ready: &mut VecDeque<Finding>) -> bool {
        let Some((ends, ())) = self.waiting.pop_lru() else {
            return false;
        };
        if let Some(connection) = self.connections.peek_mut(&ends) {
            self.cost = self.cost.saturating_sub(connection.cost());
            connection.report(&ends, ready);
        }
        true
    }
}

impl Ends {
    /// The ends of a segment's connection, and which of them sent it.
    fn of(segment: &Segment<'_>) -> (Self, End) {
        let (source, destination) = (segment.source, segment.destination);
        let (low, high, end) = if source <= destination {
            (source, destination, End::Low)
        } else {
            (destination, source, End::High)
        };
        let ends = Self {
            low,
            high,
            tunnels: segment.way.tunnels.clone(),
            number: 0,
        };
        (ends, end)
    }

    fn get(&self, end: End) -> SocketAddr {
        match end {
            End::Low => self.low,
            End::High => self.high,
        }
    }

    /// The end that is likely to be the client if nobody was seen to open the connection.
    fn higher_port(&self) -> End {
        if self.low.port() > self.high.port() {
            End::Low
        } else {
            End::High
        }
    }
}

impl End {
    fn other(self) -> Self {
        match self {
            End::Low => End::High,
            End::High => End::Low,
        }
    }
}

impl<T> Both<T> {
    fn get(&self, end: End) -> &T {
        match end {
            End::Low => &self.low,
            End::High => &self.high,
        }
    }

    fn get_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        }
    }
}

impl Connection {
    /// What the segments that wait cost.
    fn cost(&self) -> usize {
        let Both { low, high } = &self.streams;
        low.cost().saturating_add(high.cost())
    }

    /// Whether a segment of an end, with its labels, may belong to it.
    fn matches(&self, end: End, segment: &Segment<'_>) -> Match {
        let Some(labels) = &self.labels else {
            return Match::No;
        };
        match (labels.get(end), labels.get(end.other())) {
            (Some(own), _) if *own == segment.way.labels => Match::Sure,
            (Some(_), _) => Match::No,
            (None, Some(back)) if *back == segment.way.labels => Match::Likely,
            (None, _) if self.is_contradicted_by(end, segment) => Match::No,
            (None, _) => Match::Possible,
        }
    }

    /// Whether a SYN of an end disagrees on where a stream starts.
    fn is_contradicted_by(&self, end: End, segment: &Segment<'_>) -> bool {
        let tcp = &segment.tcp;
        if !tcp.syn() {
            return false;
        }
        let start = tcp.sequence_number().wrapping_add(1);
        !self.streams.get(end).agrees_on(start)
            || tcp.ack()
                && !self
                    .streams
                    .get(end.other())
                    .agrees_on(tcp.acknowledgment_number())
    }

    /// Whether this segment opens another connection between the same ends. While one goes on, a SYN
    /// from elsewhere in the sequence space does not until it is answered: TCP ignores it (RFC 9293, section 3.10.7.4).
    fn is_renewed_by(&mut self, end: End, segment: &Segment<'_>) -> bool {
        let tcp = &segment.tcp;
        if !tcp.syn() || !is_taken(tcp) {
            return false;
        }
        let start = tcp.sequence_number().wrapping_add(1);
        let acknowledged = tcp.ack().then(|| tcp.acknowledgment_number());
        let may_start_at = |end, start| self.streams.get(end).may_start_at(start);
        if may_start_at(end, start)
            && acknowledged.is_none_or(|start| may_start_at(end.other(), start))
        {
            return false;
        }
        let is_over = self.ended || !*self.seen.get(end.other());
        if let Some(acknowledged) = acknowledged {
            return is_over || self.again == Some((end.other(), acknowledged));
        }
        if !is_over {
            self.again = Some((end, start));
        }
        is_over
    }

    fn receive(&mut self, end: End, segment: &Segment<'_>) {
        let tcp = &segment.tcp;
        *self.seen.get_mut(end) = true;
        if !segment.way.labels.is_empty() {
            let labels = self.labels.get_or_insert_default();
            labels.get_mut(end).get_or_insert(segment.way.labels);
        }
        if !is_taken(tcp) {
            return;
        }
        self.ended |= tcp.fin() || tcp.rst();
        if tcp.rst() {
            return;
        }
        let mut seq = tcp.sequence_number();
        if tcp.syn() {
            seq = seq.wrapping_add(1);
            self.open(end, seq, tcp.ack().then(|| tcp.acknowledgment_number()));
        }
        if !self.reported {
            self.streams.get_mut(end).receive(seq, tcp.payload());
        }
    }

    /// Takes note of a SYN, which tells where its sender's stream starts, and that of whom it acknowledges.
    fn open(&mut self, end: End, start: u32, acknowledged: Option<u32>) {
        let opener = if acknowledged.is_some() {
            end.other()
        } else {
            end
        };
        self.client.get_or_insert(opener);
        let own = self.streams.get_mut(end);
        if own.may_start_at(start) {
            own.start_at(start);
        }
        if let Some(start) = acknowledged {
            self.streams.get_mut(end.other()).acknowledge(start);
        }
    }

    fn client(&self, ends: &Ends) -> End {
        self.client.unwrap_or_else(|| ends.higher_port())
    }

    fn report_if_decided(&mut self, ends: &Ends, ready: &mut VecDeque<Finding>) {
        if self.reported {
            return;
        }
        let client = self.client(ends);
        let Some((verdict, line)) = self.streams.get(client).decided() else {
            return;
        };
        ready.push_back(self.finding(ends, client, Ok(*verdict), line.clone()));
        self.forget();
    }

    fn finding(&self, ends: &Ends, client: End, outcome: Outcome, line: Text) -> Finding {
        Finding {
            client: ends.get(client),
            server: ends.get(client.other()),
            tunnel: ends.tunnels.names(),
            file: self.file,
            outcome,
            line,
        }
    }

    /// Keeps no more than what tells the next connection from this one, which has been reported.
    fn forget(&mut self) {
        self.reported = true;
        self.streams.low.forget();
        self.streams.high.forget();
    }

    /// Reports it as it stands, unless it has been reported.
    fn report(&mut self, ends: &Ends, ready: &mut VecDeque<Finding>) {
        if self.reported {
            return;
        }
        let client = self.client(ends);
        let Both { low, high } = &mut self.streams;
        let (of_client, of_server) = match client {
            End::Low => (low, high),
            End::High => (high, low),
        };
        let classified = if of_client.has_data() || !of_server.has_data() {
            of_client
        } else {
            of_server
        };
        let (outcome, line) = classified.conclude();
        ready.push_back(self.finding(ends, client, outcome, line));
        self.forget();
    }
}

/// Whether TCP takes anything of a segment, by its flags.
fn is_taken(tcp: &TcpSlice<'_>) -> bool {
    if tcp.syn() {
        !tcp.fin() && !tcp.rst()
    } else {
        tcp.ack() || tcp.rst()
    }
}
