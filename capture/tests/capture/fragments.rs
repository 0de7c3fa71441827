// SPDX-License-Identifier: GPL-2.0
//! Fragments of IP packets, and IPv6's extension headers.

use capture::{Flow, Reason};
use classifier::Verdict::{self, Http1};
use etherparse::IpNumber;

use crate::formats::{pcap, RAW};
use crate::support::{flows, packet, segment, Connection, LINE, REQUEST};

/// How long a fragment of the tests is, in bytes.
const LENGTH: usize = 24;

/// The segment that is cut: four fragments, of which the first ends behind the method.
fn request(connection: &Connection) -> Vec<u8> {
    let ends = (connection.client, connection.server);
    let data = [REQUEST, b"and something more"].concat();
    segment(ends, "A", connection.client_start, 0, &data)
}

/// The fragments of a packet that holds this, from any place on.
fn fragment(connection: &Connection, payload: &[u8], at: usize, length: usize) -> Vec<u8> {
    let end = payload.len().min(at + length);
    let (piece, more) = (&payload[at..end], end < payload.len());
    let (source, destination) = (connection.client.ip(), connection.server.ip());
    let offset = (at / 8) as u16;
    if source.is_ipv4() {
        let mut bytes = packet(source, destination, IpNumber::TCP, piece);
        bytes[4..6].copy_from_slice(&[0, 7]);
        let field = (u16::from(more) << 13) | offset;
        bytes[6..8].copy_from_slice(&field.to_be_bytes());
        bytes
    } else {
        let field = ((offset << 3) | u16::from(more)).to_be_bytes();
        let header = [6, 0, field[0], field[1], 0, 0, 0, 7];
        packet(
            source,
            destination,
            IpNumber::IPV6_FRAGMENTATION_HEADER,
            &[&header, piece].concat(),
        )
    }
}

fn both() -> [Connection; 2] {
    [Connection::open(), Connection::ipv6().syn().syn_ack()]
}

/// What is told of a connection with these packets at its end.
fn told(mut connection: Connection, packets: Vec<Vec<u8>>) -> Vec<Flow> {
    connection.packets.extend(packets);
    connection.judged()
}

#[test]
fn fragments_come_in_any_order_and_more_than_once() {
    for order in [
        &[0, 1, 2, 3][..],
        &[3, 2, 1, 0],
        &[1, 3, 0, 2],
        &[0, 1, 1, 0, 3, 3, 2],
    ] {
        for connection in both() {
            let payload = request(&connection);
            let fragments = order
                .iter()
                .map(|number| fragment(&connection, &payload, number * LENGTH, LENGTH))
                .collect();
            let flows = told(connection, fragments);
            assert_eq!(flows[0].outcome, Ok(Http1), "{order:?}");
            assert_eq!(flows[0].line.as_deref(), Some(LINE));
        }
    }
}

#[test]
fn fragments_that_overlap_spoil_their_packet() {
    for connection in both() {
        let payload = request(&connection);
        let places = [(0, 24), (16, 24), (40, 24), (64, 24)];
        let fragments = places
            .iter()
            .map(|&(at, length)| fragment(&connection, &payload, at, length))
            .collect();
        let flows = told(connection, fragments);
        assert_eq!(flows[0].outcome, Err(Reason::TooLittle));
    }
}

#[test]
fn of_an_incomplete_packet_the_beginning_counts() {
    for connection in both() {
        let payload = request(&connection);
        let fragments =
            [2, 1, 0].map(|number| fragment(&connection, &payload, number * LENGTH, LENGTH));
        assert_eq!(told(connection, fragments.into())[0].outcome, Ok(Http1));
    }
    for connection in both() {
        let payload = request(&connection);
        let fragments =
            [3, 2, 0].map(|number| fragment(&connection, &payload, number * LENGTH, LENGTH));
        assert_eq!(
            told(connection, fragments.into())[0].outcome,
            Err(Reason::TooLittle)
        );
    }
    for connection in both() {
        let payload = request(&connection);
        let fragments =
            [3, 2, 1].map(|number| fragment(&connection, &payload, number * LENGTH, LENGTH));
        let flows = told(connection, fragments.into());
        assert_eq!((flows.len(), flows[0].outcome), (1, Err(Reason::TooLittle)));
    }
}

#[test]
fn the_oldest_of_too_many_incomplete_packets_is_given_up() {
    let connection = Connection::open();
    let payload = request(&connection);
    let mut packets = vec![fragment(&connection, &payload, 0, LENGTH)];
    for id in 100..612_u16 {
        let mut other = fragment(&connection, &[0; 64], 0, LENGTH);
        other[4..6].copy_from_slice(&id.to_be_bytes());
        packets.push(other);
    }
    // Its end comes too late.
    packets.push(fragment(&connection, &payload, LENGTH, payload.len()));
    assert_eq!(told(connection, packets)[0].outcome, Err(Reason::TooLittle));
}

/// An extension header of 8 or 16 bytes before what is of that number.
fn extension(next: IpNumber, units: u8) -> Vec<u8> {
    let mut header = vec![0; 8 + usize::from(units) * 8];
    header[..2].copy_from_slice(&[next.0, units]);
    header
}

#[test]
fn extension_headers_are_passed_over() {
    const HOP_BY_HOP: IpNumber = IpNumber::IPV6_HEADER_HOP_BY_HOP;
    const OPTIONS: IpNumber = IpNumber::IPV6_DESTINATION_OPTIONS;
    const ROUTE: IpNumber = IpNumber::IPV6_ROUTE_HEADER;
    const AUTH: IpNumber = IpNumber::AUTHENTICATION_HEADER;
    for (first, chain) in [
        (OPTIONS, extension(IpNumber::TCP, 0)),
        (
            HOP_BY_HOP,
            [
                extension(ROUTE, 1),
                extension(OPTIONS, 0),
                extension(IpNumber::TCP, 1),
            ]
            .concat(),
        ),
        // Its length counts in units of 4 bytes, less 2.
        (AUTH, {
            let mut header = extension(IpNumber::TCP, 1);
            header[1] = 2;
            header
        }),
        // A fragment that is the whole.
        (
            IpNumber::IPV6_FRAGMENTATION_HEADER,
            extension(IpNumber::TCP, 0),
        ),
    ] {
        let mut connection = Connection::ipv6().syn().syn_ack();
        let payload = [chain, request(&connection)].concat();
        let (source, destination) = (connection.client.ip(), connection.server.ip());
        connection
            .packets
            .push(packet(source, destination, first, &payload));
        connection.is(Http1, LINE);
    }
}

#[test]
fn extension_headers_may_be_cut_as_well() {
    let mut connection = Connection::ipv6().syn().syn_ack();
    let payload = [extension(IpNumber::TCP, 2), request(&connection)].concat();
    for at in (0..payload.len()).step_by(16) {
        let mut piece = fragment(&connection, &payload, at, 16);
        // The header behind the fragment's is no TCP.
        piece[40] = IpNumber::IPV6_DESTINATION_OPTIONS.0;
        connection.packets.push(piece);
    }
    connection.is(Http1, LINE);
}

#[test]
fn a_packet_that_was_captured_in_part_counts_as_far_as_it_goes() {
    let cut = |to: usize| {
        let mut connection = Connection::open()
            .data(0, REQUEST)
            .data(REQUEST.len() as u32, b"more");
        connection.packets[2].truncate(40 + to);
        let flows = flows(&pcap(RAW, &connection.packets));
        flows[0].outcome
    };
    assert_eq!(cut(30), Ok::<Verdict, _>(Http1));
    assert_eq!(cut(10), Err(Reason::Gap));
}
