// SPDX-License-Identifier: GPL-2.0

//! The TCP socket that will receive a segment. It alone knows where its stream begins, how much of
//! it was received, and what is in the out-of-order queue.
//!
//! C headers: [`include/linux/tcp.h`](srctree/include/linux/tcp.h),
//! [`include/net/inet_hashtables.h`](srctree/include/net/inet_hashtables.h)

use super::{bindings, cgroup::Cgroup, packet::Segment, rcu::ReadSection, skb};
use core::{
    marker::PhantomData,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use kernel::ffi::c_char;

/// One direction of a connection: namespace, addresses and ports, and how to look up its socket.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Flow(pub(super) bindings::hf_flow);

impl Flow {
    /// The same as C has it.
    pub(super) fn from_ref(flow: &bindings::hf_flow) -> &Self {
        // SAFETY: The type is a transparent wrapper of the other.
        unsafe { &*core::ptr::from_ref(flow).cast::<Self>() }
    }

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

    /// Its identity, packed: the same for all segments of one direction of a connection, whatever
    /// device they came in by. Connections of sockets that are bound to different devices (VRF) can
    /// share it.
    pub(crate) fn identity(&self) -> [u64; 6] {
        let [s0, s1, s2, s3] = self.0.saddr;
        let [d0, d1, d2, d3] = self.0.daddr;
        let (net, ports) = (self.net_and_family(), self.ports());
        [
            net,
            pair(s0, s1),
            pair(s2, s3),
            pair(d0, d1),
            pair(d2, d3),
            ports,
        ]
    }

    /// The same of IPv4 in fewer words; `None` for IPv6.
    #[inline]
    pub(super) fn ipv4_identity(&self) -> Option<[u64; 3]> {
        let ([source, ..], [destination, ..]) = (self.0.saddr, self.0.daddr);
        let identity = [
            self.net_and_family(),
            pair(source, destination),
            self.ports(),
        ];
        (self.0.pf == bindings::HF_NFPROTO_IPV4).then_some(identity)
    }

    fn net_and_family(&self) -> u64 {
        // Cookies count from 0; the address family goes into the highest bits.
        self.0.net_cookie ^ (u64::from(self.0.pf) << 56)
    }

    fn ports(&self) -> u64 {
        pair(self.0.sport.into(), self.0.dport.into())
    }

    /// Looks up the socket that would receive a segment now. Process context, or with bottom halves
    /// off. [`SocketLookup::NoSocket`] as well if the namespace is gone.
    pub(crate) fn look_up_socket(&self) -> SocketLookup<'static> {
        let mut socket = bindings::hf_socket::default();
        let mut first_seq = bindings::hf_first_seq::default();
        // SAFETY: The out-parameters are valid for writes.
        let kind = unsafe { bindings::hf_tcp_lookup_flow(&self.0, &mut socket, &mut first_seq) };
        // SAFETY: The function returned them together; it takes a reference if it finds a socket.
        unsafe { SocketLookup::new(kind, socket, &first_seq) }
    }

    /// Where it comes from.
    pub(crate) fn source(&self) -> SocketAddr {
        self.address(&self.0.saddr, self.0.sport)
    }

    /// Whom it is for.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.address(&self.0.daddr, self.0.dport)
    }

    fn address(&self, words: &[u32; 4], port: u16) -> SocketAddr {
        let [a, b, c, d] = words.map(u32::from_be);
        let ip = if self.is_ipv6() {
            let (high, low) = (pair(a, b), pair(c, d));
            Ipv6Addr::from_bits((u128::from(high) << 64) | u128::from(low)).into()
        } else {
            Ipv4Addr::from_bits(a).into()
        };
        SocketAddr::new(ip, u16::from_be(port))
    }

    /// Whether its packets come in by a device of this name, or by a port of a VRF device of this name,
    /// as far as that is known without one. [`Segment::is_on`] is exact.
    pub(crate) fn is_on(&self, device: &[u8], _section: ReadSection<'_>) -> bool {
        // SAFETY: There is a read-side section; the name is valid for reads of its length.
        unsafe {
            bindings::hf_flow_is_on(
                &self.0,
                core::ptr::null(),
                device.as_ptr().cast::<c_char>(),
                device.len(),
            )
        }
    }

    /// The inode of the network namespace of its socket; `None` for the one that the system started
    /// with.
    pub(crate) fn netns(&self, _section: ReadSection<'_>) -> Option<u32> {
        // SAFETY: There is a read-side section.
        let inode = unsafe { bindings::hf_flow_netns(&self.0) };
        (inode != 0).then_some(inode)
    }

    /// The control group in which the socket that receives it was made, or that socket's listener, as far
    /// as that is known without a packet. [`Segment::cgroup`] is exact. Looks the socket up.
    pub(crate) fn cgroup<'a>(&self, _section: ReadSection<'a>) -> Option<Cgroup<'a>> {
        // SAFETY: What is returned lives as long as the read-side section.
        unsafe { Cgroup::new(bindings::hf_flow_cgroup(&self.0, core::ptr::null())) }
    }

    pub(super) fn is_ipv6(&self) -> bool {
        self.0.pf == bindings::HF_NFPROTO_IPV6
    }

    /// The cookie of the network namespace of its socket.
    pub(crate) fn netns_cookie(&self) -> u64 {
        self.0.net_cookie
    }

    /// Whether packets of both came in by the same device.
    pub(crate) fn has_device_of(&self, other: &Self) -> bool {
        (self.0.iif, self.0.sdif) == (other.0.iif, other.0.sdif)
    }
}

/// The inode of the network namespace that the system started with.
pub(crate) fn initial_netns() -> u32 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_initial_netns() }
}

fn pair(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

/// The sequence numbers of the first bytes that this end of a connection receives and sends; on the
/// end that opened the connection, `sent` is that of its SYN. They
/// tell it from other connections that have had, or will have, the same addresses and ports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstSeq {
    pub(crate) received: u32,
    pub(crate) sent: u32,
}

impl From<bindings::hf_first_seq> for FirstSeq {
    fn from(first_seq: bindings::hf_first_seq) -> Self {
        Self {
            received: first_seq.received,
            sent: first_seq.sent,
        }
    }
}

/// What receives a segment's data.
pub(crate) enum SocketLookup<'a> {
    /// There is no socket, or one that receives no more (time-wait, closed): TCP answers the
    /// segment, or discards it.
    NoSocket,
    /// A socket that has sent a SYN, and whose handshake goes on: in `SYN_SENT`, where TCP discards the
    /// segment, or in `SYN_RECV`.
    SynSent,
    /// A request socket: the segment that completes the handshake creates the full one.
    Request(Request<'a>),
    /// A request socket that was the packet's, and is there no more: it has ended, or its full
    /// socket is about to be there.
    RequestGone,
    /// A socket of another flow, to which a BPF program has assigned the packet
    /// (`bpf_sk_assign()`).
    OtherFlow,
    /// A full socket.
    Socket(Socket<'a>),
}

impl<'a> SocketLookup<'a> {
    /// # Safety
    ///
    /// `socket` and `first_seq` must be what `hf_tcp_lookup()` or `hf_tcp_lookup_flow()` set when
    /// it returned `kind`; a socket without a reference must live for `'a`.
    pub(super) unsafe fn new(
        kind: bindings::hf_tcp_lookup,
        socket: bindings::hf_socket,
        first_seq: &bindings::hf_first_seq,
    ) -> Self {
        // INVARIANT: By this function's requirements.
        let socket = Socket {
            socket,
            _lives: PhantomData,
        };
        match kind {
            bindings::HF_TCP_SYN_SENT => Self::SynSent,
            bindings::HF_TCP_REQUEST => Self::Request(Request {
                first_seq: (*first_seq).into(),
                socket,
            }),
            bindings::HF_TCP_REQUEST_GONE => Self::RequestGone,
            bindings::HF_TCP_OTHER_FLOW => Self::OtherFlow,
            bindings::HF_TCP_SOCKET => Self::Socket(socket),
            _ => Self::NoSocket,
        }
    }
}

/// A request socket, or a SYN cookie.
pub(crate) struct Request<'a> {
    first_seq: FirstSeq,
    /// NULL for a SYN cookie.
    socket: Socket<'a>,
}

impl Request<'_> {
    /// The first sequence numbers of its connection.
    pub(crate) fn first_seq(&self) -> FirstSeq {
        self.first_seq
    }

    /// Whether there is no request socket, but a segment with a valid SYN cookie.
    pub(crate) fn is_syn_cookie(&self) -> bool {
        self.socket.socket.sk.is_null()
    }

    /// Whether TCP would accept the data of a segment that begins its stream, as
    /// [`LockedSocket::accepts`]; not known of a SYN cookie.
    pub(crate) fn accepts(&self, segment: &Segment<'_>, is_certain: bool) -> Acceptable {
        if self.is_syn_cookie() {
            return Acceptable::Unknown;
        }
        let (sk, fields) = (self.socket.socket.sk, segment.acceptance_fields());
        // SAFETY: `sk` is a request socket, which lives by the type invariant of `Socket`; the packet and
        // the reference are valid for reads.
        Acceptable::new(unsafe {
            bindings::hf_tcp_request_accepts(sk, segment.skb(), &fields, is_certain)
        })
    }

    /// Removes the request of a segment, which is answered with a reset. Returns false for a SYN cookie,
    /// which can't be removed. Any context that a hook runs in; sends a packet.
    pub(crate) fn reset(&self, segment: &Segment<'_>) -> bool {
        if self.is_syn_cookie() {
            return false;
        }
        let (sk, (header, payload)) = (self.socket.socket.sk, segment.offsets());
        // SAFETY: As above; the header lies within the packet.
        unsafe { bindings::hf_tcp_request_reset(sk, segment.skb(), header, payload) };
        true
    }
}

/// A TCP socket.
///
/// # Invariants
///
/// `socket.sk` is NULL, or lives as long as this does: by the reference that is held, or else for
/// `'a`. In [`SocketLookup::Socket`] it is a full TCP socket.
pub(crate) struct Socket<'a> {
    socket: bindings::hf_socket,
    _lives: PhantomData<&'a ()>,
}

impl Socket<'_> {
    /// How many bytes of the stream TCP has received at least. Later loads see at least what had been
    /// stored when the last of these bytes passed the hook.
    pub(crate) fn received(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_received(self.socket.sk) }
    }

    /// The first sequence numbers of its connection, read without its lock: wrong while its owner
    /// moves `rcv_nxt`.
    pub(crate) fn first_seq(&self) -> FirstSeq {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_first_seq(self.socket.sk) }.into()
    }

    /// Whether it is established, has received nothing, the first byte of its stream has this sequence
    /// number, readers skip none, and it receives segments whole. Read without its lock: while it
    /// receives something, its stream may seem to begin behind that.
    #[inline]
    pub(crate) fn begins_at(&self, seq: u32) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_begins_at(self.socket.sk, seq) }
    }

    /// Locks it against other softirqs; an owner in process context may be at work with it all the
    /// same. Any context that a hook runs in.
    pub(crate) fn lock(&self) -> LockedSocket<'_> {
        // SAFETY: By the type invariant.
        let state = unsafe { bindings::hf_tcp_lock(self.socket.sk) };
        // INVARIANT: It was just locked.
        LockedSocket {
            sk: self.socket.sk,
            state,
            _lives: PhantomData,
        }
    }
}

/// The outcome of [`Socket::abort`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abort {
    /// Not now: a process owns the socket, or a protocol on top of TCP does not allow it.
    Busy,
    /// There was no need: the connection was over, or no process reads from it any more.
    Closed,
    /// The connection was aborted.
    Aborted,
}

impl Socket<'_> {
    /// Aborts the connection that has these first sequence numbers: its owner gets an error, its
    /// peer a reset. Does not wait for an owner. Any context that a hook runs in; sends a packet.
    pub(crate) fn abort(&self, first_seq: FirstSeq) -> Abort {
        let first_seq = bindings::hf_first_seq {
            received: first_seq.received,
            sent: first_seq.sent,
        };
        // SAFETY: By the type invariant; `first_seq` is valid for a read.
        match unsafe { bindings::hf_tcp_abort(self.socket.sk, &first_seq) } {
            bindings::HF_TCP_BUSY => Abort::Busy,
            bindings::HF_TCP_ABORTED => Abort::Aborted,
            _ => Abort::Closed,
        }
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        if self.socket.held {
            // SAFETY: By the type invariant; the reference is this value's.
            unsafe { bindings::hf_tcp_put(&mut self.socket) }
        }
    }
}

/// Whether TCP would accept a segment's data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceptable {
    /// TCP would discard them.
    No,
    /// Keys, a filter or an owner of the socket decide.
    Unknown,
    /// TCP would accept them.
    Yes,
}

impl Acceptable {
    fn new(accepts: bindings::hf_tcp_accepts) -> Self {
        match accepts {
            bindings::HF_TCP_YES => Self::Yes,
            bindings::HF_TCP_UNKNOWN => Self::Unknown,
            _ => Self::No,
        }
    }
}

/// A socket whose spinlock is held, and its state when that was taken.
///
/// # Invariants
///
/// `sk` is a full TCP socket, locked by `hf_tcp_lock()` until this is dropped.
pub(crate) struct LockedSocket<'a> {
    sk: *mut bindings::sock,
    state: bindings::hf_tcp_state,
    _lives: PhantomData<&'a ()>,
}

impl LockedSocket<'_> {
    /// Whether it is the same socket.
    pub(crate) fn is(&self, socket: &Socket<'_>) -> bool {
        core::ptr::eq(self.sk, socket.socket.sk)
    }

    /// Whether a process owns it (`lock_sock()`), and may change its queues meanwhile.
    pub(crate) fn is_owned(&self) -> bool {
        self.state.owned
    }

    /// Whether segments are in its backlog, or its owner is processing some: then the rest of the
    /// state lags behind what has passed the hook.
    pub(crate) fn has_backlog(&self) -> bool {
        self.state.has_backlog
    }

    /// Whether some of these segments may have data.
    pub(crate) fn backlog_may_have_data(&self) -> bool {
        self.state.backlog_may_have_data
    }

    /// How many bytes of the stream TCP has received; a FIN counts as one. `u64::MAX` for a
    /// connection that was restored somewhere in its stream (`TCP_REPAIR`) and has received nothing
    /// since.
    pub(crate) fn received(&self) -> u64 {
        self.state.received
    }

    /// The first sequence numbers of its connection, if [they are
    /// exact](Self::is_first_seq_exact).
    pub(crate) fn first_seq(&self) -> FirstSeq {
        self.state.first_seq.into()
    }

    /// Whether the owner is not about to move `rcv_nxt`.
    pub(crate) fn is_first_seq_exact(&self) -> bool {
        self.state.first_seq_exact
    }

    /// Whether nobody will read more from it than it has received: it has received a FIN, or no
    /// process has it open.
    pub(crate) fn is_done(&self) -> bool {
        self.state.done
    }

    /// Whether a socket filter may trim segments.
    pub(crate) fn has_filter(&self) -> bool {
        self.state.filtered
    }

    /// Whether TCP would accept the data of a segment, if its checksum is right. If it
    /// `is_certain`, nothing in flight can move `rcv_nxt` before.
    pub(crate) fn accepts(&self, segment: &Segment<'_>, is_certain: bool) -> Acceptable {
        let fields = segment.acceptance_fields();
        // SAFETY: By the type invariant; the packet and the reference are valid for reads.
        Acceptable::new(unsafe {
            bindings::hf_tcp_accepts(self.sk, segment.skb(), &fields, is_certain)
        })
    }

    /// Whether there are segments in its out-of-order queue.
    pub(crate) fn has_ofo_queue(&self) -> bool {
        self.state.has_ofo_queue
    }

    /// The sequence number of the urgent byte, which readers may skip.
    pub(crate) fn urgent(&self) -> Option<u32> {
        self.state.urgent.then_some(self.state.urg_seq)
    }

    /// The segments of its out-of-order queue, by sequence number; one can cover those behind it.
    /// `None` while the socket has an owner, who may be changing the queue.
    pub(crate) fn ofo_queue(&self) -> Option<OfoQueue<'_>> {
        if self.is_owned() {
            return None;
        }
        let mut segment = bindings::hf_ofo_segment::default();
        // SAFETY: By the type invariant; `segment` is valid for a write.
        unsafe { bindings::hf_tcp_ofo_first(self.sk, &mut segment) };
        // INVARIANT: The queue does not change while the socket is locked and not owned.
        Some(OfoQueue {
            segment,
            _locked: PhantomData,
        })
    }
}

impl Drop for LockedSocket<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_unlock(self.sk) }
    }
}

/// Iterates over an out-of-order queue.
///
/// # Invariants
///
/// `segment.skb` is NULL, or in the queue of a socket that stays locked and unowned for `'a`.
pub(crate) struct OfoQueue<'a> {
    segment: bindings::hf_ofo_segment,
    _locked: PhantomData<&'a ()>,
}

impl<'a> Iterator for OfoQueue<'a> {
    type Item = OfoSegment<'a>;

    fn next(&mut self) -> Option<OfoSegment<'a>> {
        if self.segment.skb.is_null() {
            return None;
        }
        let item = OfoSegment {
            segment: self.segment,
            _locked: PhantomData,
        };
        // SAFETY: By the type invariant, which the function keeps.
        unsafe { bindings::hf_tcp_ofo_next(&mut self.segment) };
        Some(item)
    }
}

/// A segment in an out-of-order queue.
///
/// # Invariants
///
/// `segment.skb` is in the queue of a socket that stays locked and unowned for `'a`; `segment.len`
/// is its length.
pub(crate) struct OfoSegment<'a> {
    segment: bindings::hf_ofo_segment,
    _locked: PhantomData<&'a ()>,
}

impl OfoSegment<'_> {
    /// Sequence number of its first byte.
    pub(crate) fn seq(&self) -> u32 {
        self.segment.seq
    }

    /// How many bytes of data it has.
    pub(crate) fn len(&self) -> u32 {
        self.segment.len
    }

    /// Passes the data from `offset` on to `consume`, piece by piece, until there are no more, or
    /// until it returns false. Returns whether there are no more.
    pub(crate) fn read(&self, offset: u32, consume: impl FnMut(&[u8]) -> bool) -> bool {
        // SAFETY: By the type invariant.
        unsafe { skb::read(self.segment.skb, offset, self.segment.len, consume) }
    }
}
