// SPDX-License-Identifier: GPL-2.0

//! What a packet costs beside few and many established connections.

use crate::{
    cases::{cases, tls_hello},
    device::Device,
    report::Run,
    run::{connect, segments, ROUNDS},
    Hook,
};
use anyhow::{ensure, Context, Result};
use nix::sys::socket::{setsockopt, sockopt::TcpRepair};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use std::{
    fmt::Write,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    time::Instant,
};

/// The cases that are measured: segments past the start of their connections.
const CASES: [&str; 2] = ["ACK", "1448 B"];

const PEERS: [&str; 3] = ["nothing", "limit hook", "http_filter"];

/// Removes the device's hook.
const NO_HOOK: u8 = 0;

/// Switches `http_filter`.
const ENABLED: &str = "/sys/kernel/http_filter/enabled";

/// How many connections of each version of IP are measured, where there are so many.
const MEASURED: usize = 64;

const FAMILIES: [(&str, IpAddr); 2] = [
    ("IPv4", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("IPv6", IpAddr::V6(Ipv6Addr::LOCALHOST)),
];

/// What a case took beside so many connections.
#[derive(Serialize, Deserialize)]
pub(crate) struct Beside {
    peer: String,
    case: String,
    connections: usize,
    /// How many chains the table of established sockets has.
    chains: usize,
    family: String,
    known: bool,
    /// Instructions for a packet: in the shortest round.
    min: f64,
}

/// Measures a packet beside so many connections, with each of [`PEERS`]; `http_filter` is loaded.
pub(crate) fn run(counts: &[usize]) -> Result<()> {
    let device = Device::open()?;
    for &count in counts {
        if count < MEASURED * FAMILIES.len() {
            for family in FAMILIES {
                measure(&device, &[family], count)?;
            }
        } else {
            measure(&device, &FAMILIES, count)?;
        }
    }
    Ok(())
}

/// Measures it beside as many connections. Those that are measured are opened before the others: a new socket
/// becomes the head of its chain, so that who looks for one of these passes all others in that. They have received
/// what they have by packets; the others are restored, and have received nothing.
fn measure(device: &Device, families: &[(&str, IpAddr)], count: usize) -> Result<()> {
    let begin = Instant::now();
    let mut measured = Vec::new();
    for &(family, address) in families {
        let listener = TcpListener::bind((address, 0)).context("no loopback device")?;
        let all = (0..count.min(MEASURED)).map(|_| connect(&listener, &tls_hello()));
        measured.push((family, all.collect::<Result<Vec<_>>>()?));
    }
    let others = 0..count.saturating_sub(MEASURED * families.len());
    let _others: Vec<_> = others.map(restored).collect::<Result<_>>()?;
    let in_use = in_use()?;
    ensure!(in_use >= count, "there are {in_use} sockets");
    eprintln!("bench: {count} connections, made in {:?}", begin.elapsed());
    for peer in PEERS {
        let limit = (peer == "limit hook").then_some(Hook::Limit as u8);
        device.add_hook(limit.unwrap_or(NO_HOOK))?;
        let enabled = u8::from(peer == "http_filter");
        fs::write(ENABLED, enabled.to_string()).context(ENABLED)?;
        for (family, connections) in &measured {
            for case in cases().iter().filter(|case| CASES.contains(&case.name)) {
                for known in [true, false] {
                    let (taken, _) = device.run(&segments(case, connections, known), ROUNDS)?;
                    let least = taken.into_iter().fold(f64::INFINITY, f64::min);
                    let beside = Beside {
                        peer: peer.into(),
                        case: case.name.into(),
                        connections: count,
                        chains: chains()?,
                        family: (*family).into(),
                        known,
                        min: least / connections.len() as f64,
                    };
                    println!("{}", serde_json::to_string(&beside)?);
                }
            }
        }
    }
    Ok(())
}

/// The server's end of a connection, established without a client: half of them of each version of IP, on a few ports.
/// It stays in repair, so that it ends without a packet.
fn restored(index: usize) -> Result<Socket> {
    const CLIENTS: usize = 50_000;
    let (_, address) = FAMILIES[index % FAMILIES.len()];
    let index = index / FAMILIES.len();
    let local = SocketAddr::new(address, u16::try_from(1000 + index / CLIENTS)?);
    let client = SocketAddr::new(address, u16::try_from(10_000 + index % CLIENTS)?);
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, None)
        .with_context(|| format!("socket {index}"))?;
    setsockopt(&socket, TcpRepair, &1)?;
    socket.bind(&local.into())?;
    socket.connect(&client.into())?;
    Ok(socket)
}

/// How many TCP sockets this network namespace has.
fn in_use() -> Result<usize> {
    let mut all = 0;
    for name in ["sockstat", "sockstat6"] {
        let text = fs::read_to_string(format!("/proc/net/{name}"))?;
        let line = text.lines().find(|line| line.starts_with("TCP"));
        let count = line.and_then(|line| line.split(' ').nth(2));
        all += count.context("no sockets are counted")?.parse::<usize>()?;
    }
    Ok(all)
}

fn chains() -> Result<usize> {
    let chains = fs::read_to_string("/proc/sys/net/ipv4/tcp_ehash_entries")?;
    // Negative, where it is the initial namespace's.
    Ok(chains.trim().trim_start_matches('-').parse()?)
}

/// A number as it is read most easily: `1,000,000`.
fn grouped(number: usize) -> String {
    match number {
        n if n < 1000 => n.to_string(),
        n => format!("{},{:03}", grouped(n / 1000), n % 1000),
    }
}

/// What each adds to nothing beside few and many connections, and the ratio between the two peers.
pub(crate) fn text(run: &Run, measured: &[Beside]) -> Result<String> {
    let mut counts: Vec<_> = measured.iter().map(|of| of.connections).collect();
    counts.sort_unstable();
    counts.dedup();
    let find = |peer: &str, connections, like: &Beside| {
        let is_it = |of: &&Beside| {
            (&*of.peer, of.connections, of.known) == (peer, connections, like.known)
                && (&*of.case, &*of.family) == (&*like.case, &*like.family)
        };
        let found = measured.iter().find(is_it).map(|of| of.min);
        found.with_context(|| format!("{peer} was not measured: {}, {connections}", like.case))
    };
    let mut text = format!(
        "# What a packet costs beside other connections\n\n\
         Instructions that each adds to a packet past the start of its stream, in kernel {} under QEMU's `-icount`,\n\
         on {}, while so many connections are established. {} of each version of IP are measured, if there are so many; all others\n\
         were made by `TCP_REPAIR`. The kernel's table of sockets has {} chains, as on a machine of 64 GB or more, and the sockets\n\
         that are measured are the last in theirs: to look one up, all others of its chain are passed, for the limit hook as well.\n\
         So it is the ratio of the two that must not grow. `make bench` measures it anew.\n\n{}\n\n| case | IP, socket |",
        run.kernel,
        run.date,
        MEASURED,
        grouped(measured.first().map_or(0, |of| of.chains)),
        run.made_with()
    );
    for title in ["limit hook", "http_filter", "ratio"] {
        for count in &counts {
            write!(text, " {title}, {} |", grouped(*count))?;
        }
    }
    text += "\n|---|---|";
    text += &"---:|".repeat(3 * counts.len());
    text += "\n";
    for like in measured
        .iter()
        .filter(|of| of.peer == "nothing" && Some(&of.connections) == counts.first())
    {
        let socket = if like.known { "known" } else { "looked up" };
        write!(text, "| {} | {}, {socket} |", like.case, like.family)?;
        let adds = |peer: &str| -> Result<Vec<f64>> {
            let adds = |&count| Ok(find(peer, count, like)? - find("nothing", count, like)?);
            counts.iter().map(adds).collect()
        };
        let (limit, filter) = (adds("limit hook")?, adds("http_filter")?);
        for adds in limit.iter().chain(&filter) {
            write!(text, " {adds:.0} |")?;
        }
        for (filter, limit) in filter.iter().zip(&limit) {
            write!(text, " {:.2} |", filter / limit)?;
        }
        text += "\n";
    }
    Ok(text)
}
