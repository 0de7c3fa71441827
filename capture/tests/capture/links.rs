// SPDX-License-Identifier: GPL-2.0
//! Frames of all kinds of links.

use capture::LinkType;
use classifier::Verdict::Http1;

use crate::formats::{pcap, ETHERNET, RAW};
use crate::support::{flows, judge, packet, Connection, REQUEST};

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const VLAN: [u8; 2] = [0x81, 0x00];
const QINQ: [u8; 2] = [0x88, 0xa8];
const PPPOE: [u8; 2] = [0x88, 0x64];

/// A connection's packets behind this header.
fn framed(connection: &Connection, header: &[u8]) -> Vec<Vec<u8>> {
    let packets = connection.packets.iter();
    packets.map(|packet| [header, packet].concat()).collect()
}

fn requests() -> [(Connection, [u8; 2]); 2] {
    [(Connection::default(), IPV4), (Connection::ipv6(), IPV6)]
        .map(|(connection, ether_type)| (connection.syn().syn_ack().data(0, REQUEST), ether_type))
}

#[test]
fn the_packet_is_found_behind_every_header() {
    for (connection, ether_type) in requests() {
        let ppp = match ether_type {
            IPV4 => [0, 0x21],
            _ => [0, 0x57],
        };
        let tag = [0, 42];
        for (name, link, header) in [
            ("Ethernet", ETHERNET, [&[0; 12][..], &ether_type].concat()),
            ("VLAN", 1, [&[0; 12][..], &VLAN, &tag, &ether_type].concat()),
            (
                "QinQ",
                1,
                [&[0; 12][..], &QINQ, &tag, &VLAN, &tag, &ether_type].concat(),
            ),
            (
                "PPPoE",
                1,
                [&[0; 12][..], &PPPOE, &[0x11, 0, 0, 1, 0, 99], &ppp].concat(),
            ),
            ("raw", 12, vec![]),
            ("raw", RAW, vec![]),
            ("null", 0, vec![2, 0, 0, 0]),
            ("loop", 108, vec![0, 0, 0, 2]),
            ("cooked", 113, [&[0; 14][..], &ether_type].concat()),
            (
                "cooked, VLAN",
                113,
                [&[0; 14][..], &VLAN, &tag, &ether_type].concat(),
            ),
            ("cooked 2", 276, [&ether_type[..], &[0; 18]].concat()),
            ("PPP", 9, ppp.to_vec()),
            ("PPP in HDLC", 9, [&[0xff, 3][..], &ppp].concat()),
            ("PPP, short", 9, vec![ppp[1]]),
            ("PPPoE", 51, [&[0x11, 0, 0, 1, 0, 99][..], &ppp].concat()),
            ("Cisco HDLC", 104, [&[0x0f, 0][..], &ether_type].concat()),
            (
                "InfiniBand",
                242,
                [&[0; 40][..], &ether_type, &[0; 2]].concat(),
            ),
            ("ARCNET of BSD", 7, vec![1, 2, 240]),
            ("ARCNET of Linux", 129, vec![1, 2, 0, 0, 212, 0, 0, 0]),
        ] {
            let flows = flows(&pcap(link, &framed(&connection, &header)));
            assert_eq!(flows.len(), 1, "{name}");
            assert_eq!(flows[0].outcome, Ok(Http1), "{name}");
        }
    }
}

#[test]
fn raw_links_of_one_version() {
    let [(ipv4, _), (ipv6, _)] = requests();
    for (link, connection) in [(228, ipv4), (229, ipv6)] {
        assert_eq!(
            flows(&pcap(link, &connection.packets))[0].outcome,
            Ok(Http1)
        );
    }
}

#[test]
fn what_is_behind_a_packet_is_none_of_it() {
    // Ethernet's least size, or its checksum.
    let connection = Connection::open().data(0, &REQUEST[..5]);
    let mut packets = connection.data(5, &REQUEST[5..]).packets;
    packets.iter_mut().for_each(|packet| packet.extend([0; 18]));
    assert_eq!(flows(&pcap(RAW, &packets))[0].outcome, Ok(Http1));
}

#[test]
fn unknown_links_are_counted() {
    let [(connection, _), _] = requests();
    let (flows, end, summary) = judge(&pcap(178, &connection.packets));
    assert!(flows.is_empty() && end.is_none());
    assert_eq!(summary.packets, 3);
    let unknown: Vec<_> = summary.unknown.into_iter().collect();
    assert_eq!(unknown, [(LinkType(178), 3)]);
}

#[test]
fn other_protocols_are_no_connections() {
    let ends = ([192, 0, 2, 7].into(), [192, 0, 2, 1].into());
    let udp = packet(ends.0, ends.1, etherparse::IpNumber::UDP, REQUEST);
    let arp = [&[0; 12][..], &[0x08, 0x06], &[0; 28]].concat();
    for (link, packet) in [
        (RAW, udp),
        (ETHERNET, arp),
        (ETHERNET, vec![0; 5]),
        (RAW, vec![]),
    ] {
        let (flows, end, summary) = judge(&pcap(link, &[packet]));
        assert!(flows.is_empty() && end.is_none());
        assert_eq!(summary.packets, 1);
    }
}
