// SPDX-License-Identifier: GPL-2.0
//! Connections, packet by packet, and what is told of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use capture::{Error, Flow, Judge, Outcome, Summary};
use classifier::Verdict;
use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader};

use crate::formats::{pcap, RAW};

pub(crate) const REQUEST: &[u8] = b"GET /index.html?q HTTP/1.1\r\nHost: example.com\r\n\r\n";
pub(crate) const LINE: &str = "GET /index.html HTTP/1.1";

pub(crate) fn client() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 7), 51_034).into()
}

pub(crate) fn server() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 80).into()
}

/// The flags of a segment, by their first letters: `S`, `SA`, `A`, `FA`, `R`, or none.
pub(crate) fn segment(
    (source, destination): (SocketAddr, SocketAddr),
    flags: &str,
    seq: u32,
    ack: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut tcp = TcpHeader::new(source.port(), destination.port(), seq, 65_535);
    tcp.syn = flags.contains('S');
    tcp.ack = flags.contains('A');
    tcp.fin = flags.contains('F');
    tcp.rst = flags.contains('R');
    tcp.acknowledgment_number = ack;
    let mut bytes = tcp.to_bytes().to_vec();
    bytes.extend(data);
    bytes
}

/// An IP packet of that payload.
pub(crate) fn packet(
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNumber,
    payload: &[u8],
) -> Vec<u8> {
    let length = payload.len() as u16;
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Ipv4Header::new(length, 64, protocol, source.octets(), destination.octets())
                .unwrap()
                .to_bytes()
                .to_vec()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: length,
            next_header: protocol,
            hop_limit: 64,
            source: source.octets(),
            destination: destination.octets(),
        }
        .to_bytes()
        .to_vec(),
        _ => panic!("two versions of IP"),
    };
    packet.extend(payload);
    packet
}

/// The packets of a connection as they come by, of which either end may be left out.
pub(crate) struct Connection {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The sequence numbers of the first bytes.
    pub(crate) client_start: u32,
    pub(crate) server_start: u32,
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            client: client(),
            server: server(),
            client_start: 1_001,
            server_start: 5_001,
            packets: Vec::new(),
        }
    }
}

impl Connection {
    pub(crate) fn ipv6() -> Self {
        let address = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        Self {
            client: (address(7), 51_034).into(),
            server: (address(1), 80).into(),
            ..Self::default()
        }
    }

    /// Whose client has that port.
    pub(crate) fn of_port(port: u16) -> Self {
        let mut connection = Self::default();
        connection.client.set_port(port);
        connection
    }

    /// That has been opened.
    pub(crate) fn open() -> Self {
        Self::default().syn().syn_ack()
    }

    pub(crate) fn syn(self) -> Self {
        self.syn_with(b"")
    }

    pub(crate) fn syn_with(self, data: &[u8]) -> Self {
        let seq = self.client_start.wrapping_sub(1);
        self.client_sends("S", seq, 0, data)
    }

    pub(crate) fn syn_ack(self) -> Self {
        let (seq, ack) = (self.server_start.wrapping_sub(1), self.client_start);
        self.server_sends("SA", seq, ack, b"")
    }

    /// The client's bytes from this place in its stream on.
    pub(crate) fn data(self, at: u32, data: &[u8]) -> Self {
        let seq = self.client_start.wrapping_add(at);
        self.client_sends("A", seq, 0, data)
    }

    /// The same of the server's.
    pub(crate) fn answer(self, at: u32, data: &[u8]) -> Self {
        let seq = self.server_start.wrapping_add(at);
        self.server_sends("A", seq, 0, data)
    }

    pub(crate) fn client_sends(self, flags: &str, seq: u32, ack: u32, data: &[u8]) -> Self {
        let ends = (self.client, self.server);
        self.sent(ends, flags, seq, ack, data)
    }

    pub(crate) fn server_sends(self, flags: &str, seq: u32, ack: u32, data: &[u8]) -> Self {
        let ends = (self.server, self.client);
        self.sent(ends, flags, seq, ack, data)
    }

    fn sent(
        mut self,
        ends: (SocketAddr, SocketAddr),
        flags: &str,
        seq: u32,
        ack: u32,
        data: &[u8],
    ) -> Self {
        let tcp = segment(ends, flags, seq, ack, data);
        self.packets
            .push(packet(ends.0.ip(), ends.1.ip(), IpNumber::TCP, &tcp));
        self
    }

    /// What is told of it alone.
    pub(crate) fn judged(&self) -> Vec<Flow> {
        flows(&pcap(RAW, &self.packets))
    }

    /// The one thing that is told of it.
    #[track_caller]
    pub(crate) fn outcome(&self) -> (Outcome, Option<String>) {
        let mut flows = self.judged();
        assert_eq!(flows.len(), 1, "{flows:?}");
        let flow = flows.remove(0);
        assert_eq!((flow.client, flow.server), (self.client, self.server));
        (flow.outcome, flow.line.map(String::from))
    }

    #[track_caller]
    pub(crate) fn is(&self, verdict: Verdict, line: &str) {
        let line = (!line.is_empty()).then(|| line.to_owned());
        assert_eq!(self.outcome(), (Ok(verdict), line));
    }
}

/// All that is told of a file, and how it ended.
pub(crate) fn judge(file: &[u8]) -> (Vec<Flow>, Option<Error>, Summary) {
    let mut judge = match Judge::open(file) {
        Ok(judge) => judge,
        Err(error) => return (Vec::new(), Some(error), Summary::default()),
    };
    let (mut flows, mut end) = (Vec::new(), None);
    for told in judge.by_ref() {
        assert!(end.is_none(), "an error is the last thing that is told");
        match told {
            Ok(flow) => flows.push(flow),
            Err(error) => end = Some(error),
        }
    }
    assert!(judge.next().is_none());
    (flows, end, judge.summary().clone())
}

/// What is told of a file that is sound.
#[track_caller]
pub(crate) fn flows(file: &[u8]) -> Vec<Flow> {
    let (flows, end, _) = judge(file);
    assert!(end.is_none(), "{end:?}");
    flows
}
