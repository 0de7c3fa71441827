// SPDX-License-Identifier: GPL-2.0

//! A flood of HTTP beside an innocent connection: so many requests for each transaction of that.

use super::{
    flows::{ask, connect, Exchange, Server},
    ticks,
    wire::Wire,
    within, DEVICE, WARM_UP,
};
use anyhow::Result;
use socket2::SockRef;
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    sync::mpsc::channel,
    time::Duration,
};

/// Requests for each transaction.
pub(super) const REQUESTS: usize = 8;

/// Transactions that are measured.
const TRANSACTIONS: usize = 6;

/// What a socket's buffer is to hold of a request, which nobody may receive.
const BUFFER: usize = 1 << 18;

/// How long what is not dropped takes at most.
const PATIENCE: Duration = Duration::from_millis(100);

/// A connection that asks, and does not wait for an answer.
fn request(address: SocketAddr, request: &[u8]) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    SockRef::from(&stream).set_send_buffer_size(BUFFER)?;
    stream.write_all(request)?;
    Ok(stream)
}

/// Resets it rather than to keep the request for a while.
fn reset(stream: TcpStream) -> Result<()> {
    Ok(SockRef::from(&stream).set_linger(Some(Duration::ZERO))?)
}

/// Whether not all of a request arrives.
fn lacks(mut stream: &TcpStream, len: usize) -> Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream.read_exact(&mut vec![0; len]).is_err())
}

/// What transactions took beside their share of the flood.
fn beside(flood: &dyn Fn() -> Result<()>, innocent: SocketAddr) -> Result<Vec<f64>> {
    let mut innocent = connect(innocent)?;
    let mut transaction = || {
        let begin = ticks();
        for _ in 0..REQUESTS {
            flood()?;
        }
        ask(&mut innocent, &[0])?;
        Ok((ticks() - begin) as f64)
    };
    for _ in 0..WARM_UP {
        transaction()?;
    }
    (0..TRANSACTIONS).map(|_| transaction()).collect()
}

/// Requests come from the network namespace of the clients: `repeated`, as the same segment of one
/// connection again and again; otherwise each on a connection of its own, which is then reset.
/// Returns also whether they are dropped.
pub(super) fn measure(
    address: IpAddr,
    client: &Path,
    data: &[u8],
    repeated: bool,
) -> Result<(bool, Vec<f64>)> {
    let innocent = Server::answering(
        address,
        Exchange {
            request: vec![0],
            each: false,
        },
    )?;
    let (accepted, server) = channel();
    // The first connection is looked at, all others are closed at once.
    let target = Server::start(address, move |stream| Ok(accepted.send(stream)?))?;
    within(client, move || {
        let flooded = target.address()?;
        let beside = |flood: &dyn Fn() -> Result<()>| beside(flood, innocent.address()?);
        if repeated {
            let mut wire = Wire::open(DEVICE)?;
            let _client = connect(flooded)?;
            let segment = wire.segment(flooded.port(), data)?;
            wire.send(&segment)?;
            let server = server.recv()?;
            let dropped = lacks(&server, data.len())?;
            Ok((dropped, beside(&|| wire.send(&segment))?))
        } else {
            let _client = request(flooded, data)?;
            let dropped = lacks(&server.recv()?, data.len())?;
            drop(server);
            Ok((dropped, beside(&|| request(flooded, data).and_then(reset))?))
        }
    })
}
