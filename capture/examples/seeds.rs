// SPDX-License-Identifier: GPL-2.0
//! Writes captures of all kinds into a folder, for the fuzzer to start from.

#[path = "../tests/capture/formats.rs"]
#[allow(dead_code)]
mod formats;
#[path = "../tests/capture/support.rs"]
#[allow(dead_code)]
mod support;

use std::path::Path;
use std::{env, fs, io};

use formats::{pcap, pcap_in, section, ETHERNET, RAW};
use support::{Connection, REQUEST};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).expect("usage: seeds FOLDER");
    let folder = Path::new(&folder);
    let open = Connection::open;
    let ipv4 = open().data(10, &REQUEST[10..]).data(0, &REQUEST[..10]);
    let ipv6 = Connection::ipv6().syn().data(0, b"SSH-2.0-x\r\n");
    let ended = open().client_sends("FA", 1_001, 5_001, b"").syn();
    let frames: Vec<_> = [&ipv4, &ipv6]
        .iter()
        .zip([[0x08, 0x00], [0x86, 0xdd]])
        .flat_map(|(connection, ether_type)| {
            let header = [&[0; 12][..], &[0x81, 0, 0, 1], &ether_type].concat();
            connection
                .packets
                .iter()
                .map(move |packet| [&header[..], packet].concat())
        })
        .collect();
    // An IPv4 packet in two fragments, the later first.
    let whole = &ipv4.packets[2];
    let (head, rest) = whole.split_at(44);
    let mut fragments = vec![[&whole[..20], rest].concat(), head.to_vec()];
    fragments[0][6..8].copy_from_slice(&[0, 3]);
    fragments[1][6..8].copy_from_slice(&[0x20, 0]);
    for fragment in &mut fragments {
        let length = (fragment.len() as u16).to_be_bytes();
        fragment[2..4].copy_from_slice(&length);
    }
    for (name, file) in [
        ("ipv4", pcap(RAW, &ipv4.packets)),
        ("ipv6", pcap(RAW, &ipv6.packets)),
        ("ended", pcap(RAW, &ended.packets)),
        ("fragments", pcap(RAW, &fragments)),
        ("vlan", pcap(ETHERNET, &frames)),
        (
            "big",
            pcap_in(
                0xa1b2_c3d4,
                u32::to_be_bytes,
                u16::to_be_bytes,
                RAW,
                &ipv6.packets,
            ),
        ),
        (
            "ng",
            section(false, &[ETHERNET as u16, RAW as u16], 1, &ipv4.packets),
        ),
        ("ng-big", section(true, &[RAW as u16], 0, &ipv6.packets)),
    ] {
        fs::write(folder.join(name), file)?;
    }
    Ok(())
}
