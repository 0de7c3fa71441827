// SPDX-License-Identifier: GPL-2.0

//! The world that the module runs in: sockets, RCU, time, and everybody who runs at the same time.
//!
//! Each thread has one world. A hook and the sweep can be preempted at each [`preemption_point`].
//! The values that they have [`observe`]d so far tell where they are.

mod grace;
mod packet;
mod socket;

use crate::{
    counters::Counter,
    kernel_ext::{
        socket::{Abort, InitialSeq},
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

/// What is there besides the module.
#[derive(Clone, Hash, Default)]
pub(crate) struct World {
    /// Since the system started.
    pub(crate) seconds: u32,
    pub(crate) grace: Grace,
    /// The sweep was asked for.
    pub(crate) is_sweep_due: bool,
    pub(crate) counters: Counters,
    /// What the table of established connections has, a flow each.
    pub(crate) flows: Vec<Established>,
    pub(crate) sockets: Vec<Socket>,
    /// The size to which sockets cut what comes.
    pub(crate) socket_filter: Option<u8>,
}

/// The module's counters, which no decision depends on.
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

/// What a task has read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Segments of the queue that were looked at.
    pub(crate) visited: u32,
    /// Bytes that were copied.
    pub(crate) copied: u32,
}

/// What a flow has in the table of established connections (`inet_ehash`), or will have.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub(crate) enum Established {
    Nothing,
    /// Nothing: SYN cookies are out.
    Cookies,
    /// A request; there is none if it `is_syn_cookie`.
    Request {
        initial_seq: InitialSeq,
        is_syn_cookie: bool,
    },
    Socket(usize),
}

impl World {
    /// What was received of a connection's stream.
    pub(crate) fn stream(&self, flow: usize) -> &[u8] {
        match self.flows[flow] {
            Established::Socket(socket) => &self.sockets[socket].stream,
            _ => &[],
        }
    }

    /// What the table has of a flow.
    pub(crate) fn established(&self, flow: u8) -> Established {
        match self.flows[usize::from(flow)] {
            Established::Cookies => Established::Nothing,
            established => established,
        }
    }

    /// Who will get a packet's data (`hf_tcp_lookup()`).
    pub(crate) fn receiver(&self, packet: &Packet) -> Established {
        if let Some(socket) = packet.demuxed {
            return match self.sockets[socket].is_closed {
                true => Established::Nothing,
                false => Established::Socket(socket),
            };
        }
        match self.flows[usize::from(packet.flow)] {
            // What brings a cookie back begins where its connection does.
            Established::Cookies => {
                let brings =
                    |start: &InitialSeq| (packet.seq, packet.ack) == (start.received, start.sent);
                match [0, 1].map(scenario::start).into_iter().find(brings) {
                    Some(initial_seq) => Established::Request {
                        initial_seq,
                        is_syn_cookie: true,
                    },
                    None => Established::Nothing,
                }
            }
            established => established,
        }
    }

    /// A packet that has passed comes to TCP (`tcp_v4_rcv()`).
    pub(crate) fn receive(&mut self, packet: Packet) {
        if packet.is_corrupt || packet.syn.is_some() {
            return;
        }
        let socket = match self.receiver(&packet) {
            Established::Nothing | Established::Cookies => return,
            Established::Socket(socket) => socket,
            Established::Request { initial_seq, .. } => {
                // tcp_check_req(): its ACK must be that of the SYN-ACK.
                if packet.ack != initial_seq.sent {
                    return;
                }
                self.sockets
                    .push(Socket::new(initial_seq, self.socket_filter));
                let socket = self.sockets.len() - 1;
                self.flows[usize::from(packet.flow)] = Established::Socket(socket);
                socket
            }
        };
        self.sockets[socket].receive(packet);
    }

    /// The module ends a connection (`hf_tcp_abort()`).
    pub(crate) fn abort(&mut self, socket: usize, initial_seq: InitialSeq) -> Abort {
        let ended = &mut self.sockets[socket];
        if ended.is_owned {
            return Abort::Busy;
        }
        if ended.is_closed || ended.initial_seq() != initial_seq {
            return Abort::Closed;
        }
        self.close(socket);
        Abort::Aborted
    }

    /// A connection is over, and its name free.
    pub(crate) fn close(&mut self, socket: usize) {
        self.sockets[socket].close();
        for flow in &mut self.flows {
            if *flow == Established::Socket(socket) {
                *flow = Established::Nothing;
            }
        }
    }
}

/// Copies from `offset` of `data` into `buffer`; returns what was filled.
pub(crate) fn copy<'b>(data: &[u8], offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
    let rest = data.get(offset as usize..).unwrap_or_default();
    let len = rest.len().min(buffer.len());
    buffer[..len].copy_from_slice(&rest[..len]);
    update_running(|running| running.cost.copied += len as u32);
    &buffer[..len]
}

/// What a task waits for at a preemption point.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    /// Nothing: it may go on at once.
    Nothing,
    /// A lock, which holds 0 if it is free.
    Lock(*const Cell<u64>),
    /// The spinlock of a socket.
    Socket(usize),
}

impl Wait {
    /// Whether it is over.
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

/// The task that runs now.
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
}

impl Running {
    /// Somebody on a CPU, if packets keep their order there, who is preempted at each lock or not
    /// at all.
    pub(crate) fn new(cpu: Option<u32>, is_preemptive: bool) -> Self {
        Self {
            yielder: core::ptr::null(),
            cpu,
            is_preemptive,
            observed: 0,
            cost: Cost::default(),
            counter: None,
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

/// The task that runs has begun, on a stack of its own.
pub(crate) fn begin_to_run(yielder: &Yielder<(), Wait>) {
    if let Some(running) = RUNNING.get() {
        RUNNING.set(Some(Running { yielder, ..running }));
    }
}

/// Looks at the world, or changes it.
pub(crate) fn with<R>(look: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(look)
}

/// The value of a counter.
pub(crate) fn counted(counter: Counter) -> u64 {
    with(|world| world.counters.0[counter as usize])
}

/// Sets the work of the thread's only filter.
pub(crate) fn set_work(work: *const dyn Work) {
    WORK.set(Some(work));
}

/// That work.
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

/// Others may run here, until there is nothing left to wait for.
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

/// Changes what is known of the running task.
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
