// SPDX-License-Identifier: GPL-2.0
//! Small captures of every kind.

use super::file::{pcap_of, Precision};
use super::link::{LINKS, V4_LINKS, V6_LINKS};
use super::{pcap, tunnel, Connection, Fragmented, Order, PcapNg, Segment};
use super::{ETHERNET, OTHER, RAW, REQUEST};

/// A request, and another protocol whose server speaks first: one goes on behind the other's end.
pub fn conversation() -> Vec<Segment> {
    let (http, other) = (Connection::v4(), Connection::v6().with_client_port(50_000));
    let mut segments = [http.opening(), other.opening()].concat();
    segments.extend([
        http.of_client(10, &REQUEST[10..]),
        other.of_server(0, OTHER),
        http.of_client(0, &REQUEST[..10]),
        http.of_server(0, b"HTTP/1.1 404 Not Found\r\n\r\n").fin(),
        other.of_client(0, OTHER),
        other.of_client(OTHER.len() as i32, b"").rst(),
    ]);
    segments
}

fn frames() -> Vec<Vec<u8>> {
    conversation().iter().map(Segment::frame).collect()
}

/// Files, each with two connections: a request, and something else.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for order in [Order::Little, Order::Big] {
        for precision in [Precision::Microseconds, Precision::Nanoseconds] {
            let file = pcap_of(order, precision, ETHERNET, frames());
            files.push((format!("pcap, {order:?}, {precision:?}"), file));
        }
        let file = PcapNg::new(order).interface(ETHERNET).packets(frames());
        files.push((format!("pcapng, {order:?}"), file.bytes()));
    }
    files.push(("pcapng, mixed".into(), mixed()));
    files
}

/// Two sections of two interfaces, and packets of both kinds.
fn mixed() -> Vec<u8> {
    let (first, second) = (Order::Big, Order::Little);
    let mut file = PcapNg::new(first).interface(RAW).interface(ETHERNET);
    for (at, segment) in conversation().iter().enumerate() {
        if at == 5 {
            file = file.section(second).interface(ETHERNET).interface(RAW);
        }
        let (frame, packet) = (segment.frame(), segment.packet());
        file = match (at < 5, at % 2) {
            (true, 0) => file.simple(&packet, packet.len() as u32),
            (true, _) => file.packet(1, &frame),
            (false, 0) => file.simple(&frame, frame.len() as u32),
            // An Interface Statistics Block between them.
            (false, _) => file.block(5, &[0; 12]).packet(1, &packet),
        };
    }
    file.bytes()
}

/// Files of raw IP with a request in fragments.
pub fn fragmented() -> Vec<(String, Vec<u8>)> {
    let (v4, v6) = (Connection::v4(), Connection::v6());
    let fragmented = [
        (v4, Fragmented::v4(&v4.of_client(0, REQUEST).packet())),
        (v6, Fragmented::v6(&v6.of_client(0, REQUEST).packet())),
    ];
    let file = |(connection, packet): (Connection, Fragmented)| {
        let mut packets = vec![connection.syn().packet()];
        packets.extend(packet.fragments(&[24, 48]).into_iter().rev());
        let name = format!("fragments, {}", connection.client);
        (name, pcap(RAW, packets))
    };
    fragmented.map(file).into()
}

/// Files of all links, each with a request.
pub fn links() -> Vec<(String, Vec<u8>)> {
    let (v4, v6) = (Connection::v4(), Connection::v6());
    let links = [(v4, LINKS), (v6, LINKS), (v4, V4_LINKS), (v6, V6_LINKS)];
    let mut files = Vec::new();
    for (connection, links) in links {
        for &(name, link, frame) in links {
            let segments = [connection.syn(), connection.of_client(0, REQUEST)];
            let name = format!("{name}, {}", connection.client);
            files.push((name, pcap(link, segments.iter().map(frame))));
        }
    }
    files
}

/// Files of raw IP with a request and its answer in each tunnel, and what is told of that.
pub fn tunnels() -> Vec<(String, &'static str, Vec<u8>)> {
    let mut files = Vec::new();
    for (connection, (name, tunnel, packet)) in tunnel::all() {
        let mut segments = connection.opening();
        segments.push(connection.of_client(0, REQUEST));
        segments.push(connection.of_server(0, b"HTTP/1.1 204 No Content\r\n\r\n"));
        let name = format!("{name}, {}", connection.client);
        files.push((name, tunnel, pcap(RAW, segments.iter().map(packet))));
    }
    files
}

/// All of them.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let tunnels = tunnels().into_iter();
    let tunnels = tunnels.map(|(name, _, file)| (name, file)).collect();
    [files(), fragmented(), links(), tunnels].concat()
}
