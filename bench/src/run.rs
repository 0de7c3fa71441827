// SPDX-License-Identifier: GPL-2.0

//! Runs the cases.

use crate::{
    cases::{cases, tls_hello, Case, Stand},
    device::{Device, Segments},
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
};

/// Connections in a round: enough that what a clock adds does not count.
const CONNECTIONS: usize = 64;

/// Rounds of a case that is repeated.
pub(crate) const ROUNDS: usize = 30;

/// How often a case is measured that comes once to each connection.
const FRESH: usize = 5;

/// What a case took.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) peer: String,
    pub(crate) case: String,
    /// `IPv4` or `IPv6`.
    pub(crate) family: String,
    /// Whether early demux had found the socket.
    pub(crate) known: bool,
    /// Instructions for a packet, or nanoseconds in user-mode Linux: in the shortest round, and in
    /// the middle one.
    pub(crate) min: f64,
    pub(crate) median: f64,
    /// The share of the packets that did not come through.
    pub(crate) dropped: f64,
}

/// A connection over the loopback device. The client's end keeps it open.
struct Connection {
    _client: TcpStream,
    server: TcpStream,
}

fn connect(listener: &TcpListener, stand: Stand) -> Result<Connection> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    if stand == Stand::Decided {
        let hello = tls_hello();
        client.write_all(&hello)?;
        server.read_exact(&mut vec![0; hello.len()])?;
    }
    Ok(Connection {
        _client: client,
        server,
    })
}

/// Measures one case: nanoseconds or instructions for a packet, ascending.
fn measure(device: &Device, address: IpAddr, case: &Case, known: bool) -> Result<(Vec<f64>, f64)> {
    let listener = TcpListener::bind((address, 0)).context("no loopback device")?;
    let mut ticks = Vec::new();
    let mut dropped = 0.0;
    for _ in 0..if case.repeated { 1 } else { FRESH } {
        let connections = (0..CONNECTIONS)
            .map(|_| connect(&listener, case.stand))
            .collect::<Result<Vec<_>>>()?;
        let segments = Segments {
            sockets: connections.iter().map(|c| &c.server).collect(),
            data: &case.data,
            paged: case.paged,
            known,
        };
        let (taken, lost) = device.run(&segments, if case.repeated { ROUNDS } else { 1 })?;
        ticks.extend(taken.into_iter().map(|t| t as f64 / CONNECTIONS as f64));
        dropped = f64::from(lost) / CONNECTIONS as f64;
    }
    ticks.sort_by(f64::total_cmp);
    Ok((ticks, dropped))
}

/// Measures all cases, of what is registered in this namespace and of one of `packet_bench`'s hooks.
pub(crate) fn run(peer: &str, hook: Option<u8>) -> Result<()> {
    let device = Device::open()?;
    if let Some(hook) = hook {
        device.add_hook(hook)?;
    }
    let families: [(&str, IpAddr); 2] = [
        ("IPv4", Ipv4Addr::LOCALHOST.into()),
        ("IPv6", Ipv6Addr::LOCALHOST.into()),
    ];
    for case in cases() {
        for (family, address) in families {
            for known in [true, false] {
                let (ticks, dropped) = measure(&device, address, &case, known)
                    .with_context(|| format!("{}, {family}", case.name))?;
                let measured = Measured {
                    peer: peer.into(),
                    case: case.name.into(),
                    family: family.into(),
                    known,
                    min: ticks.first().copied().unwrap_or_default(),
                    median: ticks.get(ticks.len() / 2).copied().unwrap_or_default(),
                    dropped,
                };
                println!("{}", serde_json::to_string(&measured)?);
            }
        }
    }
    Ok(())
}
