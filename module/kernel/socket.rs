// SPDX-License-Identifier: GPL-2.0

//! The TCP socket that will receive a segment: the only authority on where its stream begins, how
//! much of it was received, and what waits for a gap to be filled.
//!
//! C headers: [`include/linux/tcp.h`](srctree/include/linux/tcp.h),
//! [`include/net/inet_hashtables.h`](srctree/include/net/inet_hashtables.h)

use super::{bindings, packet::Segment};
use core::{ffi::c_void, marker::PhantomData};
use kernel::ffi::c_int;

/// One direction of a connection: namespace, addresses and ports, and how to look up its socket.
#[derive(Clone, Copy)]
pub(crate) struct Flow(pub(super) bindings::hf_flow);

impl Flow {
    /// No connection's.
    pub(crate) const NONE: Self = Self(bindings::hf_flow {
        net_cookie: 0,
        saddr: [0; 4],
        daddr: [0; 4],
        sport: 0,
        dport: 0,
        iif: 0,
        sdif: 0,
        pf: 0,
    });

    /// Its identity, packed: the same for all segments of a connection's direction, whatever device
    /// they came by, and no other's while it lives.
    pub(crate) fn identity(&self) -> [u64; 6] {
        let pair = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
        let [s0, s1, s2, s3] = self.0.saddr;
        let [d0, d1, d2, d3] = self.0.daddr;
        [
            // Cookies count from 0; the address family goes into the highest bits.
            self.0.net_cookie ^ (u64::from(self.0.pf) << 56),
            pair(s0, s1),
            pair(s2, s3),
            pair(d0, d1),
            pair(d2, d3),
            pair(self.0.sport.into(), self.0.dport.into()),
        ]
    }

    /// The receiver of what would come now. Process context, or with bottom halves off. `None` if
    /// its namespace is gone, too.
    pub(crate) fn receiver(&self) -> Receiver<'static> {
        let mut socket = bindings::hf_socket::default();
        let mut start = bindings::hf_start::default();
        // SAFETY: The out-parameters are valid for writes.
        let kind = unsafe { bindings::hf_tcp_find_again(&self.0, &mut socket, &mut start) };
        // SAFETY: The function returned them together; it takes a reference if it finds a socket.
        unsafe { Receiver::new(kind, socket, start) }
    }
}

impl Flow {
    /// Whether packets of both came by the same device.
    pub(crate) fn is_by_device_of(&self, other: &Self) -> bool {
        (self.0.iif, self.0.sdif) == (other.0.iif, other.0.sdif)
    }
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

/// Sequence numbers of the first bytes that a connection's end receives and sends. Of two connections
/// of one name they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) received: u32,
    pub(crate) sent: u32,
}

impl From<bindings::hf_start> for Start {
    fn from(start: bindings::hf_start) -> Self {
        Self {
            received: start.received,
            sent: start.sent,
        }
    }
}

/// Who will get the data of a segment.
pub(crate) enum Receiver<'a> {
    /// Nobody: there is no socket, or it reads no more. TCP answers, or discards it.
    Nobody,
    /// A socket that waits for the SYN-ACK: TCP discards it.
    Connecting,
    /// A socket yet to be made, by the segment that completes its handshake.
    Request(Request<'a>),
    /// A socket.
    Socket(Socket<'a>),
}

impl<'a> Receiver<'a> {
    /// # Safety
    ///
    /// `socket` and `start` must be what `hf_tcp_receiver()` or `hf_tcp_find_again()` set when it
    /// returned `kind`; a socket without a reference must live for `'a`.
    pub(super) unsafe fn new(
        kind: bindings::hf_tcp_receiver,
        socket: bindings::hf_socket,
        start: bindings::hf_start,
    ) -> Self {
        // INVARIANT: By this function's requirements.
        let socket = Socket {
            socket,
            _lives: PhantomData,
        };
        match kind {
            bindings::hf_tcp_receiver_HF_TCP_CONNECTING => Self::Connecting,
            bindings::hf_tcp_receiver_HF_TCP_REQUEST => Self::Request(Request {
                start: start.into(),
                socket,
            }),
            bindings::hf_tcp_receiver_HF_TCP_SOCKET => Self::Socket(socket),
            _ => Self::Nobody,
        }
    }
}

/// A request for a connection, which will become a socket.
pub(crate) struct Request<'a> {
    start: Start,
    /// NULL for a SYN cookie.
    socket: Socket<'a>,
}

impl Request<'_> {
    /// Where its connection begins.
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Whether nothing is known of it but the SYN cookie that a segment has brought back.
    pub(crate) fn is_cookie(&self) -> bool {
        self.socket.socket.sk.is_null()
    }
}

/// A TCP socket.
///
/// # Invariants
///
/// `socket.sk` is NULL, or lives as long as this does: by the reference that is held, or else for
/// `'a`. In [`Receiver::Socket`] it is a full TCP socket.
pub(crate) struct Socket<'a> {
    socket: bindings::hf_socket,
    _lives: PhantomData<&'a ()>,
}

impl Socket<'_> {
    /// How many bytes of the stream TCP has taken at least, as [`Packet::received`] does.
    ///
    /// [`Packet::received`]: super::packet::Packet::received
    pub(crate) fn received(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_received(self.socket.sk) }
    }

    /// Where its connection begins. A wrong answer, for which no connection need exist, while its
    /// owner moves its position.
    pub(crate) fn start(&self) -> Start {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_start(self.socket.sk) }.into()
    }

    /// Locks it against other softirqs; an owner in process context may be at work with it all the
    /// same. Any context that a hook runs in.
    pub(crate) fn lock(&self) -> Locked<'_> {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_lock(self.socket.sk) };
        let mut position = bindings::hf_position::default();
        // SAFETY: By the type invariant; `position` is valid for a write.
        unsafe { bindings::hf_tcp_position(self.socket.sk, &mut position) };
        // INVARIANT: It was locked above.
        Locked {
            sk: self.socket.sk,
            position,
            _lives: PhantomData,
        }
    }
}

/// How [`Socket::end`] went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody owns the socket, or does not let go: another time.
    Busy,
    /// The connection had ended by itself, or no process reads from it any more.
    Over,
    /// It was ended.
    Ended,
}

impl Socket<'static> {
    /// Ends the connection that begins at `start`: its owner gets an error, its peer a reset. Does not
    /// wait for an owner. Process context: a hook has its packet's socket, which does not live that
    /// long.
    pub(crate) fn end(&self, start: Start) -> Ending {
        let start = bindings::hf_start {
            received: start.received,
            sent: start.sent,
        };
        // SAFETY: By the type invariant; `start` is valid for a read.
        match unsafe { bindings::hf_tcp_end(self.socket.sk, &start) } {
            bindings::hf_tcp_end_HF_TCP_BUSY => Ending::Busy,
            bindings::hf_tcp_end_HF_TCP_ENDED => Ending::Ended,
            _ => Ending::Over,
        }
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the reference, if any, is this value's.
        unsafe { bindings::hf_tcp_put(&mut self.socket) }
    }
}

/// Whether TCP would take a segment's data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It would discard them.
    No,
    /// Keys, a socket filter or an owner have a word in it.
    Unknown,
    /// It would.
    Yes,
}

/// A socket that is locked, and where it stood when it was.
///
/// # Invariants
///
/// `sk` is a full TCP socket, locked by `hf_tcp_lock()` until this is dropped.
pub(crate) struct Locked<'a> {
    sk: *mut bindings::sock,
    position: bindings::hf_position,
    _lives: PhantomData<&'a ()>,
}

impl Locked<'_> {
    /// Whether it is this socket.
    pub(crate) fn is(&self, socket: &Socket<'_>) -> bool {
        core::ptr::eq(self.sk, socket.socket.sk)
    }

    /// Whether a process owns it, and may change its queues meanwhile.
    pub(crate) fn is_owned(&self) -> bool {
        self.position.owned
    }

    /// Whether segments wait for the owner, or are just being taken: then what follows may lag
    /// behind what was let through, and is not exact.
    pub(crate) fn is_pending(&self) -> bool {
        self.position.pending
    }

    /// Whether some of those that wait, or are being taken, may have data.
    pub(crate) fn is_data_pending(&self) -> bool {
        self.position.data_pending
    }

    /// How many bytes of the stream TCP has taken; a FIN counts as one. `u64::MAX` for a connection that
    /// was restored somewhere in its stream.
    pub(crate) fn received(&self) -> u64 {
        self.position.received
    }

    /// Where the connection begins, if [that is exact](Self::is_start_exact).
    pub(crate) fn start(&self) -> Start {
        self.position.start.into()
    }

    /// Whether the owner does not move the position meanwhile.
    pub(crate) fn is_start_exact(&self) -> bool {
        self.position.exact
    }

    /// Whether nobody will read more from it than it has received: a FIN was, or no process has it.
    pub(crate) fn is_finished(&self) -> bool {
        self.position.finished
    }

    /// Whether a socket filter may cut segments short.
    pub(crate) fn is_filtered(&self) -> bool {
        self.position.filtered
    }

    /// Whether TCP would take what a segment has, if its checksum is right. If it `is_certain`, nothing that is on
    /// its way can move the position before.
    pub(crate) fn takes(&self, segment: &Segment<'_>, is_certain: bool) -> Takes {
        let header = segment.header();
        // SAFETY: By the type invariant; the packet and the reference are valid for reads.
        match unsafe { bindings::hf_tcp_takes(self.sk, segment.skb(), &header, is_certain) } {
            bindings::hf_tcp_takes_HF_TCP_TAKES => Takes::Yes,
            bindings::hf_tcp_takes_HF_TCP_UNKNOWN => Takes::Unknown,
            _ => Takes::No,
        }
    }

    /// Whether segments wait for a gap to be filled.
    pub(crate) fn has_queue(&self) -> bool {
        self.position.queued
    }

    /// Sequence number of the byte that readers may leave out, because it is urgent.
    pub(crate) fn urgent(&self) -> Option<u32> {
        self.position.urgent.then_some(self.position.urg_seq)
    }

    /// The segments that wait for a gap to be filled, by sequence number; one can cover others behind
    /// it. `None` while somebody owns the socket, who may be emptying the queue.
    pub(crate) fn queue(&self) -> Option<Queue<'_>> {
        if self.is_owned() {
            return None;
        }
        let mut queued = bindings::hf_queued::default();
        // SAFETY: By the type invariant; `queued` is valid for a write.
        unsafe { bindings::hf_tcp_queue_first(self.sk, &mut queued) };
        // INVARIANT: The queue does not change while the socket is locked and not owned.
        Some(Queue {
            queued,
            _locked: PhantomData,
        })
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_unlock(self.sk) }
    }
}

/// Runs through an out-of-order queue.
///
/// # Invariants
///
/// `queued.skb` is NULL, or in the queue of a socket that stays locked and unowned for `'a`.
pub(crate) struct Queue<'a> {
    queued: bindings::hf_queued,
    _locked: PhantomData<&'a ()>,
}

impl<'a> Iterator for Queue<'a> {
    type Item = Queued<'a>;

    fn next(&mut self) -> Option<Queued<'a>> {
        if self.queued.skb.is_null() {
            return None;
        }
        let item = Queued {
            queued: self.queued,
            _locked: PhantomData,
        };
        // SAFETY: By the type invariant, which the function keeps.
        unsafe { bindings::hf_tcp_queue_next(&mut self.queued) };
        Some(item)
    }
}

/// A segment in an out-of-order queue.
///
/// # Invariants
///
/// `queued.skb` is in the queue of a socket that stays locked and unowned for `'a`; `queued.len` is
/// its length.
pub(crate) struct Queued<'a> {
    queued: bindings::hf_queued,
    _locked: PhantomData<&'a ()>,
}

impl Queued<'_> {
    /// Sequence number of its first byte.
    pub(crate) fn seq(&self) -> u32 {
        self.queued.seq
    }

    /// How many bytes of data it has.
    pub(crate) fn len(&self) -> u32 {
        self.queued.len
    }

    /// Copies data from `offset` into `buffer`; returns what was filled, empty at the end.
    pub(crate) fn data<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
        // SAFETY: By the type invariant.
        unsafe { copy(self.queued.skb, 0, self.queued.len, offset, buffer) }
    }
}

/// Copies what `skb` holds from `offset` behind `base` into `buffer`, `len` bytes being there behind
/// `base`; returns what was filled.
///
/// # Safety
///
/// `skb` must be valid.
pub(super) unsafe fn copy(
    skb: *const bindings::sk_buff,
    base: u32,
    len: u32,
    offset: u32,
    buffer: &mut [u8],
) -> &[u8] {
    let left = len.saturating_sub(offset) as usize;
    let filled = left.min(buffer.len());
    let (Some(part), Ok(from)) = (
        buffer.get_mut(..filled),
        c_int::try_from(base.wrapping_add(offset)),
    ) else {
        return &[];
    };
    // SAFETY: By this function's requirements; the function checks the range against the packet's
    // length and writes `part.len()` bytes at most.
    let result = unsafe {
        bindings::skb_copy_bits(
            skb,
            from,
            part.as_mut_ptr().cast::<c_void>(),
            part.len() as c_int,
        )
    };
    if result == 0 {
        part
    } else {
        &[]
    }
}

/// The CPU on which packets reach TCP in the order in which they are judged, if there is one: bottom
/// halves are off from before the hook until TCP has the packet. To be asked before any lock is
/// taken.
pub(crate) fn serial_cpu() -> Option<u32> {
    // SAFETY: An FFI call without requirements.
    let cpu = unsafe { bindings::hf_serial_cpu() };
    (cpu != bindings::HF_NO_CPU).then_some(cpu)
}
