// SPDX-License-Identifier: GPL-2.0
//! That what is kept stays bounded, and that each connection is found once all the same.

use std::collections::HashSet;
use std::net::SocketAddr;

use capture::{Capture, Finding, CONNECTIONS_MAX};

use crate::support::*;

/// How many bytes of segments wait at most, in all connections and packets of a whole, and how many
/// segments in one; and how many packets of which fragments are missing.
const WAITING_MAX: usize = 64 << 20;
const AHEAD_MAX: usize = 256;
const EARLY_MAX: usize = 4;
const INCOMPLETE_MAX: usize = 512;

/// All findings of a capture of raw IP, and how many packets had been read before each was found.
fn read_and_count(packets: impl Iterator<Item = Vec<u8>>) -> Vec<(Finding, u64)> {
    let file = pcap(RAW, packets);
    let mut capture = Capture::open(&*file).unwrap();
    let mut findings = Vec::new();
    while let Some(finding) = capture.next() {
        findings.push((finding.unwrap(), capture.summary().packets));
    }
    findings
}

/// Asserts that each of so many clients is found once.
fn assert_each_is_found_once(findings: &[(Finding, u64)], count: usize) {
    let clients: HashSet<_> = findings.iter().map(|(finding, _)| finding.client).collect();
    assert_eq!((findings.len(), clients.len()), (count, count));
}

/// The packet with another client, by its address: building so many would take most of the time.
fn from(packet: &[u8], client: usize) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[12..16].copy_from_slice(&(client as u32).to_be_bytes());
    packet
}

/// The number of a client that was given so.
fn number(finding: &Finding) -> usize {
    match finding.client {
        SocketAddr::V4(client) => u32::from(*client.ip()) as usize,
        SocketAddr::V6(client) => panic!("{client}"),
    }
}

#[test]
fn connections_are_bounded() {
    const COUNT: usize = CONNECTIONS_MAX + 10;
    let connection = Connection::v4();
    let segments = [connection.syn(), connection.of_client(0, REQUEST)];
    let [syn, request] = segments.map(|segment| segment.packet());
    // One is decided at once, and another one goes on.
    let first = [
        from(&syn, 0),
        from(&request, 0),
        from(&syn, 1),
        from(&syn, 2),
        from(&syn, 1),
    ];
    let others = (3..COUNT).map(|client| from(&syn, client));
    let findings = read_and_count(first.into_iter().chain(others));
    assert_each_is_found_once(&findings, COUNT);
    // The first is dropped for the last but eight, the second for the next.
    let [(first, 2), (second, read), (third, next), ..] = &findings[..] else {
        panic!("{:?}", &findings[..3]);
    };
    assert_eq!([first, second, third].map(number), [0, 2, 1]);
    assert_eq!(*read as usize, CONNECTIONS_MAX + 4);
    assert_eq!(*next as usize, CONNECTIONS_MAX + 5);
    assert_eq!(describe(first), HTTP1);
    assert_eq!(describe(second), "too little data");
}

#[test]
fn waiting_bytes_are_bounded() {
    const LENGTH: usize = 60_000;
    let connection = Connection::v4();
    let segments = [connection.syn(), connection.of_client(1, &[b'a'; LENGTH])];
    let [syn, ahead] = segments.map(|segment| segment.packet());
    let count = WAITING_MAX / LENGTH + 10;
    let clients = 0..count;
    let packets = clients.flat_map(|client| [from(&syn, client), from(&ahead, client)]);
    let findings = read_and_count(packets);
    assert_each_is_found_once(&findings, count);
    // Somewhat earlier than by the bytes alone.
    let (first, read) = &findings[0];
    assert_eq!((number(first), &*describe(first)), (0, "a gap"));
    let bytes = *read as usize / 2 * LENGTH;
    assert!(
        (WAITING_MAX - WAITING_MAX / 100..=WAITING_MAX).contains(&bytes),
        "{bytes}"
    );
    let at_end = findings
        .iter()
        .filter(|(_, read)| *read as usize == 2 * count);
    assert!(at_end.count() < count - 5);
}

#[test]
fn streams_without_a_start_wait_for_little() {
    // Together they are four times as much as waits at most.
    const LENGTH: usize = 60_000;
    let connection = Connection::v4();
    let bulk = connection.of_client(0, &[b'a'; LENGTH]).packet();
    let count = WAITING_MAX / LENGTH;
    let clients = (0..5).flat_map(|_| 0..count);
    let first = [connection.syn(), connection.of_client(0, REQUEST)];
    let first: Vec<_> = first.map(|segment| from(&segment.packet(), count)).into();
    let again = from(&connection.of_client(100, b"more").packet(), count);
    let others = clients.map(|client| from(&bulk, client));
    let packets = first.into_iter().chain(others).chain([again]);
    let findings = read_and_count(packets);
    assert_each_is_found_once(&findings, count + 1);
    let (undecided, decided): (Vec<_>, Vec<_>) = findings
        .iter()
        .partition(|(finding, _)| finding.outcome.is_err());
    assert_eq!(decided.len(), 1);
    assert!(undecided
        .iter()
        .all(|(finding, _)| describe(finding) == "no start seen"));
    // Of those that wait the first ones are given up, and found once though they go on.
    let early = undecided
        .iter()
        .filter(|(_, read)| *read as usize <= 5 * count);
    assert!(early.count() > 10);
}

#[test]
fn waiting_segments_are_bounded() {
    // All but the first byte, a byte each, and then that.
    let line = |length: usize| {
        let connection = Connection::v4();
        let line = [b"GET /", &*vec![b'a'; length - 12], b" HTTP/1"].concat();
        let behind = (1..length).map(|at| connection.of_client(at as i32, &line[at..=at]));
        let segments = behind.chain([connection.of_client(0, &line[..1])]);
        (connection.opening(), segments.collect::<Vec<_>>())
    };
    for (length, expected) in [(AHEAD_MAX + 1, "http1"), (AHEAD_MAX + 20, "a gap")] {
        let (opening, segments) = line(length);
        let found = findings_of([opening, segments].concat().iter());
        assert!(found[0].starts_with(expected), "{found:?}");
    }
    for (length, expected) in [(EARLY_MAX, "http1"), (EARLY_MAX + 1, "a gap")] {
        let connection = Connection::v4();
        let pieces = (0..length).map(|at| {
            let (position, end) = (at * 4, (at + 1) * 4);
            let is_last = at + 1 == length;
            let end = if is_last { REQUEST.len() } else { end };
            connection.of_client(position as i32, &REQUEST[position..end])
        });
        let segments: Vec<_> = pieces.chain(connection.opening()).collect();
        let found = findings_of(&segments);
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn incomplete_packets_are_bounded() {
    let connection = Connection::v4();
    let request = Fragmented::v4(&connection.of_client(0, REQUEST).packet());
    let (syn, fragment) = (connection.syn().packet(), request.fragment(0..48));
    let count = INCOMPLETE_MAX + 10;
    let clients = 0..count;
    let packets = clients.flat_map(|client| [from(&syn, client), from(&fragment, client)]);
    let findings = read_and_count(packets);
    assert_each_is_found_once(&findings, count);
    assert!(findings
        .iter()
        .all(|(finding, _)| describe(finding) == HTTP1));
    let (first, read) = &findings[0];
    assert_eq!(number(first), 0);
    assert_eq!(*read as usize, 2 * (INCOMPLETE_MAX + 1));
}
