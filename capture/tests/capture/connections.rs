// SPDX-License-Identifier: GPL-2.0
//! Which bytes of a connection count, and whose.

use classifier::LIMIT;

use crate::support::*;

const NO_START: &str = "no start seen";
const TOO_LITTLE: &str = "too little data";

/// The opening of a connection, and segments of its client.
fn opened(connection: &Connection, segments: &[(i32, &[u8])]) -> Vec<Segment> {
    let data = segments.iter();
    let data = data.map(|&(position, bytes)| connection.of_client(position, bytes));
    connection.opening().into_iter().chain(data).collect()
}

/// What is found of that.
fn findings_of_client(segments: &[(i32, &[u8])]) -> Vec<String> {
    findings_of(&opened(&Connection::v4(), segments))
}

/// A stream cut at these places.
fn pieces<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<(i32, &'a [u8])> {
    let ends = [&[0], cuts, &[stream.len()]].concat();
    let piece = |pair: &[usize]| (pair[0] as i32, &stream[pair[0]..pair[1]]);
    ends.windows(2).map(piece).collect()
}

#[test]
fn verdicts_come_with_their_lines() {
    #[rustfmt::skip]
    let cases: &[(&[u8], &str)] = &[
        (REQUEST, HTTP1),
        (b"\r\nPOST /a?secret HTTP/1.0\r\n", "http1 POST /a HTTP/1.0"),
        (b"GET /\xff\x1b HTTP/1.1\r\n", "http1 GET /\\xff\\x1b HTTP/1.1"),
        (b"GET / HTTP/1", "http1 GET / HTTP/1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h2c HTTP/2 preface"),
        (b"GET /old\r\n", "http09 GET /old HTTP/0.9"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "response HTTP/1.1 200"),
        (OTHER, FOUND_OTHER),
        (b"\x16\x03\x01\x02\x00", "other"),
        (b"GET /ind", "too little data GET /ind"),
        (b"", TOO_LITTLE),
    ];
    for &(stream, expected) in cases {
        assert_eq!(findings_of_client(&[(0, stream)]), [expected]);
        // Nor is it the cutting that matters.
        let cuts: Vec<_> = (1..stream.len()).collect();
        assert_eq!(findings_of_client(&pieces(stream, &cuts)), [expected]);
    }
}

#[test]
fn segments_count_in_any_order() {
    for order in orders(&pieces(REQUEST, &[2, 9, 20])) {
        assert_eq!(findings_of_client(&order), [HTTP1], "{order:?}");
    }
    let mut backwards = pieces(REQUEST, &(1..REQUEST.len()).collect::<Vec<_>>());
    backwards.reverse();
    assert_eq!(findings_of_client(&backwards), [HTTP1]);
}

#[test]
fn repetitions_change_nothing() {
    let pieces = pieces(REQUEST, &[2, 9, 20]);
    for order in orders(&pieces) {
        let twice: Vec<_> = order.iter().flat_map(|&piece| [piece, piece]).collect();
        assert_eq!(findings_of_client(&twice), [HTTP1], "{order:?}");
        let again = [order.clone(), order].concat();
        assert_eq!(findings_of_client(&again), [HTTP1], "{again:?}");
    }
}

#[test]
fn overlaps_of_equal_bytes_change_nothing() {
    let ranges = [0..8, 4..12, 2..18, 16..REQUEST.len()];
    let pieces = ranges.map(|range| (range.start as i32, &REQUEST[range]));
    for order in orders(&pieces) {
        assert_eq!(findings_of_client(&order), [HTTP1], "{order:?}");
    }
}

#[test]
fn of_bytes_that_differ_the_first_copy_counts() {
    type Case<'a> = (&'a str, &'a [(i32, &'a [u8])], &'a str);
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("behind what was read",
            &[(0, b"GET /aaaa"), (5, b"bbbbbb HTTP/1.1\r\n")], "/aaaabb"),
        ("behind what waits",
            &[(5, b"aaaa"), (7, b"bbbb HTTP/1.1\r\n"), (0, b"GET /")], "/aaaabb"),
        ("before what waits",
            &[(7, b"aaaa HTTP/1.1\r\n"), (5, b"bbbb"), (0, b"GET /")], "/bbaaaa"),
        ("before what waits, in order",
            &[(7, b"aaaa HTTP/1.1\r\n"), (0, b"GET /bbbb")], "/bbaaaa"),
        ("around what waits",
            &[(7, b"aa"), (5, b"bbbbbb HTTP/1.1\r\n"), (0, b"GET /")], "/bbaabb"),
        ("around what waits, in order",
            &[(7, b"aa"), (0, b"GET /bbbbbb HTTP/1.1\r\n")], "/bbaabb"),
        ("within what waits",
            &[(5, b"aaaaaa HTTP/1.1\r\n"), (7, b"bb"), (0, b"GET /")], "/aaaaaa"),
        ("longer than what waits",
            &[(5, b"aa"), (5, b"bbbb HTTP/1.1\r\n"), (0, b"GET /")], "/aabb"),
        ("shorter than what waits",
            &[(5, b"aaaa HTTP/1.1\r\n"), (5, b"bb"), (0, b"GET /")], "/aaaa"),
        ("three",
            &[(9, b"aa HTTP/1.1\r\n"), (7, b"bbbb"), (5, b"cccccc"), (0, b"GET /")], "/ccbbaa"),
    ];
    for &(name, segments, target) in cases {
        let expected = [format!("http1 GET {target} HTTP/1.1")];
        let mut segments = opened(&Connection::v4(), segments);
        assert_eq!(findings_of(&segments), expected, "{name}");
        // The same before it is known where the stream starts.
        segments.rotate_left(3);
        assert_eq!(
            findings_of(&segments),
            expected,
            "{name}, before the opening"
        );
    }
}

#[test]
fn behind_a_gap_nothing_counts() {
    let (start, end) = (&REQUEST[..8], &REQUEST[9..]);
    assert_eq!(
        findings_of_client(&[(0, start), (9, end)]),
        ["a gap GET /ind"]
    );
    assert_eq!(findings_of_client(&[(9, end)]), ["a gap"]);
    // What is known is known, whatever is missing behind it.
    assert_eq!(findings_of_client(&[(0, OTHER), (99, end)]), [FOUND_OTHER]);
    let decided = &REQUEST[..22];
    assert_eq!(
        findings_of_client(&[(0, decided), (99, end)]),
        ["http1 GET /index.html HTTP/1"]
    );
}

#[test]
fn without_its_start_a_stream_is_nothing() {
    let connection = Connection::v4();
    let request = connection.of_client(0, REQUEST);
    let response = connection.of_server(0, b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(findings_of([&request]), [NO_START]);
    assert_eq!(findings_of([&request, &response]), [NO_START]);
    assert_eq!(findings_of([&connection.of_client(0, b"")]), [NO_START]);
}

#[test]
fn a_long_line_is_read_to_its_end() {
    let findings_of_target = |length: usize| {
        let line = [b"GET /", &*vec![b'a'; length], b" HTTP/1.1\r\n"].concat();
        let cuts: Vec<_> = (1..line.len()).step_by(1400).collect();
        findings_of_client(&pieces(&line, &cuts))
    };
    let target = format!("/{}", "a".repeat(63));
    assert_eq!(
        findings_of_target(100_000),
        [format!("http1 GET {target} HTTP/1.1")]
    );
    // The filter does not look at more than that of a line.
    assert_eq!(
        findings_of_target(LIMIT as usize),
        [format!("other GET {target}")]
    );
}

#[test]
fn sequence_numbers_wrap() {
    let ranges = [0..8, 4..12, 2..18, 16..REQUEST.len()];
    let pieces = ranges.map(|range| (range.start as i32, &REQUEST[range]));
    for isn in [u32::MAX, u32::MAX - 1, u32::MAX - 11, u32::MAX / 2 - 11] {
        let connection = Connection {
            client_isn: isn,
            server_isn: isn,
            ..Connection::v4()
        };
        for order in orders(&pieces) {
            let segments = opened(&connection, &order);
            assert_eq!(findings_of(&segments), [HTTP1], "{isn}, {order:?}");
            // What overlaps what was read does not wait: there is no gap.
            let undecided = opened(&connection, &[(0, &REQUEST[..10]), (4, &REQUEST[4..12])]);
            assert_eq!(findings_of(&undecided), ["too little data GET /index.h"]);
        }
    }
}

#[test]
fn bytes_before_the_position_do_not_count() {
    // What some TCPs send to keep a connection alive is a byte of any value.
    let found = findings_of_client(&[
        (-1, b"\0"),
        (0, &REQUEST[..8]),
        (7, b"\0"),
        (-100, &[0; 50]),
        (8, &REQUEST[8..]),
    ]);
    assert_eq!(found, [HTTP1]);
    let found = findings_of_client(&[(-3, b"???GET "), (4, &REQUEST[4..])]);
    assert_eq!(found, [HTTP1]);
}

#[test]
fn bytes_far_ahead_do_not_count() {
    let found = findings_of_client(&[(1 << 20, b"?"), (0, &REQUEST[..8]), (8, &REQUEST[8..])]);
    assert_eq!(found, [HTTP1]);
    assert_eq!(
        findings_of_client(&[(1 << 20, b"?"), (0, &REQUEST[..8])]),
        ["a gap GET /ind"]
    );
}

#[test]
fn data_may_be_in_the_syn() {
    let connection = Connection::v4();
    let syn = connection.syn().with_data(REQUEST);
    assert_eq!(findings_of([&syn]), [HTTP1]);
    let acknowledged = connection.client_isn + 1 + REQUEST.len() as u32;
    let syn_ack = connection.syn_ack();
    let syn_ack = syn_ack.with(|tcp| tcp.acknowledgment_number = acknowledged);
    assert_eq!(findings_of([&syn, &syn_ack]), [HTTP1]);
    // The rest comes later.
    let syn = connection.syn().with_data(&REQUEST[..5]);
    let rest = connection.of_client(5, &REQUEST[5..]);
    assert_eq!(findings_of([&syn, &connection.syn_ack(), &rest]), [HTTP1]);
    // The server's data may be in its own.
    let syn_ack = connection.syn_ack().with_data(OTHER);
    assert_eq!(findings_of([&connection.syn(), &syn_ack]), [FOUND_OTHER]);
}

#[test]
fn data_may_come_before_the_opening() {
    let connection = Connection::v4();
    for order in orders(&pieces(REQUEST, &[2, 9, 20])) {
        let mut segments = opened(&connection, &order);
        segments.rotate_left(3);
        assert_eq!(findings_of(&segments), [HTTP1], "{order:?}");
        // Or within it.
        segments.rotate_right(1);
        assert_eq!(findings_of(&segments), [HTTP1], "{order:?}");
    }
}

#[test]
fn a_server_is_classified_if_its_client_is_silent() {
    let connection = Connection::v4();
    let banner = connection.of_server(0, OTHER);
    let mut segments = connection.opening();
    segments.push(banner.clone());
    assert_eq!(findings_of(&segments), [FOUND_OTHER]);
    segments.push(connection.of_client(0, &REQUEST[..8]));
    assert_eq!(findings_of(&segments), ["too little data GET /ind"]);
    segments.push(connection.of_client(8, &REQUEST[8..]));
    assert_eq!(findings_of(&segments), [HTTP1]);
    assert_eq!(findings_of([&banner]), [NO_START]);

    let request = connection.of_server(0, REQUEST);
    let segments = [connection.opening(), vec![request]].concat();
    let findings = found(&segments);
    assert_eq!(findings_of(&segments), [HTTP1]);
    assert_eq!(findings[0].client, connection.client);
}

#[test]
fn the_client_is_who_opens_the_connection() {
    let high = Connection::v4();
    // Whose client has the lower port.
    let low = high.with_client_port(70);
    for connection in [high, low, flip(high), flip(low)] {
        let (syn, syn_ack) = (connection.syn(), connection.syn_ack());
        let (request, response) = (
            connection.of_client(0, REQUEST),
            connection.of_server(0, b"HTTP/1.1 200 OK\r\n\r\n"),
        );
        let captures = [
            vec![&syn, &syn_ack, &request, &response],
            vec![&syn, &request],
            vec![&syn_ack, &request, &response],
            vec![&request, &syn_ack],
            vec![&response, &request, &syn],
        ];
        for segments in captures {
            let findings = found(segments.iter().copied());
            assert_eq!(findings_of(segments.iter().copied()), [HTTP1]);
            assert_eq!(findings[0].client, connection.client, "{segments:?}");
            assert_eq!(findings[0].server, connection.server, "{segments:?}");
        }
        let findings = found([&response, &request]);
        let has_higher_port = connection.client.port() > connection.server.port();
        assert_eq!(findings[0].client == connection.client, has_higher_port);
        assert_eq!(findings.len(), 1);
    }
}

/// The same with the addresses the other way round.
fn flip(mut connection: Connection) -> Connection {
    let (client, server) = (connection.client.ip(), connection.server.ip());
    connection.client.set_ip(server);
    connection.server.set_ip(client);
    connection
}

#[test]
fn connections_are_told_as_they_are_decided() {
    let (first, second) = (Connection::v4(), Connection::v4().with_client_port(40_001));
    let mut segments = [first.opening(), second.opening()].concat();
    segments.extend([
        first.of_client(0, &REQUEST[..8]),
        second.of_client(0, OTHER),
        first.of_client(8, &REQUEST[8..]),
        second.of_client(OTHER.len() as i32, REQUEST),
    ]);
    let clients: Vec<_> = found(&segments)
        .iter()
        .map(|finding| finding.client)
        .collect();
    assert_eq!(clients, [second.client, first.client]);
    assert_eq!(findings_of(&segments), [FOUND_OTHER, HTTP1]);
}

#[test]
fn packets_may_be_cut_by_the_capture() {
    let connection = Connection::v4();
    let (first, second) = (
        connection.of_client(0, REQUEST),
        connection.of_client(REQUEST.len() as i32, REQUEST),
    );
    let headers = first.frame().len() - REQUEST.len();
    let decided = "GET /index.html HTTP/1".len();
    for length in 0..=REQUEST.len() {
        let mut frames = vec![connection.syn().frame(), first.frame(), second.frame()];
        frames[1].truncate(headers + length);
        let found = read_all(&*pcap(ETHERNET, frames)).descriptions();
        let expected = if length < decided {
            "a gap"
        } else {
            "http1 GET /index.html HTTP/1"
        };
        assert!(found[0].starts_with(expected), "{length}: {found:?}");
        assert_eq!(found.len(), 1);
    }
}
