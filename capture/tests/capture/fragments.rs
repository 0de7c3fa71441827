// SPDX-License-Identifier: GPL-2.0
//! IP packets in fragments, and behind extension headers.

use etherparse::{
    ip_number, IpAuthHeader, Ipv6Extensions, Ipv6RawExtHeader, Ipv6RoutingExtensions,
};

use crate::support::*;

const NOTHING: &str = "too little data";
const GET: &str = "too little data GET";

/// Where the fragments of a request begin, but the first. In the first one is the TCP header and
/// `GET `, the second one decides.
const CUTS: [usize; 2] = [24, 48];

/// A connection's opening as packets, and its request to be sent in fragments.
fn requests() -> [(Vec<Vec<u8>>, Fragmented); 2] {
    let (v4, v6) = (Connection::v4(), Connection::v6());
    let opening = |connection: Connection| {
        let packets = connection.opening().into_iter();
        packets.map(|segment| segment.packet()).collect()
    };
    let request = |connection: Connection| connection.of_client(0, REQUEST).packet();
    [
        (opening(v4), Fragmented::v4(&request(v4))),
        (opening(v6), Fragmented::v6(&request(v6))),
    ]
}

/// Asserts what is found of a connection of either version when these packets follow its opening.
fn assert_finding(expected: &str, packets: impl Fn(&Fragmented) -> Vec<Vec<u8>>) {
    for (opening, request) in requests() {
        let packets = [opening, packets(&request)].concat();
        assert_eq!(findings_of_packets(&packets), [expected], "{packets:x?}");
    }
}

#[test]
fn fragments_count_in_any_order() {
    for order in orders(&[0, 1, 2]) {
        assert_finding(HTTP1, |request| {
            let fragments = request.fragments(&CUTS);
            order.iter().map(|&at| fragments[at].clone()).collect()
        });
    }
    let cuts: Vec<_> = (8..64).step_by(8).collect();
    assert_finding(HTTP1, |request| {
        request.fragments(&cuts).into_iter().rev().collect()
    });
}

#[test]
fn repeated_fragments_change_nothing() {
    for order in orders(&[0, 1, 2]) {
        assert_finding(HTTP1, |request| {
            let fragments = request.fragments(&CUTS);
            let twice = order.iter().flat_map(|&at| [at, at]);
            twice.map(|at| fragments[at].clone()).collect()
        });
        // Nor do ones within others, whatever is in them.
        assert_finding(HTTP1, |request| {
            let mut fragments = request.fragments(&CUTS);
            fragments.insert(2, request.piece(32, true, b"????????"));
            fragments
        });
    }
}

#[test]
fn overlapping_fragments_spoil_their_packet() {
    for order in orders(&[0, 1, 2]) {
        assert_finding(NOTHING, |request| {
            let ranges = [0..24, 16..48, 48..request.payload.len()];
            let order = order.iter().map(|&at| ranges[at].clone());
            // The last one may begin the packet anew, and it is the first bytes that are read.
            order.map(|range| request.fragment(range)).collect()
        });
    }
    // But not what follows.
    assert_finding(HTTP1, |request| {
        let spoilt = [request.fragment(0..24), request.fragment(16..48)];
        [spoilt.to_vec(), request.fragments(&CUTS)].concat()
    });
}

#[test]
fn fragments_behind_the_end_spoil_their_packet() {
    // The start, the end, and what is behind that.
    let cases = [
        ([0, 2, 1], NOTHING),
        ([2, 0, 1], NOTHING),
        ([1, 2, 0], GET),
        ([2, 1, 0], GET),
    ];
    for (order, expected) in cases {
        assert_finding(expected, |request| {
            let bytes = &request.payload;
            let fragments = [
                request.piece(0, true, &bytes[..24]),
                request.piece(24, false, &bytes[24..48]),
                request.piece(48, true, &bytes[48..64]),
            ];
            order.map(|at| fragments[at].clone()).to_vec()
        });
    }
}

#[test]
fn two_ends_spoil_their_packet() {
    assert_finding(NOTHING, |request| {
        let bytes = &request.payload;
        vec![
            request.piece(24, false, &bytes[24..48]),
            request.piece(48, false, &bytes[48..]),
            request.piece(24, true, &bytes[24..48]),
        ]
    });
}

#[test]
fn an_incomplete_packet_is_read_up_to_its_gap() {
    let cases: [(&[usize], &str); 4] = [
        (&[0, 1], HTTP1),
        (&[1, 0], HTTP1),
        (&[0, 2], GET),
        (&[1, 2], NOTHING),
    ];
    for (present, expected) in cases {
        assert_finding(expected, |request| {
            let fragments = request.fragments(&CUTS);
            present.iter().map(|&at| fragments[at].clone()).collect()
        });
    }
}

#[test]
fn a_fragment_of_odd_length_ends_where_the_next_one_begins() {
    assert_finding(HTTP1, |request| {
        let bytes = &request.payload;
        let odd = request.piece(0, true, &[&bytes[..24], b"???"].concat());
        vec![odd, request.fragment(24..bytes.len())]
    });
}

#[test]
fn fragments_may_be_cut_by_the_capture() {
    // The packet then has a gap, and is classified by what is before it.
    assert_finding(HTTP1, |request| {
        let mut fragments = request.fragments(&CUTS);
        fragments[2].pop();
        fragments
    });
    assert_finding(GET, |request| {
        let mut fragments = request.fragments(&CUTS);
        let cut = fragments[1].len() - 24;
        fragments[1].truncate(cut);
        fragments
    });
}

#[test]
fn packets_are_distinguished_by_their_ends_and_numbers() {
    let first = Connection::v4();
    let other_port = first.with_client_port(40_001);
    let mut other_server = first;
    other_server.server.set_ip([10, 0, 0, 3].into());
    let connections = [first, other_port, other_server];
    let packets = [1, 2, 1]
        .into_iter()
        .zip(connections)
        .map(|(id, connection)| {
            Fragmented::v4(&connection.of_client(0, REQUEST).packet()).with_id(id)
        });
    let fragments: Vec<_> = packets.map(|packet| packet.fragments(&CUTS)).collect();
    let mut file: Vec<_> = connections.iter().map(|it| it.syn().packet()).collect();
    for at in 0..3 {
        file.extend(fragments.iter().map(|packet| packet[at].clone()));
    }
    assert_eq!(findings_of_packets(file), [HTTP1; 3]);
}

#[test]
fn a_packet_may_be_one_fragment() {
    // RFC 6946: not all fragments of one packet, but each a packet.
    let (opening, request) = &requests()[1];
    let whole = request.fragment(0..request.payload.len());
    let incomplete = request.fragment(0..24);
    let file = [opening.clone(), vec![incomplete, whole]].concat();
    assert_eq!(findings_of_packets(file), [HTTP1]);
}

#[test]
fn the_first_fragment_says_what_a_packet_holds() {
    let (opening, request) = &requests()[1];
    let mut fragments = request.fragments(&CUTS);
    for other in &mut fragments[1..] {
        // The next header in the fragment header: none at all.
        other[40] = 59;
    }
    for order in orders(&fragments) {
        let file = [opening.clone(), order].concat();
        assert_eq!(findings_of_packets(&file), [HTTP1], "{file:x?}");
    }
}

/// Each of IPv6's extension headers, in the order that RFC 8200 recommends.
fn extensions() -> Ipv6Extensions {
    let options = || Ipv6RawExtHeader::new_raw(ip_number::TCP, &[1, 4, 0, 0, 0, 0]).unwrap();
    Ipv6Extensions {
        hop_by_hop_options: Some(options()),
        destination_options: Some(options()),
        routing: Some(Ipv6RoutingExtensions {
            routing: options(),
            final_destination_options: Some(options()),
        }),
        fragment: None,
        auth: Some(IpAuthHeader::new(ip_number::TCP, 1, 1, &[0; 12]).unwrap()),
    }
}

#[test]
fn extension_headers_are_skipped() {
    let connection = Connection::v6();
    let all = extensions();
    let none = Ipv6Extensions::default();
    let cases = [
        all.clone(),
        Ipv6Extensions {
            hop_by_hop_options: all.hop_by_hop_options.clone(),
            ..none.clone()
        },
        Ipv6Extensions {
            destination_options: all.destination_options.clone(),
            ..none.clone()
        },
        Ipv6Extensions {
            routing: all.routing.clone(),
            ..none.clone()
        },
        Ipv6Extensions {
            auth: all.auth.clone(),
            ..none
        },
    ];
    for extensions in cases {
        let packets = [connection.syn(), connection.of_client(0, REQUEST)]
            .map(|segment| segment.extended(extensions.clone()));
        assert_eq!(findings_of_packets(packets), [HTTP1], "{extensions:?}");
    }
}

#[test]
fn extension_headers_may_be_on_both_sides_of_the_fragment_header() {
    let connection = Connection::v6();
    let packet = connection.of_client(0, REQUEST).extended(extensions());
    // Where each of them ends; the fragment header comes behind one, or before all.
    let ends = [8, 16, 24, 48, 56];
    let behind = (1..ends.len()).map(|at| Fragmented::v6_behind(&packet, ends[at - 1], ends[at]));
    let first = [
        Fragmented::v6(&packet),
        Fragmented::v6_behind(&packet, 0, ends[0]),
    ];
    for request in first.into_iter().chain(behind) {
        let headers = request.payload.len() - REQUEST.len();
        let cuts = [headers + 4, headers + 28].map(|cut| cut / 8 * 8);
        for order in orders(&request.fragments(&cuts)) {
            let file = [vec![connection.syn().packet()], order].concat();
            assert_eq!(findings_of_packets(&file), [HTTP1], "{file:x?}");
        }
    }
}

#[test]
fn extension_headers_may_be_cut_anywhere() {
    let connection = Connection::v6();
    let request = connection.of_client(0, REQUEST).extended(extensions());
    let end = request.len() - REQUEST.len();
    for length in 0..end {
        let found = findings_of_packets([&connection.syn().packet()[..], &request[..length]]);
        assert_eq!(found, [NOTHING], "{length}");
    }
}
