// SPDX-License-Identifier: GPL-2.0
//! Where the IP packet is in a frame.

use capture::{LinkType, Unread};

use crate::support::file::pcap_of;
use crate::support::file::Precision::Microseconds;
use crate::support::link::LINKS;
use crate::support::*;

#[test]
fn requests_are_found_on_every_link() {
    for (name, file) in samples::links() {
        let found = read_all(&*file);
        assert_eq!(found.descriptions(), [HTTP1], "{name}");
        assert!(found.summary.unread.is_empty(), "{name}");
    }
}

#[test]
fn a_frame_of_any_link_may_be_cut_anywhere() {
    let segment = Connection::v4().of_client(0, REQUEST);
    for &(name, link, frame) in LINKS {
        let frame = frame(&segment);
        let cut = (0..frame.len()).map(|length| &frame[..length]);
        let found = read_all(&*pcap(link, cut));
        assert_eq!(found.descriptions(), ["no start seen"], "{name}");
        assert_eq!(found.summary.packets, frame.len() as u64, "{name}");
    }
}

#[test]
fn what_a_file_says_of_checksums_is_no_matter() {
    // That frames end with one, of four bytes.
    let frames = [
        &Connection::v4().syn(),
        &Connection::v4().of_client(0, REQUEST),
    ];
    let frames = frames.map(|segment| [segment.frame(), vec![0xcc; 4]].concat());
    assert_eq!(
        read_all(&*pcap(0x2400_0000 | ETHERNET, frames)).descriptions(),
        [HTTP1]
    );
}

#[test]
fn packets_of_unknown_links_are_counted() {
    let connection = Connection::v4();
    let frames = [connection.syn(), connection.of_client(0, REQUEST)].map(|it| it.frame());
    for order in [Order::Little, Order::Big] {
        let found = read_all(&*pcap_of(order, Microseconds, 147, &frames));
        assert!(found.findings.is_empty());
        assert_eq!(found.summary.packets, 2);
        assert_eq!(
            found.summary.unread,
            [(Unread::LinkType(LinkType(147)), 2)].into()
        );
    }
    assert_eq!(LinkType(147).to_string(), "link type 147");
}

#[test]
fn packets_of_undescribed_interfaces_are_counted() {
    let frame = Connection::v4().of_client(0, REQUEST).frame();
    let file = PcapNg::new(Order::Little)
        .simple(&frame, frame.len() as u32)
        .interface(ETHERNET)
        .interface(147)
        .packet(0, &frame)
        .packet(1, &frame)
        .packet(2, &frame)
        // What was described does not count in another section.
        .section(Order::Big)
        .packet(0, &frame);
    let found = read_all(&*file.bytes());
    assert_eq!(found.descriptions(), ["no start seen"]);
    assert_eq!(found.summary.packets, 5);
    let unread: Vec<_> = found.summary.unread.iter().collect();
    let [(undescribed, 3), (Unread::LinkType(LinkType(147)), 1)] = unread[..] else {
        panic!("{unread:?}");
    };
    assert_eq!(undescribed.to_string(), "an undescribed interface");
}

#[test]
fn interfaces_are_bounded() {
    const INTERFACES_MAX: u32 = 1 << 16;
    let frame = Connection::v4().of_client(0, REQUEST).frame();
    let file = PcapNg::new(Order::Little);
    let file = (0..INTERFACES_MAX + 10).fold(file, |file, _| file.interface(ETHERNET));
    let file = file.packet(INTERFACES_MAX, &frame).bytes();
    let found = read_all(&*file);
    assert!(found.findings.is_empty());
    assert_eq!(found.summary.unread.into_values().sum::<u64>(), 1);
    let file = [
        &*file,
        &PcapNg::new(Order::Little)
            .interface(ETHERNET)
            .packet(0, &frame)
            .bytes(),
    ]
    .concat();
    assert_eq!(read_all(&*file).findings.len(), 1);
}

#[test]
fn other_protocols_are_left_out() {
    let packet = Connection::v4().of_client(0, REQUEST).packet();
    let with_type = |kind: [u8; 2]| [&[2; 12], &kind[..], &packet].concat();
    let mut udp = packet.clone();
    udp[9] = 17;
    let mut icmp = packet.clone();
    icmp[9] = 1;
    let frames = [
        // ARP, and PPPoE before there is a session.
        with_type([0x08, 0x06]),
        with_type([0x88, 0x63]),
        // LLDP, 802.1X, a spanning tree's bridge.
        with_type([0x88, 0xcc]),
        with_type([0x88, 0x8e]),
        [&[2; 12], &[0, 38, 0x42, 0x42, 3][..], &[0; 35]].concat(),
        [&[2; 12], &[0x08, 0x00][..], &udp].concat(),
        [&[2; 12], &[0x08, 0x00][..], &icmp].concat(),
    ];
    let found = read_all(&*pcap(ETHERNET, frames));
    assert!(found.findings.is_empty(), "{found:?}");
    assert_eq!(found.summary.packets, 7);
    assert!(found.summary.unread.is_empty(), "{found:?}");
}

#[test]
fn padding_behind_a_packet_does_not_count() {
    for connection in [Connection::v4(), Connection::v6()] {
        let segments = [
            connection.syn(),
            connection.of_client(0, &REQUEST[..4]),
            connection.of_client(4, &REQUEST[4..]),
        ];
        let frames = segments.map(|segment| [segment.frame(), vec![b'?'; 6]].concat());
        assert_eq!(read_all(&*pcap(ETHERNET, frames)).descriptions(), [HTTP1]);
    }
}

#[test]
fn a_length_that_is_left_to_the_network_card_is_that_of_the_frame() {
    for (connection, length_at) in [(Connection::v4(), 2), (Connection::v6(), 4)] {
        let packets = [connection.syn(), connection.of_client(0, REQUEST)].map(|segment| {
            let mut packet = segment.packet();
            packet[length_at..length_at + 2].fill(0);
            packet
        });
        assert_eq!(findings_of_packets(packets), [HTTP1]);
    }
}

#[test]
fn options_of_ip_and_tcp_are_skipped() {
    let connection = Connection::v4();
    let segment = connection.of_client(0, REQUEST).with(|tcp| {
        tcp.set_options_raw(&[1; 12]).unwrap();
    });
    let mut packet = segment.packet();
    // Four bytes of options: the header is a word longer.
    packet[0] += 1;
    let total = packet.len() as u16 + 4;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet.splice(20..20, [1; 4]);
    assert_eq!(
        findings_of_packets([connection.syn().packet(), packet]),
        [HTTP1]
    );
}
