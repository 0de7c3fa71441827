// SPDX-License-Identifier: GPL-2.0
//! A worker: a thread pinned to a CPU, with a queue of the TUN device of its own. What it writes
//! there goes through the receive path on that CPU before the write returns.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sched::{sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use tun_rs::SyncDevice;

use crate::address::serial_of;
use crate::connection::{Connection, Next};
use crate::engine::Event;
use crate::packet;
use crate::peer_state::PeerStates;
use crate::server::Finish;

const QUEUE: Token = Token(0);
pub(crate) const WAKE: Token = Token(1);
/// How long one of two threads waits for the other at a rendezvous.
const RENDEZVOUS_TIMEOUT: Duration = Duration::from_millis(50);

/// A message to a worker.
pub(crate) enum Message {
    /// Run a connection, or continue it.
    Run(Box<Connection>),
    /// There is a reply on a connection.
    Reply(u32),
    /// Write packets at a rendezvous with another thread.
    Write(Vec<Vec<u8>>, Arc<Rendezvous>),
    /// Continue all held connections.
    Release,
}

/// The queue of messages to a thread.
pub(crate) struct Inbox<T> {
    sender: Sender<T>,
    waker: Waker,
}

impl<T> Inbox<T> {
    pub(crate) fn new(sender: Sender<T>, waker: Waker) -> Self {
        Self { sender, waker }
    }

    /// Sends a message. If the thread has ended, it has reported why by an event.
    pub(crate) fn post(&self, message: T) {
        if self.sender.send(message).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// A point that two threads pass at the same moment.
#[derive(Default)]
pub(crate) struct Rendezvous(AtomicU32);

impl Rendezvous {
    fn pass(&self) {
        let late = Instant::now() + RENDEZVOUS_TIMEOUT;
        self.0.fetch_add(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) < 2 && Instant::now() < late {
            std::hint::spin_loop();
        }
    }
}

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) peer_states: PeerStates,
    pub(crate) workers: Vec<Inbox<Message>>,
    pub(crate) server: Inbox<Finish>,
    /// Locked by the worker that has started a rendezvous: there is one at a time.
    pub(crate) rendezvous: Mutex<()>,
    pub(crate) begin: Instant,
}

/// Sends packets to the server, on this CPU.
pub(crate) struct Wire<'a> {
    device: &'a SyncDevice,
    shared: &'a Shared,
    cpu: usize,
    verbose: bool,
}

impl Wire<'_> {
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        match self.device.send(packet) {
            // The device refuses malformed packets: these are as good as lost.
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sends packets here and on another CPU, at the same moment. Two threads must not wait for
    /// each other: it returns false, and sends nothing, while another rendezvous is under way.
    pub(crate) fn send_together(&self, there: &[Vec<u8>], here: &[Vec<u8>]) -> io::Result<bool> {
        let count = self.shared.workers.len();
        if count == 1 {
            there
                .iter()
                .chain(here)
                .try_for_each(|packet| self.send(packet))?;
            return Ok(true);
        }
        let Ok(_guard) = self.shared.rendezvous.try_lock() else {
            return Ok(false);
        };
        let rendezvous = Arc::new(Rendezvous::default());
        self.shared.workers[(self.cpu + 1) % count]
            .post(Message::Write(there.to_vec(), rendezvous.clone()));
        rendezvous.pass();
        here.iter().try_for_each(|packet| self.send(packet))?;
        Ok(true)
    }

    /// Prints what a connection does, if `verbose`.
    pub(crate) fn trace(&self, serial: u32, what: fmt::Arguments<'_>) {
        if !self.verbose {
            return;
        }
        let time = self.shared.begin.elapsed().as_secs_f64() * 1e3;
        println!(
            "{time:10.3} ms  CPU {}  connection {serial}: {what}",
            self.cpu
        );
    }
}

/// A worker, to be run by a thread of its own.
pub(crate) struct Worker {
    cpu: usize,
    /// All queues; its own is that of its CPU's number.
    queues: Vec<Arc<SyncDevice>>,
    poll: Poll,
    inbox: Receiver<Message>,
    shared: Arc<Shared>,
    events: Sender<Event>,
    connections: HashMap<u32, (Box<Connection>, Option<Instant>)>,
    ready: HashSet<u32>,
    held: HashSet<u32>,
}

impl Worker {
    pub(crate) fn new(
        cpu: usize,
        queues: Vec<Arc<SyncDevice>>,
        poll: Poll,
        inbox: Receiver<Message>,
        shared: Arc<Shared>,
        events: Sender<Event>,
    ) -> Result<Self> {
        poll.registry().register(
            &mut SourceFd(&queues[cpu].as_raw_fd()),
            QUEUE,
            Interest::READABLE,
        )?;
        Ok(Self {
            cpu,
            queues,
            poll,
            inbox,
            shared,
            events,
            connections: HashMap::new(),
            ready: HashSet::new(),
            held: HashSet::new(),
        })
    }

    /// Runs until the program ends.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(self.cpu)?;
        sched_setaffinity(Pid::from_raw(0), &set)
            .with_context(|| format!("no thread can be pinned to CPU {}", self.cpu))?;
        let mut events = Events::with_capacity(16);
        loop {
            while let Ok(message) = self.inbox.try_recv() {
                self.take(message)?;
            }
            self.read_queue(self.cpu)?;
            self.find_due()?;
            // There may be a reply to what a connection has just sent.
            while !self.ready.is_empty() {
                for serial in std::mem::take(&mut self.ready) {
                    self.advance(serial)?;
                }
                self.read_queue(self.cpu)?;
            }
            let deadline = self
                .connections
                .values()
                .filter_map(|(_, deadline)| *deadline)
                .min();
            let timeout =
                deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Run(connection) => {
                self.ready.insert(connection.serial);
                self.connections
                    .insert(connection.serial, (connection, None));
            }
            Message::Reply(serial) => {
                self.ready.insert(serial);
            }
            Message::Write(packets, rendezvous) => {
                let wire = self.wire(false);
                rendezvous.pass();
                packets
                    .iter()
                    .try_for_each(|packet| wire.send(packet))
                    .context("a packet can't be written")?;
            }
            Message::Release => self.ready.extend(self.held.drain()),
        }
        Ok(())
    }

    /// Continues the connections whose deadline has passed.
    fn find_due(&mut self) -> Result<()> {
        let now = Instant::now();
        let due = self
            .connections
            .iter()
            .filter(|(_, (_, deadline))| deadline.is_some_and(|deadline| deadline <= now));
        let due: Vec<u32> = due.map(|(&serial, _)| serial).collect();
        if !due.is_empty() {
            // The reply may be in the queue of a thread that does not get to run.
            (0..self.queues.len()).try_for_each(|queue| self.read_queue(queue))?;
            self.ready.extend(due);
        }
        Ok(())
    }

    /// Reads the packets that the server's kernel has sent to a queue.
    fn read_queue(&mut self, queue: usize) -> Result<()> {
        let mut buffer = [0; 10_000];
        loop {
            let size = match self.queues[queue].recv(&mut buffer) {
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the TUN device can't be read"),
            };
            let Some(reply) = packet::parse(&buffer[..size]) else {
                continue;
            };
            let Some(serial) = serial_of(reply.client) else {
                continue;
            };
            match self.shared.peer_states.update(serial, &reply) {
                Some(worker) if worker == self.cpu => {
                    self.ready.insert(serial);
                }
                Some(worker) => self.shared.workers[worker].post(Message::Reply(serial)),
                None => {}
            }
        }
    }

    /// Continues a connection, if it is this worker's.
    fn advance(&mut self, serial: u32) -> Result<()> {
        if self.held.contains(&serial) {
            return Ok(());
        }
        let Some((mut connection, _)) = self.connections.remove(&serial) else {
            return Ok(());
        };
        let peer = self.shared.peer_states.get(serial);
        let next = connection
            .advance(&peer, &self.wire(connection.verbose))
            .context("a packet can't be written")?;
        match next {
            Next::Wait(deadline) => {
                self.connections
                    .insert(serial, (connection, Some(deadline)));
            }
            Next::Move(cpu) => {
                let worker = cpu % self.shared.workers.len();
                self.shared.peer_states.set_worker(serial, worker);
                self.shared.workers[worker].post(Message::Run(connection));
            }
            Next::Hold => {
                self.held.insert(serial);
                self.connections.insert(serial, (connection, None));
                // The receiver is gone when the program ends.
                let _ = self.events.send(Event::Held);
            }
            Next::Over => {
                self.shared.server.post(Finish {
                    serial,
                    report: connection.report,
                });
            }
        }
        Ok(())
    }

    fn wire(&self, verbose: bool) -> Wire<'_> {
        Wire {
            device: &self.queues[self.cpu],
            shared: &self.shared,
            cpu: self.cpu,
            verbose,
        }
    }
}
