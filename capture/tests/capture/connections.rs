// SPDX-License-Identifier: GPL-2.0
//! Connections put together from segments as they come.

use capture::{Reason, FLOWS_MAX};
use classifier::Verdict::{H2c, Http09, Http1, Other, Response};

use crate::formats::{pcap, RAW};
use crate::support::{flows, Connection, LINE, REQUEST};

#[test]
fn what_a_client_says_first_decides() {
    for (sent, verdict, line) in [
        (REQUEST, Http1, LINE),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", H2c, "HTTP/2 preface"),
        (b"GET /x\r\n", Http09, "GET /x HTTP/0.9"),
        (b"HTTP/1.1 200 OK\r\n", Response, "HTTP/1.1 200"),
        (b"SSH-2.0-OpenSSH_10.0\r\n", Other, "SSH-2.0-OpenSSH_10.0"),
        (b"\x16\x03\x01\x02\0\x01", Other, ""),
        (b"GET / HTTQ/1.1\r\n", Other, r"GET /\x20HTTQ/1.1"),
    ] {
        for connection in [Connection::open(), Connection::ipv6().syn().syn_ack()] {
            connection.data(0, sent).is(verdict, line);
        }
    }
}

#[test]
fn what_a_server_says_counts_only_if_the_client_says_nothing() {
    let banner = Connection::open().answer(0, b"220 ready\r\n");
    banner.is(Other, "220 ready");
    let answered = Connection::open().answer(0, b"HTTP/1.1 408 Timeout\r\n");
    answered.is(Response, "HTTP/1.1 408");
    let both = Connection::open()
        .answer(0, b"220 ready\r\n")
        .data(0, REQUEST);
    both.is(Http1, LINE);
}

#[test]
fn segments_are_read_in_the_order_of_the_stream() {
    let cut = |order: &[usize]| {
        let pieces: Vec<_> = REQUEST.chunks(10).collect();
        order
            .iter()
            .fold(Connection::open(), |connection, &number| {
                connection.data(number as u32 * 10, pieces[number])
            })
    };
    for order in [
        &[0, 1, 2, 3, 4][..],
        &[4, 3, 2, 1, 0],
        &[2, 0, 4, 1, 3],
        &[0, 0, 2, 2, 1, 1, 3],
    ] {
        cut(order).is(Http1, LINE);
    }
}

#[test]
fn one_byte_a_segment() {
    let bytes = REQUEST.chunks(1).enumerate();
    let connection = bytes.fold(Connection::open(), |connection, (at, byte)| {
        connection.data(at as u32, byte)
    });
    connection.is(Http1, LINE);
}

#[test]
fn of_several_copies_the_first_counts() {
    let (head, rest) = REQUEST.split_at(8);
    // Equal ones, overlapping.
    Connection::open()
        .data(0, head)
        .data(4, &REQUEST[4..20])
        .data(8, rest)
        .is(Http1, LINE);
    // Of what has been read already, and of what waits.
    Connection::open()
        .data(0, head)
        .data(0, b"SSH-2.0-")
        .data(8, rest)
        .is(Http1, LINE);
    Connection::open()
        .data(8, rest)
        .data(8, &[b'x'; 60])
        .data(0, head)
        .is(Http1, LINE);
    Connection::open()
        .data(8, b"x\r\nx")
        .data(8, rest)
        .data(0, head)
        .is(Http09, "GET /indx HTTP/0.9");
}

#[test]
fn what_is_missing_is_a_gap() {
    let connection = Connection::open()
        .data(0, b"GET /")
        .data(10, &REQUEST[10..]);
    let told = (Err(Reason::Gap), Some("GET /".to_owned()));
    assert_eq!(connection.outcome(), told);
    connection.data(5, &REQUEST[5..10]).is(Http1, LINE);
}

#[test]
fn what_ends_early_is_too_little() {
    for (connection, line) in [
        (Connection::open(), None),
        (
            Connection::open().data(0, b"GET / HT"),
            Some(r"GET /\x20HT"),
        ),
        (Connection::open().data(0, b"\r\n"), None),
        (Connection::default().syn(), None),
    ] {
        let told = (Err(Reason::TooLittle), line.map(str::to_owned));
        assert_eq!(connection.outcome(), told);
    }
}

#[test]
fn a_line_is_told_as_far_as_it_is_known() {
    let digit = REQUEST.iter().position(|&byte| byte == b'1').unwrap() + 1;
    let connection = Connection::open().data(0, &REQUEST[..digit]);
    connection.is(Http1, "GET /index.html HTTP/1");
}

#[test]
fn without_its_start_a_stream_is_not_judged() {
    let connection = Connection::default().data(0, REQUEST).answer(0, b"x");
    assert_eq!(connection.outcome(), (Err(Reason::NoStart), None));
}

#[test]
fn the_client_is_who_sent_the_syn() {
    // Here the server has the higher port.
    let low = || Connection::of_port(20);
    low().syn().syn_ack().data(0, REQUEST).is(Http1, LINE);
    // The answer to the SYN tells as well.
    low().syn_ack().data(0, REQUEST).is(Http1, LINE);
    // Without both it is a guess.
    let flows = low().data(0, REQUEST).judged();
    assert_eq!((flows[0].client.port(), flows[0].server.port()), (80, 20));
}

#[test]
fn a_syn_may_carry_data_and_come_again() {
    let opened = Connection::default()
        .syn_with(&REQUEST[..20])
        .syn()
        .syn_ack();
    opened.data(20, &REQUEST[20..]).is(Http1, LINE);
}

#[test]
fn data_may_be_captured_before_their_syn() {
    let connection = Connection::default();
    connection
        .data(20, &REQUEST[20..])
        .data(0, &REQUEST[..20])
        .syn()
        .is(Http1, LINE);
}

#[test]
fn bytes_before_the_start_do_not_count() {
    // A keep-alive probe with a byte of garbage, before and within the stream.
    let connection = Connection::open()
        .data(u32::MAX, b"x")
        .data(0, &REQUEST[..9]);
    connection
        .data(8, b"?")
        .data(9, &REQUEST[9..])
        .is(Http1, LINE);
}

#[test]
fn sequence_numbers_wrap() {
    let connection = Connection {
        client_start: u32::MAX - 7,
        ..Connection::default()
    };
    let connection = connection.syn().syn_ack().data(20, &REQUEST[20..]);
    connection.data(0, &REQUEST[..20]).is(Http1, LINE);
}

#[test]
fn what_tcp_takes_nothing_of_does_not_count() {
    let start = Connection::default().client_start;
    Connection::open()
        .client_sends("", start, 0, b"SSH-2.0-x\r\n")
        .data(0, REQUEST)
        .is(Http1, LINE);
    let connection = Connection::default().client_sends("SF", start - 1, 0, b"SSH-2.0-x\r\n");
    assert_eq!(connection.outcome().0, Err(Reason::NoStart));
}

/// The verdicts of a connection's successors between the same ends.
fn verdicts(connection: &Connection) -> Vec<capture::Outcome> {
    let flows = connection.judged();
    flows.into_iter().map(|flow| flow.outcome).collect()
}

#[test]
fn ends_that_meet_again_make_another_connection() {
    for (end, flags) in [("client", "FA"), ("client", "R"), ("server", "FA")] {
        let mut connection = Connection::open().data(0, b"SSH-2.0-x\r\n");
        connection = match end {
            "client" => connection.client_sends(flags, 1_012, 0, b""),
            _ => connection.server_sends(flags, 5_001, 0, b""),
        };
        connection.client_start = 900_001;
        connection.server_start = 70_001;
        let connection = connection.syn().syn_ack().data(0, REQUEST);
        assert_eq!(
            verdicts(&connection),
            [Ok(Other), Ok(Http1)],
            "{end} {flags}"
        );
    }
}

#[test]
fn a_stray_syn_is_nothing_unless_it_is_answered() {
    let (head, rest) = REQUEST.split_at(8);
    let stray = |mut connection: Connection| {
        let start = std::mem::replace(&mut connection.client_start, 900_001);
        connection = connection.syn();
        connection.client_start = start;
        connection
    };
    stray(Connection::open().data(0, head))
        .data(8, rest)
        .is(Http1, LINE);

    let mut connection = stray(Connection::open().data(0, head));
    connection.client_start = 900_001;
    connection.server_start = 70_001;
    let connection = connection.syn_ack().data(0, REQUEST);
    let expected = [Err(Reason::TooLittle), Ok(Http1)];
    assert_eq!(verdicts(&connection), expected);
}

#[test]
fn a_syn_that_was_never_answered_may_have_another_start() {
    let mut connection = Connection::default().syn();
    connection.client_start = 900_001;
    connection.syn().syn_ack().data(0, REQUEST).is(Http1, LINE);
}

#[test]
fn connections_are_told_once_each_as_soon_as_they_are_decided() {
    let connections: Vec<_> = (1024..1124)
        .map(|port| Connection::of_port(port).syn().syn_ack())
        .map(|connection| connection.data(0, REQUEST).data(0, REQUEST))
        .collect();
    let mut packets = Vec::new();
    for number in 0..4 {
        packets.extend(connections.iter().map(|one| one.packets[number].clone()));
    }
    let told: Vec<_> = flows(&pcap(RAW, &packets))
        .iter()
        .map(|flow| flow.client.port())
        .collect();
    assert_eq!(told, (1024..1124).collect::<Vec<_>>());
}

#[test]
fn of_too_many_connections_those_are_told_that_are_idle_longest() {
    let mut packets = Vec::with_capacity(FLOWS_MAX + 10);
    for number in 0..FLOWS_MAX + 10 {
        let mut connection = Connection::of_port((number % 60_000) as u16 + 1024);
        connection.server.set_port((number / 60_000) as u16 + 1);
        packets.append(&mut connection.syn().packets);
    }
    let flows = flows(&pcap(RAW, &packets));
    assert_eq!(flows.len(), packets.len());
    assert!(flows
        .iter()
        .all(|flow| flow.outcome == Err(Reason::TooLittle)));
    assert_eq!(flows[0].client.port(), 1024);
}

#[test]
fn what_waits_for_a_gap_to_fill_is_bounded() {
    // Each holds a quarter of a mebibyte, and there is room for 256 of them.
    let wait = |port| {
        let mut connection = Connection::of_port(port).syn();
        for number in 0..8 {
            connection = connection.data(1 + number * 16_384, &[b'x'; 32_768]);
        }
        connection.packets
    };
    let packets: Vec<_> = (1024..1424).flat_map(wait).collect();
    let file = pcap(RAW, &packets);
    let mut judge = capture::Judge::open(file.as_slice()).unwrap();
    assert!(judge.next().is_some());
    let read = judge.summary().packets;
    assert!((2_000..2_700).contains(&read), "{read}");
    assert_eq!(judge.count(), 399);
}
