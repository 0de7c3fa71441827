// SPDX-License-Identifier: GPL-2.0
//! The segments of connections, and the packets around them.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpHeaders, Ipv4Header, Ipv6Extensions, Ipv6Header, PacketBuilder, PacketBuilderStep, TcpHeader,
};

/// A connection, which makes its segments. A position in a stream is that of a byte, from 0.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// The sequence numbers of the SYNs.
    pub client_isn: u32,
    pub server_isn: u32,
}

#[derive(Clone, Debug)]
pub struct Segment {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub tcp: TcpHeader,
    pub data: Vec<u8>,
}

impl Connection {
    pub fn v4() -> Self {
        Self {
            client: "10.0.0.1:40000".parse().unwrap(),
            server: "10.0.0.2:80".parse().unwrap(),
            client_isn: 1_000_000,
            server_isn: 2_000_000,
        }
    }

    pub fn v6() -> Self {
        Self {
            client: "[fd00::1]:40000".parse().unwrap(),
            server: "[fd00::2]:80".parse().unwrap(),
            ..Self::v4()
        }
    }

    /// Another one between the same ends, far away in the space of sequence numbers.
    pub fn again(self) -> Self {
        Self {
            client_isn: self.client_isn.wrapping_add(1 << 30),
            server_isn: self.server_isn.wrapping_add(1 << 30),
            ..self
        }
    }

    /// The same with another port of the client.
    pub fn with_client_port(mut self, port: u16) -> Self {
        self.client.set_port(port);
        self
    }

    pub fn syn(&self) -> Segment {
        self.of_client(0, b"").with(|tcp| {
            tcp.sequence_number = self.client_isn;
            tcp.acknowledgment_number = 0;
            (tcp.syn, tcp.ack) = (true, false);
        })
    }

    pub fn syn_ack(&self) -> Segment {
        self.of_server(0, b"").with(|tcp| {
            tcp.sequence_number = self.server_isn;
            tcp.syn = true;
        })
    }

    /// How a connection is opened.
    pub fn opening(&self) -> Vec<Segment> {
        vec![self.syn(), self.syn_ack(), self.of_client(0, b"")]
    }

    /// A segment of the client's.
    pub fn of_client(&self, position: i32, data: &[u8]) -> Segment {
        let (seq, ack) = (self.client_isn, self.server_isn);
        segment(self.client, self.server, seq, ack, position, data)
    }

    /// A segment of the server's.
    pub fn of_server(&self, position: i32, data: &[u8]) -> Segment {
        let (seq, ack) = (self.server_isn, self.client_isn);
        segment(self.server, self.client, seq, ack, position, data)
    }
}

/// The segment behind a SYN that had the number `isn`.
fn segment(
    source: SocketAddr,
    destination: SocketAddr,
    isn: u32,
    acknowledged: u32,
    position: i32,
    data: &[u8],
) -> Segment {
    let seq = isn.wrapping_add(1).wrapping_add_signed(position);
    let mut tcp = TcpHeader::new(source.port(), destination.port(), seq, 65_535);
    tcp.ack = true;
    tcp.acknowledgment_number = acknowledged.wrapping_add(1);
    Segment {
        source,
        destination,
        tcp,
        data: data.into(),
    }
}

impl Segment {
    /// With a header that differs.
    pub fn with(mut self, change: impl FnOnce(&mut TcpHeader)) -> Self {
        change(&mut self.tcp);
        self
    }

    pub fn with_data(mut self, data: &[u8]) -> Self {
        self.data = data.into();
        self
    }

    pub fn fin(self) -> Self {
        self.with(|tcp| tcp.fin = true)
    }

    pub fn rst(self) -> Self {
        self.with(|tcp| tcp.rst = true)
    }

    /// The headers of an IP packet for it, complete but for the length.
    pub fn ip(&self) -> IpHeaders {
        match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let (source, destination) = (source.octets(), destination.octets());
                let header =
                    Ipv4Header::new(0, 64, etherparse::ip_number::TCP, source, destination);
                IpHeaders::Ipv4(header.unwrap(), Default::default())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = Ipv6Header {
                    source: source.octets(),
                    destination: destination.octets(),
                    hop_limit: 64,
                    ..Default::default()
                };
                IpHeaders::Ipv6(header, Ipv6Extensions::default())
            }
            mixed => panic!("{mixed:?}"),
        }
    }

    /// It in what was built up to the IP headers.
    pub fn behind(&self, headers: PacketBuilderStep<IpHeaders>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let packet = headers.tcp_header(self.tcp.clone());
        packet.write(&mut bytes, &self.data).unwrap();
        bytes
    }

    /// It in an IP packet.
    pub fn packet(&self) -> Vec<u8> {
        self.behind(PacketBuilder::ip(self.ip()))
    }

    /// It in an IPv6 packet with extension headers.
    pub fn extended(&self, extensions: Ipv6Extensions) -> Vec<u8> {
        let IpHeaders::Ipv6(header, _) = self.ip() else {
            panic!("{self:?}");
        };
        self.behind(PacketBuilder::ip(IpHeaders::Ipv6(header, extensions)))
    }

    /// It in an Ethernet frame.
    pub fn frame(&self) -> Vec<u8> {
        self.behind(PacketBuilder::ethernet2([2; 6], [4; 6]).ip(self.ip()))
    }
}
