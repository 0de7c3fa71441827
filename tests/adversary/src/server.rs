// SPDX-License-Identifier: GPL-2.0
//! The server program: reads real sockets, and records what read(2) returned on each connection.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, SockRef, Socket as RawSocket, Type};

use crate::address::{serial_of, Family};
use crate::engine::Event;
use crate::oracle::{ClientReport, Outcome};
use crate::plan::Socket;
use crate::socket_locker::SocketLocker;

/// How many bytes a slow reader reads at once, and how long it pauses.
const SLOW_READ_SIZE: usize = 7;
const SLOW_READ_PAUSE: Duration = Duration::from_millis(3);
/// What SO_RCVBUF is set to for a small receive buffer. With half the size the kernel gets stuck by
/// itself: its window stays 0 if there is no room for a segment (`__tcp_select_window()`).
const SMALL_BUFFER: usize = 4096;

const WAKE: Token = Token(0);
const FIRST_LISTENER: usize = 1;
const FIRST_CONNECTION: usize = 64;

/// The client is done with a connection: the server reads the rest, closes it and reports the
/// outcome.
pub(crate) struct Finish {
    pub(crate) serial: u32,
    pub(crate) report: ClientReport,
}

struct Connection {
    stream: Arc<TcpStream>,
    slow: bool,
    read: Vec<u8>,
    error: Option<String>,
    ended: bool,
}

/// The server, to be run by a thread of its own.
pub(crate) struct Server {
    poll: Poll,
    listeners: Vec<(TcpListener, Socket)>,
    connections: HashMap<u32, Connection>,
    /// When the slow readers read next.
    next_slow_read: Option<Instant>,
    orders: Receiver<Finish>,
    events: Sender<Event>,
    socket_locker: Arc<SocketLocker>,
}

impl Server {
    /// Listens on all ports. `orders` is read when the poll is woken.
    pub(crate) fn new(
        poll: Poll,
        orders: Receiver<Finish>,
        events: Sender<Event>,
        socket_locker: Arc<SocketLocker>,
    ) -> Result<Self> {
        let mut listeners = Vec::new();
        for socket in Socket::ALL {
            let families: &[Family] = if socket == Socket::Mapped {
                &[Family::Ipv6]
            } else {
                &Family::BOTH
            };
            for &family in families {
                let mut listener = listen(socket, family).with_context(|| {
                    format!("the server can't listen on port {}", socket.port())
                })?;
                let token = Token(FIRST_LISTENER + listeners.len());
                poll.registry()
                    .register(&mut listener, token, Interest::READABLE)?;
                listeners.push((listener, socket));
            }
        }
        Ok(Self {
            poll,
            listeners,
            connections: HashMap::new(),
            next_slow_read: None,
            orders,
            events,
            socket_locker,
        })
    }

    pub(crate) const fn wake_token() -> Token {
        WAKE
    }

    /// Serves until the sender of the orders is gone.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = self
                .next_slow_read
                .map(|next| next.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token().0 {
                    0 => {}
                    token if token < FIRST_CONNECTION => self.accept(token - FIRST_LISTENER)?,
                    token => {
                        if let Some(connection) = self
                            .connections
                            .get_mut(&((token - FIRST_CONNECTION) as u32))
                        {
                            if connection.slow {
                                self.next_slow_read
                                    .get_or_insert_with(|| Instant::now() + SLOW_READ_PAUSE);
                            } else {
                                connection.read_all();
                            }
                        }
                    }
                }
            }
            if self
                .next_slow_read
                .is_some_and(|next| next <= Instant::now())
            {
                let mut more = false;
                for connection in self
                    .connections
                    .values_mut()
                    .filter(|connection| connection.slow)
                {
                    more |= connection.read_once(SLOW_READ_SIZE);
                }
                self.next_slow_read = more.then(|| Instant::now() + SLOW_READ_PAUSE);
            }
            loop {
                match self.orders.try_recv() {
                    Ok(finish) => self.finish(finish)?,
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
                }
            }
        }
    }

    fn accept(&mut self, listener: usize) -> Result<()> {
        loop {
            let (listener, socket) = &self.listeners[listener];
            let (mut stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The connection was reset before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("the server can't accept"),
            };
            let Some(serial) = serial_of(peer) else {
                continue;
            };
            let token = Token(FIRST_CONNECTION + serial as usize);
            self.poll
                .registry()
                .register(&mut stream, token, Interest::READABLE)?;
            let slow = *socket == Socket::Slow;
            let stream = Arc::new(stream);
            self.socket_locker.add(&stream);
            self.connections.insert(
                serial,
                Connection {
                    stream,
                    slow,
                    read: Vec::new(),
                    error: None,
                    ended: false,
                },
            );
        }
    }

    /// Reads the rest, closes the connection with a reset, and reports what was read.
    fn finish(&mut self, Finish { serial, report }: Finish) -> Result<()> {
        for listener in 0..self.listeners.len() {
            self.accept(listener)?;
        }
        let mut outcome = Outcome {
            client: report,
            ..Outcome::default()
        };
        if let Some(mut connection) = self.connections.remove(&serial) {
            connection.read_all();
            // Without lingering, closing leaves nothing behind.
            SockRef::from(&*connection.stream).set_linger(Some(Duration::ZERO))?;
            outcome.read = connection.read;
            outcome.error = connection.error;
        }
        // The receiver is gone when the program ends.
        let _ = self.events.send(Event::Done(serial, outcome));
        Ok(())
    }
}

impl Connection {
    fn read_all(&mut self) {
        while self.read_once(65_536) {}
    }

    /// Calls read(2) once; says whether there may be more.
    fn read_once(&mut self, most: usize) -> bool {
        if self.ended {
            return false;
        }
        let mut buffer = [0; 65_536];
        match (&*self.stream).read(&mut buffer[..most]) {
            Ok(0) => self.ended = true,
            Ok(size) => self.read.extend_from_slice(&buffer[..size]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.error = Some(error.to_string());
                self.ended = true;
            }
        }
        !self.ended
    }
}

/// A listener for one kind of socket. Accepted sockets inherit the options that are set here.
fn listen(kind: Socket, family: Family) -> io::Result<TcpListener> {
    let (domain, address) = match family {
        Family::Ipv4 => (Domain::IPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Family::Ipv6 => (Domain::IPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    let socket = RawSocket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if family == Family::Ipv6 {
        socket.set_only_v6(kind != Socket::Mapped)?;
    }
    match kind {
        Socket::SmallBuffer => socket.set_recv_buffer_size(SMALL_BUFFER)?,
        Socket::Inline => socket.set_out_of_band_inline(true)?,
        Socket::Plain | Socket::Slow | Socket::Mapped => {}
    }
    socket.bind(&SocketAddr::new(address, kind.port()).into())?;
    socket.listen(16_384)?;
    Ok(TcpListener::from_std(socket.into()))
}
