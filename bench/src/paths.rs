// SPDX-License-Identifier: GPL-2.0

//! What whole transactions take, from the client's system call to the server's and back: over the
//! loopback device, and over a veth pair from another network namespace. All of it shares one
//! processor, which is never idle, so that time is instructions.

mod flood;
mod flows;
pub(crate) mod report;
mod wire;

use crate::{
    cases::{get, tls_hello},
    device::Device,
};
use anyhow::{Context, Result};
use flows::Exchange;
use nix::sched::{setns, CloneFlags};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

/// Transactions of each client that are not measured, before those that are.
const WARM_UP: usize = 3;

/// Clients at once.
const FLOWS: [usize; 2] = [1, 32];

/// What bench/paths calls the clients' device.
const DEVICE: &str = "eth0";

/// Where the servers are, and whether their clients are in the other network namespace: bench/paths
/// has given the veth pair these addresses.
const PLACES: [(&str, IpAddr, bool); 4] = [
    ("veth, IPv4", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), true),
    (
        "veth, IPv6",
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        true,
    ),
    ("loopback, IPv4", IpAddr::V4(Ipv4Addr::LOCALHOST), false),
    ("loopback, IPv6", IpAddr::V6(Ipv6Addr::LOCALHOST), false),
];

/// Floods: how long a request is, and whether the same segment of one connection comes again and
/// again, rather than each on a connection of its own.
const FLOODS: [(&str, usize, bool); 4] = [
    ("flood, GET 82 B, connections", 82, false),
    ("flood, GET 60 kB, connections", 60_000, false),
    ("flood, GET 82 B, repeated", 82, true),
    ("flood, GET 60 kB, repeated", 60_000, true),
];

/// What a kind of transactions took.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    peer: String,
    path: String,
    place: String,
    /// How many clients there were at once.
    flows: usize,
    /// Of a flood: whether its requests were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<bool>,
    /// Instructions for a transaction: the least, and the median.
    min: f64,
    median: f64,
}

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The network namespace of the clients: a file
    #[arg(long)]
    client: PathBuf,
    /// Only those whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
}

/// A kind of transactions.
struct Kind {
    name: &'static str,
    /// How many are measured: of one client, and of each of many.
    count: [usize; 2],
    exchange: Exchange,
}

fn kinds() -> Vec<Kind> {
    let kind = |name, count, request, each| Kind {
        name,
        count,
        exchange: Exchange { request, each },
    };
    vec![
        kind("STREAM, 128 KiB", [30, 2], vec![0; 128 << 10], false),
        kind("RR", [60, 6], vec![0], false),
        kind("CRR", [60, 4], vec![0], true),
        kind("CRR, TLS hello", [60, 4], tls_hello(), true),
    ]
}

/// The processor's time stamp counter, which counts instructions under QEMU's `-icount`; elsewhere
/// nanoseconds.
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: It reads a register.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    return {
        static BEGIN: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        BEGIN.elapsed().as_nanos() as u64
    };
}

/// Moves this thread into a network namespace.
fn enter(namespace: &Path) -> Result<()> {
    let file = File::open(namespace).with_context(|| namespace.display().to_string())?;
    setns(file, CloneFlags::CLONE_NEWNET).with_context(|| namespace.display().to_string())
}

/// Calls it in a thread that is in a network namespace.
fn within<T: Send>(namespace: &Path, call: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| enter(namespace).and_then(|()| call()))
            .join()
            .expect("no thread panics")
    })
}

/// Registers one of `packet_bench`'s hooks, in the caller's network namespace.
fn hook(kind: u8) -> Result<Device> {
    let device = Device::open()?;
    device.add_hook(kind)?;
    Ok(device)
}

/// Measures what is registered in this namespace, and one of `packet_bench`'s hooks in both.
pub(crate) fn run(peer: &str, kind: Option<u8>, options: &Options) -> Result<()> {
    let _hooks = match kind {
        Some(kind) => vec![hook(kind)?, within(&options.client, || hook(kind))?],
        None => vec![],
    };
    let print = |path: &str, place: &str, flows, dropped, mut taken: Vec<f64>| -> Result<()> {
        taken.sort_by(f64::total_cmp);
        let taken = Taken {
            peer: peer.into(),
            path: path.into(),
            place: place.into(),
            flows,
            dropped,
            min: taken[0],
            median: taken[taken.len() / 2],
        };
        println!("{}", serde_json::to_string(&taken)?);
        Ok(())
    };
    let asked = |name: &str| name.contains(&options.only);
    for kind in kinds().iter().filter(|kind| asked(kind.name)) {
        for (place, address, remote) in PLACES {
            let client = remote.then_some(options.client.as_path());
            for (flows, count) in FLOWS.into_iter().zip(kind.count) {
                let taken = flows::measure(address, client, flows, count, &kind.exchange)
                    .with_context(|| format!("{}, {place}", kind.name))?;
                print(kind.name, place, flows, None, taken)?;
            }
        }
    }
    for (name, len, repeated) in FLOODS.into_iter().filter(|(name, ..)| asked(name)) {
        for (place, address, _) in PLACES.into_iter().filter(|(.., remote)| *remote) {
            let (dropped, taken) = flood::measure(address, &options.client, &get(len), repeated)
                .with_context(|| format!("{name}, {place}"))?;
            print(name, place, 1, Some(dropped), taken)?;
        }
    }
    Ok(())
}
