// SPDX-License-Identifier: GPL-2.0
//! One capture in several files.

use capture::{first_time, Capture, Error, Summary, Unread};

use crate::support::file::{pcap_of, Precision};
use crate::support::*;

/// What is found of a connection, and the number of the file in which it begins.
type Begun = (String, usize);

/// What a file was made of, and what it ended in.
type End = (Summary, Option<Error>);

/// What is found in the files of one capture.
fn read_joined(files: &[&[u8]]) -> (Vec<Begun>, Vec<End>) {
    let (first, others) = files.split_first().unwrap();
    let mut capture = Capture::open(*first).unwrap();
    let mut findings = Vec::new();
    let mut ends = Vec::new();
    let mut others = others.iter();
    loop {
        let next = others.next();
        if next.is_some() {
            capture.expect_another();
        }
        let mut end = None;
        for finding in capture.by_ref() {
            match finding {
                Ok(finding) => findings.push((describe(&finding), finding.file)),
                Err(error) => end = Some(error),
            }
        }
        ends.push((capture.summary().clone(), end));
        match next {
            Some(file) => {
                let _: Result<(), Error> = capture.go_on(*file);
            }
            None => return (findings, ends),
        }
    }
}

fn file(segments: &[Segment]) -> Vec<u8> {
    pcap(ETHERNET, segments.iter().map(Segment::frame))
}

/// A connection whose request is cut in the middle, in two files; and another one in each of them.
fn halves() -> [Vec<u8>; 2] {
    let (http, early, late) = (
        Connection::v4(),
        Connection::v4().with_client_port(50_001),
        Connection::v4().with_client_port(50_002),
    );
    let mut first = [http.opening(), early.opening()].concat();
    first.extend([http.of_client(0, &REQUEST[..8]), early.of_client(0, OTHER)]);
    let mut second = vec![http.of_client(8, &REQUEST[8..])];
    second.extend(late.opening());
    second.push(late.of_client(0, REQUEST));
    [file(&first), file(&second)]
}

#[test]
fn connections_are_followed_from_file_to_file() {
    let [first, second] = halves();
    let (findings, ends) = read_joined(&[&first, &second]);
    let expected = [(FOUND_OTHER, 0), (HTTP1, 0), (HTTP1, 1)];
    assert_eq!(
        findings,
        expected.map(|(what, file)| (what.to_owned(), file))
    );
    let packets: Vec<_> = ends.iter().map(|(summary, _)| summary.packets).collect();
    assert_eq!(packets, [8, 5]);
    // By itself, each file has a part.
    assert_eq!(
        read_all(&*first).descriptions(),
        [FOUND_OTHER, "too little data GET /ind"]
    );
    assert_eq!(read_all(&*second).descriptions(), [HTTP1, "no start seen"]);
}

#[test]
fn a_connection_may_be_renewed_in_another_file() {
    let connection = Connection::v4();
    let again = connection.again();
    let first = [
        connection.opening(),
        vec![connection.of_client(0, REQUEST).fin()],
    ]
    .concat();
    let second = [again.opening(), vec![again.of_client(0, OTHER)]].concat();
    let (findings, _) = read_joined(&[&file(&first), &file(&second)]);
    assert_eq!(
        findings,
        [(HTTP1.to_owned(), 0), (FOUND_OTHER.to_owned(), 1)]
    );
}

#[test]
fn fragments_are_put_together_from_file_to_file() {
    let connection = Connection::v4();
    let request = Fragmented::v4(&connection.of_client(0, REQUEST).packet());
    let fragments = request.fragments(&[24, 48]);
    let first = pcap(RAW, [&connection.syn().packet(), &fragments[0]]);
    let (findings, ends) = read_joined(&[&first, &pcap(RAW, &fragments[1..])]);
    assert_eq!(findings, [(HTTP1.to_owned(), 0)]);
    assert!(ends.iter().all(|(summary, _)| summary.unread.is_empty()));
    // Those that remain incomplete are given up at the end of the last file.
    let (findings, ends) = read_joined(&[&first, &pcap(RAW, &fragments[2..])]);
    assert_eq!(findings, [("too little data GET".to_owned(), 0)]);
    let unread: Vec<_> = ends
        .into_iter()
        .map(|(summary, _)| summary.unread)
        .collect();
    assert_eq!(unread, [[].into(), [(Unread::IpFragment, 1)].into()]);
}

#[test]
fn a_file_that_is_cut_off_or_none_is_no_end() {
    let [first, second] = halves();
    let cut = &first[..first.len() - 1];
    let (findings, ends) = read_joined(&[cut, b"no capture", &second]);
    // What was cut off is the other protocol's line.
    let expected = [(HTTP1, 0), (HTTP1, 2), ("too little data", 0)];
    assert_eq!(
        findings,
        expected.map(|(what, file)| (what.to_owned(), file))
    );
    assert!(matches!(ends[0].1, Some(Error::CutOff { .. })));
    // The last one as well: what is open then is told.
    let (findings, _) = read_joined(&[&first, b"no capture"]);
    let expected = [(FOUND_OTHER, 0), ("too little data GET /ind", 0)];
    assert_eq!(
        findings,
        expected.map(|(what, file)| (what.to_owned(), file))
    );
}

#[test]
fn a_file_begins_when_its_first_packet_was_captured() {
    const SECOND: i128 = 1_000_000_000;
    let frame = Connection::v4().syn().frame();
    for order in [Order::Little, Order::Big] {
        for (precision, fraction) in [
            (Precision::Microseconds, 5_000),
            (Precision::Nanoseconds, 5),
        ] {
            let mut file = pcap_of(order, precision, ETHERNET, [&frame]);
            // The time's fraction in the first record.
            file[28..32].copy_from_slice(&order.u32(5));
            let time = first_time(&*file).unwrap();
            assert_eq!(time, Some(1_600_000_000 * SECOND + fraction));
        }
        // pcapng's own unit, and those of if_tsresol (option 9): powers of ten, or of two; and an offset
        // in seconds (option 14).
        let seconds = |options: &[u8], ticks: u64| {
            let mut body = [order.u16(1), order.u16(0)].concat();
            body.extend(order.u32(0));
            body.extend(options);
            let high_and_low = [(ticks >> 32) as u32, ticks as u32].map(|it| order.u32(it));
            let packet = [&order.u32(0)[..], high_and_low.as_flattened(), &[0; 8]].concat();
            let file = PcapNg::new(order).block(1, &body).block(6, &packet).bytes();
            first_time(&*file).unwrap()
        };
        let option = |code: u16, value: &[u8]| {
            let mut option = [order.u16(code), order.u16(value.len() as u16)].concat();
            option.extend(value);
            option.resize(option.len().next_multiple_of(4), 0);
            option
        };
        let end = [0; 4];
        assert_eq!(seconds(&[], 3_000_001), Some(3 * SECOND + 1000));
        let nanoseconds = [option(9, &[9]), end.to_vec()].concat();
        assert_eq!(seconds(&nanoseconds, 1 << 40), Some(1 << 40));
        let quarters = [option(9, &[0x82]), end.to_vec()].concat();
        assert_eq!(seconds(&quarters, 5), Some(5 * SECOND / 4));
        let ten = match order {
            Order::Little => 10_i64.to_le_bytes(),
            Order::Big => 10_i64.to_be_bytes(),
        };
        let shifted = [option(14, &ten), end.to_vec()].concat();
        assert_eq!(seconds(&shifted, 1_000_000), Some(11 * SECOND));
        // Nobody's clock: as if it stood still.
        let absurd = [option(9, &[0xff]), end.to_vec()].concat();
        assert_eq!(seconds(&absurd, 1), Some(0));
        // A Simple Packet Block does not tell.
        let file = PcapNg::new(order).interface(ETHERNET).simple(&frame, 60);
        assert_eq!(first_time(&*file.bytes()).unwrap(), None);
    }
    assert_eq!(first_time(&*pcap(ETHERNET, [[0; 0]; 0])).unwrap(), None);
    assert!(first_time(&b"no capture"[..]).is_err());
}
