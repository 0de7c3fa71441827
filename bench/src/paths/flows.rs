// SPDX-License-Identifier: GPL-2.0

//! Clients and servers, a thread each for every flow.

use super::{enter, ticks, WARM_UP};
use anyhow::{ensure, Context, Result};
use socket2::SockRef;
use std::{
    io::{Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

/// The most that is written and read at once.
const CHUNK: usize = 64 << 10;

/// A transaction: a request, of which the answer is one byte.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) request: Vec<u8>,
    /// Whether each has a connection of its own.
    pub(super) each: bool,
}

pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(super) fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<()> {
    for chunk in request.chunks(CHUNK) {
        stream.write_all(chunk)?;
    }
    Ok(stream.read_exact(&mut [0])?)
}

/// Answers requests, until the client closes the connection. One that is the only one of its
/// connection is answered and the connection closed, so that nothing is left to do when the client
/// goes on.
fn answer(stream: &mut TcpStream, exchange: &Exchange) -> Result<()> {
    let len = exchange.request.len();
    let mut buffer = vec![0; CHUNK.min(len)];
    let mut received = 0;
    loop {
        let read = stream.read(&mut buffer)?;
        received += read;
        if received == len {
            stream.write_all(&[0])?;
            received = 0;
        }
        if read == 0 || (exchange.each && received == 0) {
            return Ok(());
        }
    }
}

/// A listener whose thread ends with it.
pub(super) struct Server(Arc<TcpListener>);

impl Server {
    /// Listens, and calls it in a thread for each connection.
    pub(super) fn start(
        address: IpAddr,
        mut accepted: impl FnMut(TcpStream) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let listener = Arc::new(TcpListener::bind((address, 0)).context("the address is missing")?);
        let server = Self(listener.clone());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                // What went wrong, its client is told.
                let _ = accepted(stream);
            }
        });
        Ok(server)
    }

    pub(super) fn answering(address: IpAddr, exchange: Exchange) -> Result<Self> {
        Self::start(address, move |mut stream| {
            stream.set_nodelay(true)?;
            answer(&mut stream, &exchange)
        })
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = SockRef::from(&*self.0).shutdown(Shutdown::Both);
    }
}

/// A client's transactions, which begin when all clients are ready. Returns when each was done.
fn run(
    address: SocketAddr,
    exchange: &Exchange,
    count: usize,
    ready: &Barrier,
) -> Result<Vec<u64>> {
    let Exchange { request, each } = exchange;
    let mut kept = if *each { None } else { Some(connect(address)?) };
    ready.wait();
    (0..count)
        .map(|_| {
            match &mut kept {
                Some(stream) => ask(stream, request)?,
                None => {
                    let mut stream = connect(address)?;
                    ask(&mut stream, request)?;
                    ensure!(stream.read(&mut [0])? == 0, "more than an answer came");
                }
            }
            Ok(ticks())
        })
        .collect()
}

/// Transactions of several clients at once, from another network namespace or this one, with a
/// server each at this address. Returns what each took, or of many clients the mean.
pub(super) fn measure(
    address: IpAddr,
    namespace: Option<&Path>,
    flows: usize,
    count: usize,
    exchange: &Exchange,
) -> Result<Vec<f64>> {
    let servers = (0..flows)
        .map(|_| Server::answering(address, exchange.clone()))
        .collect::<Result<Vec<_>>>()?;
    let ready = Barrier::new(flows);
    let client = |server: &Server| {
        namespace.map_or(Ok(()), enter)?;
        run(server.address()?, exchange, WARM_UP + count, &ready)
    };
    let mut done = thread::scope(|scope| {
        let clients: Vec<_> = servers
            .iter()
            .map(|server| scope.spawn(|| client(server)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("no client panics"))
            .collect::<Result<Vec<_>>>()
    })?
    .concat();
    done.sort_unstable();
    // Of many clients now these are ahead and now those: only all together tell.
    let step = if flows == 1 { 1 } else { flows * count };
    let ends = done[flows * WARM_UP - 1..].iter().step_by(step);
    let ends: Vec<_> = ends.copied().collect();
    Ok(ends
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64 / step as f64)
        .collect())
}
