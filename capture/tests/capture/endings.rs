// SPDX-License-Identifier: GPL-2.0
//! Where one connection ends and another begins, and what TCP takes for neither.

use etherparse::TcpHeader;

use crate::support::*;

const PARTLY: &str = "too little data GET /ind";

/// A connection whose request is not complete.
fn partly(connection: &Connection) -> Vec<Segment> {
    let mut segments = connection.opening();
    segments.push(connection.of_client(0, &REQUEST[..8]));
    segments
}

/// One whose request is.
fn whole(connection: &Connection) -> Vec<Segment> {
    let mut segments = partly(connection);
    segments.push(rest(connection));
    segments
}

fn rest(connection: &Connection) -> Segment {
    connection.of_client(8, &REQUEST[8..])
}

#[test]
fn ends_may_connect_again_after_the_end() {
    let first = Connection::v4();
    let second = first.again();
    let ends = [
        first.of_client(46, b"").fin(),
        first.of_server(0, b"").fin(),
        first.of_client(46, b"").rst(),
        first.of_server(0, b"").rst(),
        first.of_server(0, b"").rst().with(|tcp| tcp.ack = false),
        first.of_server(0, b"HTTP/1.1 200 OK\r\n\r\n").fin(),
    ];
    for end in ends {
        let end = vec![end];
        for (before, expected) in [(partly(&first), PARTLY), (whole(&first), HTTP1)] {
            let segments = [before.clone(), end.clone(), whole(&second)].concat();
            assert_eq!(findings_of(&segments), [expected, HTTP1], "{end:?}");
            // Seen by its SYN-ACK alone.
            let segments = [before, end.clone(), whole(&second).split_off(1)].concat();
            assert_eq!(findings_of(&segments), [expected, HTTP1], "{end:?}");
        }
    }
}

#[test]
fn the_other_end_may_connect_next() {
    let first = Connection::v4();
    let second = Connection {
        client: first.server,
        server: first.client,
        ..first.again()
    };
    let (banner, end) = (first.of_server(0, OTHER), first.of_client(0, b"").rst());
    let segments = [first.opening(), vec![banner, end], whole(&second)].concat();
    assert_eq!(findings_of(&segments), [FOUND_OTHER, HTTP1]);
    let clients = found(&segments).into_iter().map(|finding| finding.client);
    assert!(clients.eq([first.client, second.client]));
}

#[test]
fn a_repeated_syn_opens_nothing_new() {
    let connection = Connection::v4();
    let (syn, syn_ack) = (connection.syn(), connection.syn_ack());
    let mut segments = vec![syn.clone(), syn.clone(), syn_ack.clone(), syn_ack.clone()];
    segments.extend(whole(&connection));
    segments.extend([syn_ack, syn, connection.of_client(46, b"").fin()]);
    segments.extend(whole(&connection));
    assert_eq!(findings_of(&segments), [HTTP1]);
}

#[test]
fn a_syn_of_another_number_starts_anew_while_there_is_no_data() {
    let first = Connection::v4();
    let segments = [vec![first.syn()], whole(&first.again())].concat();
    assert_eq!(findings_of(&segments), [HTTP1]);
    let refused = first.of_server(0, b"").rst();
    let segments = [vec![first.syn(), refused], whole(&first.again())].concat();
    assert_eq!(findings_of(&segments), [HTTP1]);
}

#[test]
fn a_stray_syn_is_ignored_before_any_data_too() {
    let first = Connection::v4();
    let second = first.again();
    let stray = [first.opening(), vec![second.syn()]].concat();
    let mut segments = stray.clone();
    segments.push(first.of_client(0, REQUEST));
    assert_eq!(findings_of(&segments), [HTTP1]);
    let segments = [stray, whole(&second)].concat();
    assert_eq!(findings_of(&segments), ["too little data", HTTP1]);
}

#[test]
fn data_of_a_reset_does_not_count() {
    let connection = Connection::v4();
    let reset = connection.of_client(8, b" HTTP/1.1\r\n").rst();
    let segments = [partly(&connection), vec![reset]].concat();
    assert_eq!(findings_of(&segments), [PARTLY]);
}

#[test]
fn a_stray_syn_is_ignored_unless_it_is_answered() {
    let first = Connection::v4();
    let second = first.again();
    let strays = [
        second.syn(),
        second.syn().with_data(b"?"),
        // Nor does a SYN-ACK that nobody asked for.
        second.syn_ack(),
        second.syn_ack().with_data(b"?"),
    ];
    let (silent, speaking) = (vec![], vec![first.of_server(0, b"banner")]);
    for of_server in [silent, speaking] {
        let before = [partly(&first), of_server].concat();
        for stray in &strays {
            let segments = [before.clone(), vec![stray.clone(), rest(&first)]].concat();
            assert_eq!(findings_of(&segments), [HTTP1], "{stray:?}");
        }
        // Nor does the answer to another one.
        let unanswered = [second.syn(), second.again().syn_ack(), rest(&first)];
        let segments = [before.clone(), unanswered.to_vec()].concat();
        assert_eq!(findings_of(&segments), [HTTP1]);
        let segments = [before.clone(), whole(&second)].concat();
        assert_eq!(findings_of(&segments), [PARTLY, HTTP1]);
        let decided = [before, vec![rest(&first)], whole(&second)].concat();
        assert_eq!(findings_of(&decided), [HTTP1, HTTP1]);
    }
}

#[test]
fn where_one_end_was_captured_any_syn_opens_a_connection() {
    let first = Connection::v4();
    let second = first.again();
    let of_client = |connection: &Connection| vec![connection.syn(), partly(connection).remove(3)];
    let segments = [of_client(&first), of_client(&second), vec![rest(&second)]].concat();
    assert_eq!(findings_of(&segments), [PARTLY, HTTP1]);
}

#[test]
fn a_connection_from_before_the_capture_may_be_followed_by_another() {
    let (first, second) = (Connection::v4(), Connection::v4().again());
    let before = [
        first.of_client(500, b"more"),
        first.of_server(900, b""),
        first.of_client(504, b"and more"),
    ];
    let segments = [before.to_vec(), whole(&second)].concat();
    assert_eq!(findings_of(&segments), ["no start seen", HTTP1]);
}

#[test]
fn segments_that_tcp_does_not_take_are_ignored() {
    type Change = fn(&mut TcpHeader);
    let changes: &[(&str, Change)] = &[
        ("no flags", |tcp| tcp.ack = false),
        ("PSH alone", |tcp| (tcp.ack, tcp.psh) = (false, true)),
        ("FIN alone", |tcp| (tcp.ack, tcp.fin) = (false, true)),
        ("SYN and FIN", |tcp| (tcp.syn, tcp.fin) = (true, true)),
        ("SYN and RST", |tcp| (tcp.syn, tcp.rst) = (true, true)),
        ("SYN and FIN without ACK", |tcp| {
            (tcp.syn, tcp.fin, tcp.ack) = (true, true, false);
        }),
    ];
    let connection = Connection::v4();
    let decoys = [
        connection.of_client(0, b"????????????????"),
        connection.of_client(8, b"????????????????"),
        connection.of_client(1 << 28, b"????????????????"),
        connection.of_server(0, b"????????????????"),
        connection.of_server(1 << 28, b"????????????????"),
    ];
    // As seen from both ends, from the client's, and from it after its FIN.
    let both = whole(&connection);
    let of_client = vec![both[0].clone(), both[3].clone(), both[4].clone()];
    let ended = [both.clone(), vec![connection.of_client(46, b"").fin()]].concat();
    for &(name, change) in changes {
        for decoy in &decoys {
            let decoy = decoy.clone().with(change);
            for segments in [&both, &of_client, &ended] {
                for at in 0..=segments.len() {
                    let mut segments = segments.clone();
                    segments.insert(at, decoy.clone());
                    assert_eq!(findings_of(&segments), [HTTP1], "{name}, {at}: {decoy:?}");
                }
            }
        }
        // Nor do they end a connection, which a SYN would then open anew.
        let decoy = connection.of_client(8, b"").with(change);
        let mut segments = partly(&connection);
        segments.extend([decoy, connection.again().syn(), rest(&connection)]);
        assert_eq!(findings_of(&segments), [HTTP1], "{name}, then a SYN");
    }
}
