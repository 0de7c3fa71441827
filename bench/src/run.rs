// SPDX-License-Identifier: GPL-2.0

//! Runs the cases.

use crate::{
    cases::{cases, Case},
    device::{Device, Segments},
};
use anyhow::{ensure, Context, Result};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Connections in a round, enough that what a clock adds does not count: fewer will do for what is long.
fn connections_for(case: &Case) -> usize {
    if case.queued != 0 {
        1
    } else if case.received.len() + case.data.len() < 4096 {
        64
    } else {
        8
    }
}

/// The most rounds of a case that is repeated.
pub(crate) const ROUNDS: usize = 10;

/// The most rounds of a case that comes once to each connection.
const FRESH: usize = 3;

/// The size of the sockets' receive buffers: enough for any case.
const RECEIVE_BUFFER: usize = 16 << 20;

/// Instructions or nanoseconds after which no other round begins, from the second one on.
const ENOUGH: f64 = 2e7;

/// What a case took.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) peer: String,
    pub(crate) case: String,
    /// How many other connections of the host were undecided.
    pub(crate) undecided: usize,
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

impl Measured {
    /// What tells it from others.
    pub(crate) fn key(&self) -> (&str, &str, usize, &str, bool) {
        (
            &self.peer,
            &self.case,
            self.undecided,
            &self.family,
            self.known,
        )
    }
}

/// A connection over the loopback device. The client's end keeps it open.
pub(crate) struct Connection {
    _client: TcpStream,
    server: TcpStream,
}

/// A connection that has received some bytes, the first line of a request in pieces that no peer drops.
pub(crate) fn connect(listener: &TcpListener, received: &[u8]) -> Result<Connection> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    for part in received.chunks(if received.len() < 64 { 3 } else { 0x4000 }) {
        client.write_all(part)?;
        server.read_exact(&mut vec![0; part.len()])?;
    }
    Ok(Connection {
        _client: client,
        server,
    })
}

/// Connections that have sent the beginning of a request, and no more.
struct Undecided {
    listener: TcpListener,
    connections: Vec<Connection>,
}

impl Undecided {
    fn new() -> Result<Self> {
        Ok(Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            connections: Vec::new(),
        })
    }

    /// Adds some, until there are `count`. If `http_filter` is loaded, it is to know of these alone.
    fn grow(&mut self, count: usize) -> Result<()> {
        while self.connections.len() < count {
            self.connections.push(connect(&self.listener, b"GE")?);
        }
        let known = || fs::read_to_string("/sys/kernel/http_filter/stats/undecided");
        let is_known = || known().map_or(true, |known| known.trim() == count.to_string());
        // It forgets those that have ended within two seconds.
        let begin = Instant::now();
        while !is_known() {
            ensure!(begin.elapsed().as_secs() < 10, "it knows {}", known()?);
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// The segments of a case, one for each connection, the socket of which early demux has found or not.
pub(crate) fn segments<'a>(
    case: &'a Case,
    connections: &'a [Connection],
    known: bool,
) -> Segments<'a> {
    Segments {
        sockets: connections.iter().map(|c| &c.server).collect(),
        data: &case.data,
        layout: case.layout,
        queued: case.queued,
        known,
    }
}

/// Measures one case: nanoseconds or instructions for a packet, ascending.
fn measure(device: &Device, address: IpAddr, case: &Case, known: bool) -> Result<(Vec<f64>, f64)> {
    let listener = TcpListener::bind((address, 0)).context("no loopback device")?;
    let count = connections_for(case);
    // Or the kernel would drop what is in the out-of-order queue.
    setsockopt(&listener, RcvBufForce, &RECEIVE_BUFFER)?;
    let connect = || {
        let connections = (0..count).map(|_| connect(&listener, &case.received));
        connections.collect::<Result<Vec<_>>>()
    };
    let pass = |connections: &[Connection], rounds| {
        device.run(&segments(case, connections, known), rounds)
    };
    let mut connections = connect()?;
    let (mut taken, mut dropped) = pass(&connections, 1)?;
    let more = (ENOUGH / taken.iter().sum::<f64>().max(1.0)) as usize;
    let (calls, rounds) = match case.repeated {
        true => (1, more.clamp(1, ROUNDS - 1)),
        false => (more.min(FRESH - 1), 1),
    };
    for _ in 0..calls {
        if !case.repeated {
            connections = connect()?;
        }
        let (more, lost) = pass(&connections, rounds)?;
        taken.extend(more);
        dropped = lost;
    }
    let mut taken: Vec<_> = taken.iter().map(|t| t / count as f64).collect();
    taken.sort_by(f64::total_cmp);
    Ok((taken, f64::from(dropped) / count as f64))
}

/// Measures all cases, of what is registered in this namespace and of one of `packet_bench`'s hooks,
/// while so many connections are undecided, ascending; or those of the cases in whose names `only` is.
pub(crate) fn run(peer: &str, hook: Option<u8>, undecided: &[usize], only: &str) -> Result<()> {
    let device = Device::open()?;
    if let Some(hook) = hook {
        device.add_hook(hook)?;
    }
    let mut others = Undecided::new().context("no loopback device")?;
    for &count in undecided {
        others
            .grow(count)
            .with_context(|| format!("{count} undecided connections"))?;
        let is_asked = |c: &&Case| c.name.contains(only) && (count == 0 || c.beside_undecided);
        for case in cases().iter().filter(is_asked) {
            run_case(&device, peer, case, count).with_context(|| case.name)?;
        }
    }
    Ok(())
}

/// Measures a case with both versions of IP, with the sockets known or not; prints what it took.
fn run_case(device: &Device, peer: &str, case: &Case, undecided: usize) -> Result<()> {
    let families: [(&str, IpAddr); 2] = [
        ("IPv4", Ipv4Addr::LOCALHOST.into()),
        ("IPv6", Ipv6Addr::LOCALHOST.into()),
    ];
    for (family, address) in families {
        for known in [true, false] {
            let (taken, dropped) = measure(device, address, case, known)?;
            let measured = Measured {
                peer: peer.into(),
                case: case.name.into(),
                undecided,
                family: family.into(),
                known,
                min: taken.first().copied().unwrap_or_default(),
                median: taken.get(taken.len() / 2).copied().unwrap_or_default(),
                dropped,
            };
            println!("{}", serde_json::to_string(&measured)?);
        }
    }
    Ok(())
}
