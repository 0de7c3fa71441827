// SPDX-License-Identifier: GPL-2.0

//! Sockets, as the module's `socket.rs` shows them.

use super::packet::Segment;
use crate::world::{self, give_way, observe, with, Established, Position, Wait};
use core::marker::PhantomData;

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
        let device = u32::from(packet.is_twins);
        Self {
            // That of no flow is free.
            number: u32::from(packet.flow) - device + 1,
            device,
        }
    }

    pub(crate) fn identity(&self) -> [u64; 6] {
        [self.number.into(), 0, 0, 0, 0, 0]
    }

    pub(crate) fn receiver(&self) -> Receiver<'static> {
        give_way(Wait::Nothing);
        let flow = self.number - 1 + self.device;
        match with(|world| world.established(flow as u8)) {
            Established::Socket(socket) => Receiver::Socket(Socket::new(observe(socket))),
            _ => Receiver::Nobody,
        }
    }

    pub(crate) fn is_by_device_of(&self, other: &Self) -> bool {
        self.device == other.device
    }
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

/// Sequence numbers of the first bytes that a connection's end receives and sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Start {
    pub(crate) received: u32,
    pub(crate) sent: u32,
}

/// Who will get the data of a segment.
#[allow(dead_code)]
pub(crate) enum Receiver<'a> {
    Nobody,
    Connecting,
    Request(Request<'a>),
    Socket(Socket<'a>),
}

impl Receiver<'_> {
    pub(super) fn of(packet: &world::Packet) -> Self {
        give_way(Wait::Nothing);
        match observe(with(|world| world.receiver(packet))) {
            Established::Nothing | Established::Cookies => Self::Nobody,
            Established::Request { start, is_cookie } => Self::Request(Request {
                start,
                is_cookie,
                _lives: PhantomData,
            }),
            Established::Socket(socket) => Self::Socket(Socket::new(socket)),
        }
    }
}

/// A request for a connection.
pub(crate) struct Request<'a> {
    start: Start,
    is_cookie: bool,
    _lives: PhantomData<&'a ()>,
}

impl Request<'_> {
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    pub(crate) fn is_cookie(&self) -> bool {
        self.is_cookie
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

    pub(crate) fn start(&self) -> Start {
        observe(with(|world| world.sockets[self.number].start()))
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        give_way(Wait::Socket(self.number));
        let position = with(|world| {
            let socket = &mut world.sockets[self.number];
            assert!(!core::mem::replace(&mut socket.is_locked, true));
            socket.position()
        });
        Locked {
            number: self.number,
            position: observe(position),
            _lives: PhantomData,
        }
    }
}

/// How [`Socket::end`] went.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    Busy,
    Over,
    Ended,
}

impl Socket<'static> {
    pub(crate) fn end(&self, start: Start) -> Ending {
        give_way(Wait::Socket(self.number));
        observe(with(|world| world.end(self.number, start)))
    }
}

/// Whether TCP would take a segment's data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Takes {
    No,
    Unknown,
    Yes,
}

/// A socket that is locked, and where it stood when it was.
pub(crate) struct Locked<'a> {
    number: usize,
    position: Position,
    _lives: PhantomData<&'a ()>,
}

impl Locked<'_> {
    pub(crate) fn is(&self, socket: &Socket<'_>) -> bool {
        self.number == socket.number
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.position.is_owned
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.position.is_pending
    }

    pub(crate) fn is_data_pending(&self) -> bool {
        self.position.is_data_pending
    }

    pub(crate) fn received(&self) -> u64 {
        self.position.received
    }

    pub(crate) fn start(&self) -> Start {
        self.position.start
    }

    pub(crate) fn is_start_exact(&self) -> bool {
        self.position.is_exact
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.position.is_finished
    }

    pub(crate) fn is_filtered(&self) -> bool {
        self.position.is_filtered
    }

    pub(crate) fn takes(&self, segment: &Segment<'_>, is_certain: bool) -> Takes {
        observe(with(|world| {
            world.sockets[self.number].takes(segment.packet(), is_certain)
        }))
    }

    pub(crate) fn has_queue(&self) -> bool {
        self.position.has_queue
    }

    pub(crate) fn urgent(&self) -> Option<u32> {
        self.position.urgent
    }

    pub(crate) fn queue(&self) -> Option<Queue<'_>> {
        if self.is_owned() {
            return None;
        }
        Some(Queue {
            socket: self.number,
            index: 0,
            _locked: PhantomData,
        })
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        with(|world| world.sockets[self.number].is_locked = false);
    }
}

/// Runs through an out-of-order queue.
pub(crate) struct Queue<'a> {
    socket: usize,
    index: usize,
    _locked: PhantomData<&'a ()>,
}

impl<'a> Iterator for Queue<'a> {
    type Item = Queued<'a>;

    fn next(&mut self) -> Option<Queued<'a>> {
        let next = with(|world| {
            let next = world.sockets[self.socket].queue.get(self.index).copied();
            world.cost.visited += u32::from(next.is_some());
            next
        });
        let segment = observe(next)?;
        self.index += 1;
        Some(Queued {
            segment,
            _locked: PhantomData,
        })
    }
}

/// A segment in an out-of-order queue.
pub(crate) struct Queued<'a> {
    segment: world::Queued,
    _locked: PhantomData<&'a ()>,
}

impl Queued<'_> {
    pub(crate) fn seq(&self) -> u32 {
        self.segment.seq
    }

    pub(crate) fn len(&self) -> u32 {
        self.segment.len()
    }

    pub(crate) fn data<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
        world::copy(self.segment.data(), offset, buffer)
    }
}

/// The CPU on which packets keep their order.
pub(crate) fn serial_cpu() -> Option<u32> {
    observe(crate::world::current_cpu())
}
