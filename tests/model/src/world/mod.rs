// SPDX-License-Identifier: GPL-2.0

//! What the module runs in: sockets, RCU, time, and all tasks that run at the same time.
//!
//! Each thread has one world. A hook and the sweep can be preempted at each [`preemption_point`].
//! The values that a task has [`observe`]d so far determine its state.

mod grace;
mod packet;
mod socket;

use crate::{
    counters::Counter,
    kernel_ext::{
        socket::{Abort, FirstSeq},
        work::Work,
    },
    scenario,
};
use core::{
    cell::{Cell, RefCell},
    hash::{BuildHasher, Hash, Hasher},
};
use corosensei::Yielder;

pub(crate) use grace::Grace;
pub(crate) use packet::Packet;
pub(crate) use socket::{Queued, Socket, SocketState};

/// Everything besides the module.
#[derive(Clone, Hash, Default)]
pub(crate) struct World {
    /// Since the system started.
    pub(crate) seconds: u32,
    pub(crate) grace: Grace,
    /// Whether the sweep is scheduled.
    pub(crate) is_sweep_due: bool,
    pub(crate) counters: Counters,
    /// The table of established connections: its entry for each flow.
    pub(crate) flows: Vec<Established>,
    pub(crate) sockets: Vec<Socket>,
    /// The length to which a socket filter trims segments.
    pub(crate) socket_filter: Option<u8>,
}

/// The module's counters. They are not hashed: no decision depends on them.
#[derive(Clone)]
pub(crate) struct Counters(pub(crate) [u64; crate::kernel_ext::percpu_counter::COUNTERS]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; crate::kernel_ext::percpu_counter::COUNTERS])
    }
}

impl Hash for Counters {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The work that a task has done.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Segments of the queue that it visited.
    pub(crate) visited: u32,
    /// Bytes that it copied.
    pub(crate) copied: u32,
}

/// The entry of a flow in the table of established connections (`inet_ehash`).
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub(crate) enum Established {
    Nothing,
    /// None, but SYN cookies were sent.
    Cookies,
    /// A request socket; with `is_syn_cookie`, one that is made from a SYN cookie.
    Request {
        first_seq: FirstSeq,
        is_syn_cookie: bool,
    },
    Socket(usize),
}

impl World {
    /// The part of a connection's stream that was received.
    pub(crate) fn stream(&self, flow: usize) -> &[u8] {
        match self.flows[flow] {
            Established::Socket(socket) => &self.sockets[socket].stream,
            _ => &[],
        }
    }

    /// What a lookup in the table finds.
    pub(crate) fn established(&self, flow: u8) -> Established {
        match self.flows[usize::from(flow)] {
            Established::Cookies => Established::Nothing,
            established => established,
        }
    }

    /// The socket that will receive a packet's data (`hf_tcp_lookup()`).
    pub(crate) fn receiver(&self, packet: &Packet) -> Established {
        if let Some(socket) = packet.demuxed {
            return match self.sockets[socket].is_closed {
                true => Established::Nothing,
                false => Established::Socket(socket),
            };
        }
        match self.flows[usize::from(packet.flow)] {
            // A segment that brings a cookie back has its connection's initial sequence numbers.
            Established::Cookies => {
                let brings_back =
                    |start: &FirstSeq| (packet.seq, packet.ack) == (start.received, start.sent);
                match [0, 1].map(scenario::start).into_iter().find(brings_back) {
                    Some(first_seq) => Established::Request {
                        first_seq,
                        is_syn_cookie: true,
                    },
                    None => Established::Nothing,
                }
            }
            established => established,
        }
    }

    /// How many bytes are in the out-of-order queue of a packet's socket.
    pub(crate) fn queued(&self, packet: &Packet) -> u32 {
        match self.receiver(packet) {
            Established::Socket(socket) => self.sockets[socket].queue.iter().map(Queued::len).sum(),
            _ => 0,
        }
    }

    /// TCP receives a packet that has passed (`tcp_v4_rcv()`).
    pub(crate) fn receive(&mut self, packet: Packet) {
        if packet.is_corrupt || packet.syn.is_some() {
            return;
        }
        let socket = match self.receiver(&packet) {
            Established::Nothing | Established::Cookies => return,
            Established::Socket(socket) => socket,
            Established::Request { first_seq, .. } => {
                // tcp_check_req(): it must acknowledge the SYN-ACK.
                if packet.ack != first_seq.sent {
                    return;
                }
                self.sockets
                    .push(Socket::new(first_seq, self.socket_filter));
                let socket = self.sockets.len() - 1;
                self.flows[usize::from(packet.flow)] = Established::Socket(socket);
                socket
            }
        };
        self.sockets[socket].receive(packet);
    }

    /// The module aborts a connection (`hf_tcp_abort()`).
    pub(crate) fn abort(&mut self, socket: usize, first_seq: FirstSeq) -> Abort {
        let ended = &mut self.sockets[socket];
        if ended.is_owned {
            return Abort::Busy;
        }
        if ended.is_closed || ended.first_seq() != first_seq {
            return Abort::Closed;
        }
        self.close(socket);
        Abort::Aborted
    }

    /// The module removes a request, if its socket was not created meanwhile (`hf_tcp_request_reset()`).
    pub(crate) fn remove_request(&mut self, flow: u8, first_seq: FirstSeq) {
        let request = Established::Request {
            first_seq,
            is_syn_cookie: false,
        };
        let established = &mut self.flows[usize::from(flow)];
        if *established == request {
            *established = Established::Nothing;
        }
    }

    /// Ends a connection, and frees its addresses and ports.
    pub(crate) fn close(&mut self, socket: usize) {
        self.sockets[socket].close();
        for flow in &mut self.flows {
            if *flow == Established::Socket(socket) {
                *flow = Established::Nothing;
            }
        }
    }
}

/// Passes `data` from `offset` on to `consume` in pieces of a size as of `hf_skb_read()`, and counts them.
pub(crate) fn read(data: &[u8], offset: u32, mut consume: impl FnMut(&[u8]) -> bool) -> bool {
    let rest = data.get(offset as usize..).unwrap_or_default();
    let (first, rest) = rest.split_at(rest.len().min(32));
    let pieces = core::iter::once(first).chain(rest.chunks(512));
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        update_running(|running| running.cost.copied += piece.len() as u32);
        if !consume(piece) {
            return false;
        }
    }
    true
}

/// What a preempted task waits for.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    /// Nothing: it may continue at once.
    Nothing,
    /// A lock, which holds 0 if it is free.
    Lock(*const Cell<u64>),
    /// The spinlock of a socket.
    Socket(usize),
}

impl Wait {
    /// Whether the task may continue.
    pub(crate) fn is_over(self) -> bool {
        match self {
            Self::Nothing => true,
            // SAFETY: Locks live as long as their thread.
            Self::Lock(lock) => unsafe { (*lock).get() == 0 },
            Self::Socket(socket) => with(|world| !world.sockets[socket].is_locked),
        }
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
    static WORK: Cell<Option<*const dyn Work>> = const { Cell::new(None) };
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

/// What is known of a task.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    yielder: *const Yielder<(), Wait>,
    cpu: Option<u32>,
    pub(crate) is_preemptive: bool,
    /// A hash of what it has observed.
    pub(crate) observed: u64,
    pub(crate) cost: Cost,
    /// The counter that it has increased last.
    pub(crate) counter: Option<usize>,
    /// How many locks it holds that turn bottom halves off.
    pub(crate) locks: u32,
}

impl Running {
    /// A task on a CPU, or on none if that does not keep its packets in order.
    pub(crate) fn new(cpu: Option<u32>, is_preemptive: bool) -> Self {
        Self {
            yielder: core::ptr::null(),
            cpu,
            is_preemptive,
            observed: 0,
            cost: Cost::default(),
            counter: None,
            locks: 0,
        }
    }

    /// Records a value that it has observed.
    pub(crate) fn observe(&mut self, value: impl Hash) {
        let mut hasher = hasher();
        self.observed.hash(&mut hasher);
        value.hash(&mut hasher);
        self.observed = hasher.finish();
    }
}

/// Tells how the task that has just begun can be suspended.
pub(crate) fn begin_to_run(yielder: &Yielder<(), Wait>) {
    if let Some(running) = RUNNING.get() {
        RUNNING.set(Some(Running { yielder, ..running }));
    }
}

/// Reads or changes the world.
pub(crate) fn with<R>(look: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(look)
}

/// The value of a counter.
pub(crate) fn counted(counter: Counter) -> u64 {
    with(|world| world.counters.0[counter as usize])
}

/// Sets the work item of the thread's filter, its sweep.
pub(crate) fn set_work(work: *const dyn Work) {
    WORK.set(Some(work));
}

/// That work item.
pub(crate) fn work() -> Option<*const dyn Work> {
    WORK.get()
}

/// Sets the task that runs, and returns the one that did.
pub(crate) fn set_running(running: Option<Running>) -> Option<Running> {
    RUNNING.replace(running)
}

/// The task that runs.
pub(crate) fn running() -> Option<Running> {
    RUNNING.get()
}

/// The CPU of the task that runs, if it is a softirq.
pub(crate) fn current_cpu() -> Option<u32> {
    RUNNING.get()?.cpu
}

/// Suspends the running task, if it is preemptive, until `wait` is over.
pub(crate) fn preemption_point(wait: Wait) {
    if let Some(running) = RUNNING.get().filter(|running| running.is_preemptive) {
        // SAFETY: It lives as long as the stack on which this runs.
        unsafe { (*running.yielder).suspend(wait) };
    }
    assert!(wait.is_over(), "a lock is taken that is held");
}

/// A hash that is the same in all threads and runs.
pub(crate) fn hasher() -> impl Hasher {
    ahash::RandomState::with_seeds(1, 2, 3, 4).build_hasher()
}

/// Records a value that the running task has observed, and returns it.
pub(crate) fn observe<T: Hash>(value: T) -> T {
    update_running(|running| running.observe(&value));
    value
}

/// Updates what is known of the running task.
pub(crate) fn update_running(update: impl FnOnce(&mut Running)) {
    if let Some(mut running) = RUNNING.get() {
        update(&mut running);
        RUNNING.set(Some(running));
    }
}

/// A hash of all that locks protect.
pub(crate) fn shared_state() -> u64 {
    let mut hasher = hasher();
    kernel::undo_log::hash(&mut hasher);
    hasher.finish()
}
