// SPDX-License-Identifier: GPL-2.0

//! Sockets, as the module's `socket.rs` shows them.

use super::{cgroup::Cgroup, packet::Segment, rcu::ReadSection};
use crate::{
    scenario::PORT,
    world::{self, observe, preemption_point, with, Established, SocketState, Wait},
};
use core::{
    marker::PhantomData,
    net::{Ipv4Addr, SocketAddr},
};

/// One direction of a connection.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Flow {
    number: u32,
    device: u32,
}

impl Flow {
    pub(crate) const NONE: Self = Self {
        number: 0,
        device: 0,
    };

    pub(super) fn new(packet: &world::Packet) -> Self {
        let device = u32::from(packet.is_on_other_device);
        Self {
            // That of no flow is free.
            number: u32::from(packet.flow) - device + 1,
            device,
        }
    }

    pub(crate) fn identity(&self) -> [u64; 6] {
        [self.number.into(), 0, 0, 0, 0, 0]
    }

    pub(crate) fn look_up_socket(&self) -> SocketLookup<'static> {
        preemption_point(Wait::Nothing);
        let flow = self.number - 1 + self.device;
        match with(|world| world.established(flow as u8)) {
            Established::Socket(socket) => SocketLookup::Socket(Socket::new(observe(socket))),
            _ => SocketLookup::NoSocket,
        }
    }

    pub(crate) fn source(&self) -> SocketAddr {
        (Ipv4Addr::new(192, 0, 2, 7), 50000).into()
    }

    /// The flow tells the port.
    pub(crate) fn destination(&self) -> SocketAddr {
        let flow = self.number - 1 + self.device;
        (Ipv4Addr::new(192, 0, 2, 1), PORT + flow as u16).into()
    }

    pub(crate) fn is_on(&self, device: &[u8], _: ReadSection<'_>) -> bool {
        device == b"eth0"
    }

    pub(crate) fn netns(&self, _: ReadSection<'_>) -> Option<u32> {
        None
    }

    pub(crate) fn cgroup<'a>(&self, _: ReadSection<'a>) -> Option<Cgroup<'a>> {
        None
    }

    pub(crate) fn has_device_of(&self, other: &Self) -> bool {
        self.device == other.device
    }
}

pub(crate) fn initial_netns() -> u32 {
    4026531840
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

/// Sequence numbers of the first bytes that a connection's end receives and sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FirstSeq {
    pub(crate) received: u32,
    pub(crate) sent: u32,
}

/// Who will get the data of a segment.
#[allow(dead_code)]
pub(crate) enum SocketLookup<'a> {
    NoSocket,
    SynSent,
    Request(Request<'a>),
    RequestGone,
    OtherFlow,
    Socket(Socket<'a>),
}

impl SocketLookup<'_> {
    pub(super) fn of(packet: &world::Packet) -> Self {
        preemption_point(Wait::Nothing);
        match observe(with(|world| world.receiver(packet))) {
            Established::Nothing | Established::Cookies => Self::NoSocket,
            Established::Request {
                first_seq,
                is_syn_cookie,
            } => Self::Request(Request {
                flow: packet.flow,
                first_seq,
                is_syn_cookie,
                _lives: PhantomData,
            }),
            Established::Socket(socket) => Self::Socket(Socket::new(socket)),
        }
    }
}

/// A request for a connection.
pub(crate) struct Request<'a> {
    flow: u8,
    first_seq: FirstSeq,
    is_syn_cookie: bool,
    _lives: PhantomData<&'a ()>,
}

impl Request<'_> {
    pub(crate) fn first_seq(&self) -> FirstSeq {
        self.first_seq
    }

    pub(crate) fn is_syn_cookie(&self) -> bool {
        self.is_syn_cookie
    }

    pub(crate) fn accepts(&self, segment: &Segment<'_>, is_certain: bool) -> Acceptable {
        if segment.packet().ack != self.first_seq.sent {
            return Acceptable::No;
        }
        let has_filter = observe(with(|world| world.socket_filter.is_some()));
        match is_certain && !self.is_syn_cookie && !has_filter {
            true => Acceptable::Yes,
            false => Acceptable::Unknown,
        }
    }

    pub(crate) fn reset(&self, _: &Segment<'_>) -> bool {
        preemption_point(Wait::Nothing);
        if !self.is_syn_cookie {
            with(|world| world.remove_request(self.flow, self.first_seq));
        }
        !self.is_syn_cookie
    }
}

/// A TCP socket.
pub(crate) struct Socket<'a> {
    number: usize,
    _lives: PhantomData<&'a ()>,
}

impl Socket<'_> {
    fn new(number: usize) -> Self {
        Self {
            number,
            _lives: PhantomData,
        }
    }

    pub(crate) fn received(&self) -> u64 {
        observe(with(|world| world.sockets[self.number].received()))
    }

    pub(crate) fn first_seq(&self) -> FirstSeq {
        observe(with(|world| world.sockets[self.number].first_seq()))
    }

    /// While it receives something, its stream may seem to begin behind that: here it always does.
    pub(crate) fn begins_at(&self, seq: u32) -> bool {
        let begins = |world: &mut world::World| {
            let socket = &world.sockets[self.number];
            let state = socket.state();
            socket.rcv_nxt == seq && state.urgent.is_none() && !state.has_filter
        };
        observe(with(begins))
    }

    pub(crate) fn lock(&self) -> LockedSocket<'_> {
        preemption_point(Wait::Socket(self.number));
        let state = with(|world| {
            let socket = &mut world.sockets[self.number];
            assert!(!core::mem::replace(&mut socket.is_locked, true));
            socket.state()
        });
        LockedSocket {
            number: self.number,
            state: observe(state),
            _lives: PhantomData,
        }
    }
}

/// The outcome of [`Socket::abort`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Abort {
    Busy,
    Closed,
    Aborted,
}

impl Socket<'_> {
    pub(crate) fn abort(&self, first_seq: FirstSeq) -> Abort {
        preemption_point(Wait::Socket(self.number));
        observe(with(|world| world.abort(self.number, first_seq)))
    }
}

/// Whether TCP would take a segment's data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Acceptable {
    No,
    Unknown,
    Yes,
}

/// A socket that is locked, and where it stood when it was.
pub(crate) struct LockedSocket<'a> {
    number: usize,
    state: SocketState,
    _lives: PhantomData<&'a ()>,
}

impl LockedSocket<'_> {
    pub(crate) fn is(&self, socket: &Socket<'_>) -> bool {
        self.number == socket.number
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.state.is_owned
    }

    pub(crate) fn has_backlog(&self) -> bool {
        self.state.has_backlog
    }

    pub(crate) fn backlog_may_have_data(&self) -> bool {
        self.state.backlog_may_have_data
    }

    pub(crate) fn received(&self) -> u64 {
        self.state.received
    }

    pub(crate) fn first_seq(&self) -> FirstSeq {
        self.state.first_seq
    }

    pub(crate) fn is_first_seq_exact(&self) -> bool {
        self.state.is_first_seq_exact
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.is_done
    }

    pub(crate) fn has_filter(&self) -> bool {
        self.state.has_filter
    }

    pub(crate) fn accepts(&self, segment: &Segment<'_>, is_certain: bool) -> Acceptable {
        observe(with(|world| {
            world.sockets[self.number].accepts(segment.packet(), is_certain)
        }))
    }

    pub(crate) fn has_ofo_queue(&self) -> bool {
        self.state.has_ofo_queue
    }

    pub(crate) fn urgent(&self) -> Option<u32> {
        self.state.urgent
    }

    pub(crate) fn ofo_queue(&self) -> Option<OfoQueue<'_>> {
        if self.is_owned() {
            return None;
        }
        Some(OfoQueue {
            socket: self.number,
            index: 0,
            _locked: PhantomData,
        })
    }
}

impl Drop for LockedSocket<'_> {
    fn drop(&mut self) {
        with(|world| world.sockets[self.number].is_locked = false);
    }
}

/// Runs through an out-of-order queue.
pub(crate) struct OfoQueue<'a> {
    socket: usize,
    index: usize,
    _locked: PhantomData<&'a ()>,
}

impl<'a> Iterator for OfoQueue<'a> {
    type Item = OfoSegment<'a>;

    fn next(&mut self) -> Option<OfoSegment<'a>> {
        let next = with(|world| world.sockets[self.socket].queue.get(self.index).copied());
        world::update_running(|running| running.cost.visited += u32::from(next.is_some()));
        let segment = observe(next)?;
        self.index += 1;
        Some(OfoSegment {
            segment,
            _locked: PhantomData,
        })
    }
}

/// A segment in an out-of-order queue.
pub(crate) struct OfoSegment<'a> {
    segment: world::Queued,
    _locked: PhantomData<&'a ()>,
}

impl OfoSegment<'_> {
    pub(crate) fn seq(&self) -> u32 {
        self.segment.seq
    }

    pub(crate) fn len(&self) -> u32 {
        self.segment.len()
    }

    pub(crate) fn read(&self, offset: u32, consume: impl FnMut(&[u8]) -> bool) -> bool {
        world::read(self.segment.data(), offset, consume)
    }
}
