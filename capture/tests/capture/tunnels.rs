// SPDX-License-Identifier: GPL-2.0
//! Connections in tunnels, each tunnel's kept apart from the others'.

use capture::{Finding, Unread};
use classifier::Verdict;

use crate::support::tunnel::{self, datagram, gtp_with_teid, v4, v4_between, v6, GRE, UDP};
use crate::support::*;

/// What is found in packets of raw IP.
fn found_in<T: AsRef<[u8]>>(packets: impl IntoIterator<Item = T>) -> Found {
    let found = read_all(&*pcap(RAW, packets));
    assert!(found.error.is_none(), "{found:?}");
    found
}

/// A finding, and the tunnels that it is in.
fn in_tunnel(finding: &Finding) -> (String, Option<&str>) {
    (describe(finding), finding.tunnel.as_deref())
}

/// A request, its answer, and another protocol beside it.
fn conversation(http: Connection) -> Vec<Segment> {
    let other = http.with_client_port(50_000);
    let mut segments = [http.opening(), other.opening()].concat();
    segments.extend([
        http.of_client(0, REQUEST),
        http.of_server(0, b"HTTP/1.1 204 No Content\r\n\r\n"),
        other.of_server(0, OTHER),
        other.of_client(0, OTHER),
    ]);
    segments
}

#[test]
fn connections_are_found_in_every_tunnel() {
    for (connection, (name, tunnel, packet)) in tunnel::all() {
        let found = found_in(conversation(connection).iter().map(packet));
        let tunnels: Vec<_> = found.findings.iter().map(in_tunnel).collect();
        let expected = [HTTP1, FOUND_OTHER].map(|it| (it.to_owned(), Some(tunnel)));
        assert_eq!(tunnels, expected, "{name}, {}", connection.client);
        assert!(found.summary.unread.is_empty(), "{name}: {found:?}");
    }
}

#[test]
fn outside_of_tunnels_there_is_none() {
    let found = found_in(conversation(Connection::v4()).iter().map(Segment::packet));
    assert_eq!(in_tunnel(&found.findings[0]), (HTTP1.into(), None));
}

#[test]
fn a_tunnels_packet_may_be_cut_anywhere() {
    for (connection, (name, _, packet)) in tunnel::all() {
        let whole = packet(&connection.of_client(0, REQUEST));
        for length in 0..whole.len() {
            // The headers are cut in the capture alone: what they tell of lengths remains.
            let found = found_in([packet(&connection.syn()), whole[..length].to_vec()]);
            let [finding] = &found.findings[..] else {
                panic!("{name}: {length}: {found:?}");
            };
            let is_sound = matches!(finding.outcome, Err(_) | Ok(Verdict::Http1));
            assert!(is_sound, "{name}: {length}: {finding:?}");
        }
    }
}

/// Asserts that the same connection in two tunnels is found as two, whatever comes first.
fn assert_are_apart(
    what: &str,
    first: impl Fn(&Segment) -> Vec<u8>,
    second: impl Fn(&Segment) -> Vec<u8>,
) {
    let http = Connection::v4();
    let other = http.again();
    let packets = |connection: Connection, bytes: &[u8]| {
        let mut segments = connection.opening();
        // In two pieces, the first one of which says nothing.
        segments.push(connection.of_client(0, &bytes[..1]));
        segments.push(connection.of_client(1, &bytes[1..]));
        segments
    };
    let of_first: Vec<_> = packets(http, REQUEST).iter().map(first).collect();
    let of_second: Vec<_> = packets(other, OTHER).iter().map(second).collect();
    let mut interleaved = Vec::new();
    for (at, (one, two)) in of_first.iter().zip(&of_second).enumerate() {
        let mut pair = [one.clone(), two.clone()];
        // What is answered first is not always what was asked first.
        if at % 2 == 1 {
            pair.reverse();
        }
        interleaved.extend(pair);
    }
    assert_eq!(
        found_in(&interleaved).descriptions(),
        [HTTP1, FOUND_OTHER],
        "{what}"
    );
}

fn vxlan(network: u8, segment: &Segment) -> Vec<u8> {
    let header = [8, 0, 0, 0, 0, 0, network, 0];
    tunnel::udp(segment, 4789, &[&header[..], &segment.frame()].concat())
}

fn gre(key: Option<u32>, segment: &Segment) -> Vec<u8> {
    let payload = match key {
        None => [&[0, 0, 8, 0], &segment.packet()[..]].concat(),
        Some(key) => [&[0x20, 0, 8, 0], &key.to_be_bytes()[..], &segment.packet()].concat(),
    };
    v4(segment, GRE, &payload)
}

/// In GTP-U, whose packets to the server and from it have these TEIDs.
fn gtp(teids: [u32; 2], segment: &Segment) -> Vec<u8> {
    let teid = teids[usize::from(segment.source.port() == 80)];
    tunnel::udp(segment, 2152, &gtp_with_teid(segment, 0x30, teid, &[]))
}

#[test]
fn connections_of_different_tunnels_are_apart() {
    assert_are_apart("a network's number", |it| vxlan(1, it), |it| vxlan(2, it));
    assert_are_apart("keys", |it| gre(Some(1), it), |it| gre(Some(2), it));
    assert_are_apart("no key", |it| gre(None, it), |it| gre(Some(2), it));
    assert_are_apart("TEIDs", |it| gtp([1, 2], it), |it| gtp([3, 4], it));
    assert_are_apart("kinds", |it| vxlan(1, it), |it| gre(None, it));
    assert_are_apart("a tunnel and none", |it| vxlan(1, it), Segment::packet);
    let between = |ends: [u8; 2]| move |it: &Segment| v4_between(ends, 4, &it.packet());
    assert_are_apart("outer addresses", between([1, 2]), between([1, 3]));
}

#[test]
fn keys_and_teids_of_each_direction_are_one_tunnels() {
    // Each direction has its own, and what is in the tunnel is one connection, also without its start.
    let connection = Connection::v4();
    let segments = [
        connection.of_server(0, b"HTTP/1.1 200 OK\r\n\r\n"),
        connection.of_client(0, REQUEST),
        connection.of_server(19, b"more"),
    ];
    let all = [connection.opening(), segments.to_vec()].concat();
    let by_direction = |it: &Segment| gre(Some(it.source.port().into()), it);
    for (segments, expected) in [(&all[..], HTTP1), (&segments[..], "no start seen")] {
        for packets in [
            segments
                .iter()
                .map(|it| gtp([7, 8], it))
                .collect::<Vec<_>>(),
            segments.iter().map(by_direction).collect(),
        ] {
            assert_eq!(found_in(packets).descriptions().len(), 1, "{expected}");
        }
    }
    assert_eq!(
        found_in(all.iter().map(by_direction)).descriptions(),
        [HTTP1]
    );
}

#[test]
fn a_handshake_tells_which_ways_belong_together() {
    // One client speaks, and the other one's server; whose answers come the other way round.
    let (http, other) = (Connection::v4(), Connection::v4().again());
    let of_http = |it: &Segment| gtp([1, 2], it);
    let of_other = |it: &Segment| gtp([3, 4], it);
    let packets = [
        of_http(&http.syn()),
        of_other(&other.syn()),
        of_other(&other.syn_ack()),
        of_http(&http.syn_ack()),
        of_http(&http.of_client(0, REQUEST)),
        of_other(&other.of_server(0, OTHER)),
    ];
    assert_eq!(found_in(packets).descriptions(), [HTTP1, FOUND_OTHER]);
}

#[test]
fn more_tunnels_alike_than_are_told_apart_are_read_all_the_same() {
    // They share what is left, and each SYN begins another connection there.
    let packets = (0..20).flat_map(|at: u32| {
        let connection = Connection {
            client_isn: at << 24,
            ..Connection::v4()
        };
        let segments = [connection.syn(), connection.of_client(0, REQUEST)];
        segments.map(|it| gtp([at, 100 + at], &it))
    });
    assert_eq!(found_in(packets).descriptions(), [HTTP1; 20]);
}

#[test]
fn relays_of_6to4_may_differ_by_direction() {
    let mut connection = Connection::v6();
    connection
        .client
        .set_ip("2002:c000:207::1".parse().unwrap());
    let mut segments = connection.opening();
    segments.push(connection.of_client(0, REQUEST));
    let packets = segments.iter().map(|it| {
        let ends = if it.source.port() == 80 {
            [9, 7]
        } else {
            [7, 99]
        };
        v4_between(ends, 41, &it.packet())
    });
    assert_eq!(found_in(packets).descriptions(), [HTTP1]);
}

#[test]
fn tunnels_are_looked_into_up_to_a_depth() {
    const DEPTH_MAX: usize = 4;
    for depth in 1..=DEPTH_MAX + 2 {
        let connection = Connection::v4();
        let segments = [connection.syn(), connection.of_client(0, REQUEST)];
        let packets = segments.map(|segment| {
            let first = segment.packet();
            (0..depth).fold(first, |packet, _| v4(&segment, 4, &packet))
        });
        let found = found_in(packets);
        if depth <= DEPTH_MAX {
            assert_eq!(found.descriptions(), [HTTP1], "{depth}");
            assert_eq!(
                found.findings[0].tunnel,
                Some(vec!["ipip"; depth].join("/").into())
            );
        } else {
            assert!(found.findings.is_empty(), "{depth}");
            assert_eq!(found.summary.unread, [(Unread::Deep, 2)].into());
        }
    }
}

/// A request in a tunnel's datagrams to a port, with these bytes before the inner frame or packet.
fn assert_is_just_udp(port: u16, header: &[u8], inner: fn(&Segment) -> Vec<u8>) {
    let connection = Connection::v4();
    let segments = [connection.syn(), connection.of_client(0, REQUEST)];
    let packets = segments.map(|it| tunnel::udp(&it, port, &[header, &inner(&it)].concat()));
    let found = found_in(packets);
    assert!(found.findings.is_empty(), "{port}, {header:x?}: {found:?}");
    assert!(
        found.summary.unread.is_empty(),
        "{port}, {header:x?}: {found:?}"
    );
}

#[test]
fn what_only_has_a_tunnels_port_is_just_udp() {
    // VXLAN: without the flag I, with flags and reserved bytes that are not 0; not in a frame.
    for header in [
        [0, 0, 0, 0, 0, 0, 42, 0],
        [9, 0, 0, 0, 0, 0, 42, 0],
        [8, 1, 0, 0, 0, 0, 42, 0],
        [8, 0, 0, 1, 0, 0, 42, 0],
        [8, 0, 0, 0, 0, 0, 42, 1],
        [0x88, 1, 0, 0, 0, 0, 42, 0],
    ] {
        assert_is_just_udp(4789, &header, Segment::frame);
    }
    assert_is_just_udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], Segment::packet);
    // VXLAN-GPE: a protocol that is none, OAM.
    assert_is_just_udp(4790, &[12, 0, 0, 9, 0, 0, 42, 0], Segment::packet);
    assert_is_just_udp(4790, &[13, 0, 0, 1, 0, 0, 42, 0], Segment::packet);
    // Geneve: another version, reserved bits and a reserved byte, longer than there is, other protocols.
    for header in [
        [0x40, 0, 8, 0, 0, 0, 42, 0],
        [0, 1, 8, 0, 0, 0, 42, 0],
        [0, 0, 8, 0, 0, 0, 42, 1],
        [0x3f, 0, 8, 0, 0, 0, 42, 0],
        [0, 0, 0x86, 0, 0, 0, 42, 0],
        [0, 0, 0x65, 0x58, 0, 0, 42, 0],
    ] {
        assert_is_just_udp(6081, &header, Segment::packet);
    }
    // GTP-U: another version, GTP', another type, longer than there is, an extension without a length.
    for header in [
        &[0x10, 255, 0, 40, 0, 0, 0, 1][..],
        &[0x20, 255, 0, 40, 0, 0, 0, 1],
        &[0x38, 255, 0, 40, 0, 0, 0, 1],
        &[0x30, 254, 0, 40, 0, 0, 0, 1],
        &[0x30, 255, 0xff, 0xff, 0, 0, 0, 1],
        &[0x34, 255, 0, 44, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 0, 0],
    ] {
        assert_is_just_udp(2152, header, Segment::packet);
    }
    // GUE: control, another version. L2TP: control, reserved bits, another version.
    assert_is_just_udp(6080, &[0x20, 4, 0, 0], Segment::packet);
    assert_is_just_udp(6080, &[0x80, 4, 0, 0], Segment::packet);
    for flags in [[0x80, 2], [0x10, 2], [0, 1]] {
        let header = [&flags[..], &[0, 1, 0, 2, 0, 0x21]].concat();
        assert_is_just_udp(1701, &header, Segment::packet);
    }
}

/// What is not read in packets of raw IP.
fn unread<T: AsRef<[u8]>>(packet: T) -> Vec<(Unread, u64)> {
    let found = found_in([packet]);
    assert!(found.findings.is_empty(), "{found:?}");
    found.summary.unread.into_iter().collect()
}

#[test]
fn what_is_not_read_is_counted_and_named() {
    let segment = Connection::v4().of_client(0, REQUEST);
    let packet = segment.packet();
    let ip = |protocol: u8, header: &[u8]| v4(&segment, protocol, &[header, &packet].concat());
    let udp =
        |port, header: &[u8]| v4_between([7, 1], UDP, &datagram(port, &[header, &packet].concat()));
    let cases = [
        (ip(50, &[0, 0, 1, 0, 0, 0, 0, 1]), "ESP, encrypted"),
        (v6(&segment, 50, &packet), "ESP, encrypted"),
        (udp(4500, &[0, 0, 1, 0]), "ESP, encrypted"),
        (udp(51820, &[4, 0, 0, 0]), "WireGuard, encrypted"),
        (ip(108, &[4, 0, 0, 2]), "IPComp, compressed"),
        (
            ip(115, &[0, 0, 0, 1]),
            "L2TPv3, which only its ends can read",
        ),
        (
            udp(1701, &[0, 3, 0, 0]),
            "L2TPv3, which only its ends can read",
        ),
        (ip(GRE, &[0, 5, 8, 0]), "GRE version 5"),
        (
            ip(GRE, &[0x40, 0, 8, 0]),
            "GRE with a source route, which only its ends can read",
        ),
        (
            ip(GRE, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x40]),
            "ERSPAN version 4",
        ),
        (ip(GRE, &[0, 0, 0x89, 0x4f]), "EtherType 0x894f"),
        (ip(97, &[0x40, 0]), "EtherIP version 4"),
        (
            ip(137, &[0, 1, 0x41, 64, 0xb0]),
            "MPLS around neither IP nor Ethernet",
        ),
        (ip(GRE, &[0, 0, 0x88, 0x0b, 0, 0x3d]), "PPP protocol 0x003d"),
        (ip(GRE, &[0, 0, 0x88, 0x0b, 0, 0xfd]), "PPP, compressed"),
        (ip(GRE, &[0, 0, 0x88, 0x0b, 0, 0x53]), "PPP, encrypted"),
        (ip(6, &[0; 12]), "cut off within a header, or malformed"),
        (
            packet[..39].to_vec(),
            "cut off within a header, or malformed",
        ),
        (vec![0xff; 60], "cut off within a header, or malformed"),
        (vec![], "cut off within a header, or malformed"),
    ];
    for (packet, expected) in cases {
        let [(unread, 1)] = unread(&packet)[..] else {
            panic!("{expected}: {packet:x?}");
        };
        assert_eq!(unread.to_string(), expected);
    }
}

#[test]
fn what_sets_up_and_checks_tunnels_is_no_tcp() {
    let segment = Connection::v4().of_client(0, REQUEST);
    let ip = |protocol: u8, payload: &[u8]| v4(&segment, protocol, payload);
    let udp = |port, payload: &[u8]| ip(UDP, &datagram(port, payload));
    for packet in [
        // Keepalives, and NHRP.
        ip(GRE, &[0, 0, 0, 0]),
        ip(GRE, &[0, 0, 0x20, 1, 0, 0]),
        // An acknowledgement of PPTP, LCP, the control of L2TP in its versions.
        ip(GRE, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 1]),
        ip(GRE, &[0, 0, 0x88, 0x0b, 0xff, 3, 0xc0, 0x21, 1, 1]),
        udp(1701, &[0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]),
        ip(115, &[0, 0, 0, 0, 0xc8, 3]),
        // IKE and a keepalive beside ESP, WireGuard's handshake, an echo of GTP-U.
        udp(4500, &[0, 0, 0, 0, 1, 2, 3, 4]),
        udp(4500, &[0xff]),
        udp(51820, &[1, 0, 0, 0, 5]),
        udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]),
        // The channel of MPLS itself.
        ip(137, &[0, 1, 0x41, 64, 0x10, 0, 0, 7]),
    ] {
        assert_eq!(unread(&packet), [], "{packet:x?}");
    }
}

#[test]
fn both_the_outer_and_the_inner_packets_may_be_fragmented() {
    let connection = Connection::v4();
    let request = connection.of_client(0, REQUEST);
    let whole = vxlan(7, &request);
    let outer = Fragmented::v4(&whole).fragments(&[24, 64, 96]);
    let inner = |network| {
        let fragments = Fragmented::v4(&request.packet()).fragments(&[24, 48]);
        let ip = fragments.into_iter().map(move |fragment| {
            let frame = [&[2; 12], &[8, 0][..], &fragment].concat();
            let payload = [&[8, 0, 0, 0, 0, 0, network, 0][..], &frame].concat();
            v4_between([7, 1], UDP, &datagram(4789, &payload))
        });
        ip.collect::<Vec<_>>()
    };
    let syn = vxlan(7, &connection.syn());
    for order in orders(&outer) {
        let found = found_in([vec![syn.clone()], order].concat());
        assert_eq!(found.descriptions(), [HTTP1]);
        assert!(found.summary.unread.is_empty());
    }
    for order in orders(&inner(7)) {
        assert_eq!(
            found_in([vec![syn.clone()], order].concat()).descriptions(),
            [HTTP1]
        );
    }
    // Those of two networks are no packet together.
    let mixed = [&inner(7)[..1], &inner(8)[1..]].concat();
    let found = found_in([vec![syn], mixed].concat());
    assert_eq!(found.descriptions(), ["too little data GET"]);
    assert_eq!(found.summary.unread, [(Unread::IpFragment, 2)].into());
}

#[test]
fn fragments_behind_missing_ones_are_counted() {
    let connection = Connection::v4();
    let request = Fragmented::v4(&connection.of_client(0, REQUEST).packet());
    let fragments = request.fragments(&[24, 48, 64]);
    let unread = |kept: &[usize]| {
        let packets = kept.iter().map(|&at| &fragments[at]);
        let summary = found_in(packets).summary;
        summary.unread.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(unread(&[0, 1]), []);
    assert_eq!(unread(&[0, 2, 3]), [(Unread::IpFragment, 2)]);
    assert_eq!(unread(&[3, 0, 3]), [(Unread::IpFragment, 1)]);
    assert_eq!(unread(&[1]), [(Unread::IpFragment, 1)]);
    // What cannot be TCP does not count.
    let mut icmp = fragments[1].clone();
    icmp[9] = 1;
    assert!(found_in([icmp]).summary.unread.is_empty());
}

#[test]
fn fragments_behind_an_authentication_header_are_put_together_first() {
    // RFC 4302, section 3.3.4: what is fragmented has an AH already, in its first fragment alone.
    let connection = Connection::v4();
    let authenticated = |segment: &Segment| {
        let tcp = segment.packet()[20..].to_vec();
        let header = [&[6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[7; 12][..]].concat();
        let mut packet = segment.packet()[..20].to_vec();
        packet[9] = 51;
        packet.extend(header);
        packet.extend(tcp);
        let length = packet.len() as u16;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet
    };
    let request = authenticated(&connection.of_client(0, REQUEST));
    let syn = authenticated(&connection.syn());
    assert_eq!(found_in([&syn, &request]).descriptions(), [HTTP1]);
    for order in orders(&Fragmented::v4(&request).fragments(&[16, 48, 72])) {
        let found = found_in([vec![syn.clone()], order].concat());
        assert_eq!(found.descriptions(), [HTTP1]);
    }
}

#[test]
fn encrypted_and_fragmented_frames_of_wifi_are_counted() {
    let snap = [
        &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        &Connection::v4().of_client(0, REQUEST).packet()[..],
    ]
    .concat();
    let frame = |kind: u8, flags: u8, sequence: u8, data: &[u8]| {
        [&[kind, flags, 0, 0], &[2; 18][..], &[sequence, 0], data].concat()
    };
    // IEEE 802.11-2020, 9.2.4.1: the protected frame's bit, and that of more fragments; a fragment's number.
    let cases = [
        (
            frame(0x08, 0x41, 0, &snap),
            Some(Unread::Encrypted("802.11")),
        ),
        (frame(0x08, 0x05, 0, &snap), Some(Unread::WifiFragment)),
        (frame(0x08, 0x01, 1, &snap), Some(Unread::WifiFragment)),
        // A beacon, an acknowledgement, and data without any.
        (frame(0x80, 0, 0, &snap), None),
        (frame(0xd4, 0, 0, &[]), None),
        (frame(0x48, 0x01, 0, &[]), None),
        (frame(0xc8, 0x01, 0, &[0, 0]), None),
    ];
    for (frame, expected) in cases {
        let found = read_all(&*pcap(105, [&frame]));
        assert!(found.findings.is_empty(), "{frame:x?}");
        assert_eq!(
            found.summary.unread.into_keys().next(),
            expected,
            "{frame:x?}"
        );
    }
}

#[test]
fn each_part_of_an_aggregate_of_wifi_is_read() {
    let snap =
        |segment: &Segment| [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &segment.packet()[..]].concat();
    let connection = Connection::v4();
    let mut frame = [&[0x88, 0x01, 0, 0], &[2; 18][..], &[0x10, 0], &[0x80, 0]].concat();
    let encrypted = [0xaa, 0xaa, 3, 0, 0, 0, 0x89, 0x4f, 0, 0, 0];
    let parts = [
        snap(&connection.syn()),
        encrypted.to_vec(),
        snap(&connection.of_client(0, REQUEST)),
    ];
    for part in parts {
        let start = frame.len();
        frame.extend([&[2; 12], &(part.len() as u16).to_be_bytes()[..], &part].concat());
        let length = frame.len() - start;
        frame.resize(start + length.next_multiple_of(4), 0);
    }
    let found = read_all(&*pcap(105, [frame]));
    assert_eq!(found.descriptions(), [HTTP1]);
    assert_eq!(
        found.summary.unread,
        [(Unread::EtherType(0x894f), 1)].into()
    );
}

#[test]
fn a_frame_with_a_wrong_checksum_is_not_read() {
    let snap = [
        &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        &Connection::v4().of_client(0, REQUEST).packet()[..],
    ]
    .concat();
    // radiotap.org: flags alone; 0x40 is a wrong FCS.
    let header = [0, 0, 9, 0, 2, 0, 0, 0, 0x40];
    let frame = [
        &header[..],
        &[0x08, 1, 0, 0],
        &[2; 18][..],
        &[0x10, 0],
        &snap,
    ]
    .concat();
    let found = read_all(&*pcap(127, [frame]));
    assert!(found.findings.is_empty());
    assert_eq!(found.summary.unread, [(Unread::Malformed, 1)].into());
}

#[test]
fn logs_of_machines_of_either_order_are_read() {
    let segment = Connection::v4().of_client(0, REQUEST);
    for order in [Order::Little, Order::Big] {
        let length = segment.packet().len() as u16 + 4;
        let frame = [
            &[2, 0, 0, 1],
            &order.u16(length)[..],
            &order.u16(9),
            &segment.packet(),
        ]
        .concat();
        let file = file::pcap_of(order, file::Precision::Microseconds, 239, [&frame]);
        assert_eq!(read_all(&*file).findings.len(), 1, "{order:?}");
        let file = PcapNg::new(order).interface(239).packet(0, &frame).bytes();
        assert_eq!(read_all(&*file).findings.len(), 1, "{order:?}");
    }
}
