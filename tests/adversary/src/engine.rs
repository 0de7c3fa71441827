// SPDX-License-Identifier: GPL-2.0
//! Runs plans: many connections at once, on all workers, against the server.

use std::collections::HashMap;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use mio::{Poll, Waker};
use tun_rs::SyncDevice;

use crate::connection::Connection;
use crate::namespace::{Environment, Namespace};
use crate::oracle::Outcome;
use crate::peer_state::{PeerStates, CAPACITY};
use crate::plan::Plan;
use crate::server::Server;
use crate::socket_locker::SocketLocker;
use crate::worker::{Inbox, Message, Shared, Worker, WAKE};

/// If no connection ends for so long, the program or the kernel is at fault.
const STALL: Duration = Duration::from_secs(120);

/// What the threads report.
pub(crate) enum Event {
    /// A connection's outcome.
    Done(u32, Outcome),
    /// A connection is held.
    Held,
    /// A thread has failed.
    Failed(anyhow::Error),
}

/// The threads, and the device of their namespace.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    events: Receiver<Event>,
    socket_locker: Arc<SocketLocker>,
    /// Any queue, to change the device's settings with.
    device: Arc<SyncDevice>,
    environment: Option<Environment>,
    next_serial: u32,
}

impl Engine {
    /// Makes the namespace and starts the threads, workers on up to so many CPUs.
    pub(crate) fn start(cpus: usize) -> Result<Self> {
        let namespace = Namespace::enter()?;
        let cpus = cpus.min(thread::available_parallelism()?.get());
        let (event_sender, events) = channel();
        let socket_locker = SocketLocker::start();

        let server_poll = Poll::new()?;
        let (finish_sender, orders) = channel();
        let server_waker = Waker::new(server_poll.registry(), Server::wake_token())?;
        let server = Server::new(
            server_poll,
            orders,
            event_sender.clone(),
            socket_locker.clone(),
        )?;

        let mut workers = Vec::new();
        let mut inboxes = Vec::new();
        let queues = namespace.queues(cpus)?;
        let device = queues[0].clone();
        for cpu in 0..queues.len() {
            let poll = Poll::new()?;
            let (sender, inbox) = channel();
            inboxes.push(Inbox::new(sender, Waker::new(poll.registry(), WAKE)?));
            workers.push((cpu, queues.clone(), poll, inbox));
        }
        let shared = Arc::new(Shared {
            peer_states: PeerStates::new(),
            workers: inboxes,
            server: Inbox::new(finish_sender, server_waker),
            rendezvous: Mutex::default(),
            begin: Instant::now(),
        });
        spawn(event_sender.clone(), move || server.run());
        for (cpu, queues, poll, inbox) in workers {
            let worker = Worker::new(
                cpu,
                queues,
                poll,
                inbox,
                shared.clone(),
                event_sender.clone(),
            )?;
            spawn(event_sender.clone(), move || worker.run());
        }
        Ok(Self {
            shared,
            events,
            socket_locker,
            device,
            environment: None,
            next_serial: 1,
        })
    }

    /// Changes the namespace's settings; no connection should be under way.
    pub(crate) fn set_environment(&mut self, environment: &Environment) -> Result<()> {
        if self.environment != Some(*environment) {
            environment.apply(&self.device)?;
            self.environment = Some(*environment);
        }
        Ok(())
    }

    /// Switches the locking of the server's sockets on or off.
    pub(crate) fn lock_sockets(&self, on: bool) {
        self.socket_locker.switch(on);
    }

    /// Runs plans, up to `concurrency` at once, and calls `outcome` for each with its key. Starts
    /// no new plan once `outcome` has returned false.
    pub(crate) fn run<K>(
        &mut self,
        plans: impl IntoIterator<Item = (K, Arc<Plan>)>,
        concurrency: usize,
        mut outcome: impl FnMut(K, Arc<Plan>, Outcome) -> bool,
    ) -> Result<()> {
        let mut plans = plans.into_iter();
        let mut running = HashMap::new();
        let mut more = true;
        loop {
            while more && running.len() < concurrency.min(CAPACITY / 2) {
                let Some((key, plan)) = plans.next() else {
                    more = false;
                    break;
                };
                running.insert(self.begin(plan.clone(), false), (key, plan));
            }
            if running.is_empty() {
                return Ok(());
            }
            if let Event::Done(serial, result) = self.event()? {
                if let Some((key, plan)) = running.remove(&serial) {
                    more &= outcome(key, plan, result);
                }
            }
        }
    }

    /// Runs one plan; prints what it sends if `verbose`.
    pub(crate) fn run_one(&mut self, plan: &Plan, verbose: bool) -> Result<Outcome> {
        let serial = self.begin(Arc::new(plan.clone()), verbose);
        loop {
            if let Event::Done(done, outcome) = self.event()? {
                if done == serial {
                    return Ok(outcome);
                }
            }
        }
    }

    /// Runs plans that hold their connections open, all at once; returns how many are held.
    pub(crate) fn hold(&mut self, plans: impl IntoIterator<Item = Plan>) -> Result<usize> {
        let plans: Vec<Plan> = plans.into_iter().collect();
        let open = plans.len();
        if open > CAPACITY / 2 {
            bail!("at most {} connections can be held", CAPACITY / 2);
        }
        let (mut held, mut lost) = (0, 0);
        for plan in plans {
            self.begin(Arc::new(plan), false);
        }
        while held + lost < open {
            match self.event()? {
                Event::Held => held += 1,
                Event::Done(..) => lost += 1,
                Event::Failed(_) => {}
            }
        }
        Ok(held)
    }

    /// Continues all held connections, and waits until they have ended.
    pub(crate) fn release(&mut self, held: usize) -> Result<()> {
        for worker in &self.shared.workers {
            worker.post(Message::Release);
        }
        let mut ended = 0;
        while ended < held {
            if let Event::Done(..) = self.event()? {
                ended += 1;
            }
        }
        Ok(())
    }

    fn begin(&mut self, plan: Arc<Plan>, verbose: bool) -> u32 {
        let serial = self.next_serial;
        self.next_serial += 1;
        let worker = serial as usize % self.shared.workers.len();
        let connection = Box::new(Connection::new(serial, plan, worker, verbose));
        self.shared
            .peer_states
            .open(serial, worker, connection.initial());
        self.shared.workers[worker].post(Message::Run(connection));
        serial
    }

    fn event(&self) -> Result<Event> {
        match self.events.recv_timeout(STALL) {
            Ok(Event::Failed(error)) => Err(error),
            Ok(event) => Ok(event),
            Err(RecvTimeoutError::Timeout) => {
                bail!("no connection has ended for {} s", STALL.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("all threads have ended"),
        }
    }
}

/// Starts a thread whose failure ends the run.
fn spawn(events: Sender<Event>, body: impl FnOnce() -> Result<()> + Send + 'static) {
    thread::spawn(move || {
        if let Err(error) = body().context("a thread has failed") {
            // The receiver is gone when the program ends.
            let _ = events.send(Event::Failed(error));
        }
    });
}
