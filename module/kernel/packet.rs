// SPDX-License-Identifier: GPL-2.0

//! A packet at `NF_INET_LOCAL_IN`, read only: never linearised or cloned, and never modified but for
//! the checksum's state, which TCP itself would note ([`Segment::checksum_ok`]).
//!
//! Payload may lie in the linear part, in page fragments or in a list of fragments, and a GRO
//! packet may hold 64 kB of it: all access copies, by `skb_copy_bits()`.
//!
//! C headers: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h),
//! [`include/net/tcp.h`](srctree/include/net/tcp.h)

use super::{
    bindings,
    socket::{self, Flow, SocketLookup},
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use kernel::{
    ffi::{c_char, c_int, c_ushort},
    prelude::*,
};

/// A packet, borrowed for the length of the hook's call.
///
/// # Invariants
///
/// `skb` and `state` are those of a running `NF_INET_LOCAL_IN` hook: `skb->data` is at the network
/// header, which lies in the linear part, complete and checked, and an RCU read-side section holds.
pub(crate) struct Packet<'a> {
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
    _call: PhantomData<&'a ()>,
}

/// Why a packet could not be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Headers that contradict themselves; TCP will discard it.
    Malformed,
    /// A later fragment of IPv6 that was not reassembled.
    Fragment,
    /// Data that are in a device's memory, for a reader that is not in this kernel.
    DeviceMemory,
}

/// A TCP segment in a [`Packet`].
///
/// # Invariants
///
/// The TCP header at `header` lies within the packet, and so does the payload.
pub(crate) struct Segment<'a> {
    packet: &'a Packet<'a>,
    flow: Flow,
    header: u32,
    payload: u32,
    len: u32,
    seq: u32,
    ack: u32,
    urgent_pointer: u16,
    flags: u8,
}

/// A network device's name as it was when it was asked for.
pub(crate) struct DeviceName([u8; bindings::HF_DEVICE_NAME as usize]);

impl DeviceName {
    /// Its bytes, which need not be text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;
const TCP_OPTIONS_MAX: usize = 40;

// TCP options (RFC 9293 section 3.1, RFC 7323, RFC 2385, RFC 5925, RFC 8684 section 3).
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_TIMESTAMP: u8 = 8;
const OPTION_MD5: u8 = 19;
const OPTION_AO: u8 = 29;
const OPTION_MPTCP: u8 = 30;
const MPTCP_JOIN: u8 = 1;
/// Bytes of data of an MD5 signature.
const MD5_LEN: usize = 16;

const TCP_SYN: u8 = 0x02;
const TCP_RST: u8 = 0x04;
const TCP_ACK: u8 = 0x10;
const TCP_URG: u8 = 0x20;

impl Packet<'_> {
    /// # Safety
    ///
    /// The type's invariant must hold for `'a`.
    pub(super) unsafe fn new(
        skb: *mut bindings::sk_buff,
        state: *const bindings::nf_hook_state,
    ) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            skb,
            state,
            _call: PhantomData,
        }
    }

    fn state(&self) -> &bindings::nf_hook_state {
        // SAFETY: By the type invariant.
        unsafe { &*self.state }
    }

    /// Length in bytes, from the network header on.
    fn len(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.skb).len }
    }

    /// Fills `buffer` from `offset`, relative to the network header; false if the packet is
    /// shorter.
    fn copy(&self, offset: u32, buffer: &mut [u8]) -> bool {
        let (Ok(offset), Ok(len)) = (c_int::try_from(offset), c_int::try_from(buffer.len())) else {
            return false;
        };
        // SAFETY: By the type invariant; the function checks the range against the packet's length
        // and writes `len` bytes at most.
        unsafe {
            bindings::skb_copy_bits(self.skb, offset, buffer.as_mut_ptr().cast::<c_void>(), len)
                == 0
        }
    }

    fn array<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.copy(offset, &mut bytes).then_some(bytes)
    }

    /// How many bytes its socket has received, or 0 if early demux has not found the socket: a few
    /// loads, and the packet is not read. Later loads see at least what had been stored when the
    /// last of these bytes passed the hook.
    #[inline]
    pub(crate) fn received(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_skb_received(self.skb) }
    }

    fn is_ipv6(&self) -> bool {
        self.state().pf == bindings::HF_NFPROTO_IPV6
    }

    /// The TCP segment in it; `None` if it is not TCP.
    pub(crate) fn tcp(&self) -> Result<Option<Segment<'_>>, Unreadable> {
        let mut flow = bindings::hf_flow::default();
        let (header, short) = if self.is_ipv6() {
            self.ipv6_tcp(&mut flow)
        } else {
            self.ipv4_tcp(&mut flow)
        }?;
        let Some(header) = header else {
            return Ok(None);
        };

        let bytes: [u8; TCP_HEADER] = self.array(header).ok_or(short)?;
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, _, _, _, _, u0, u1] =
            bytes;
        let header_len = u32::from(offset >> 4).wrapping_mul(4);
        if header_len < TCP_HEADER as u32 {
            return Err(Unreadable::Malformed);
        }
        let payload = header.wrapping_add(header_len);
        let len = self.len().checked_sub(payload).ok_or(short)?;
        // SAFETY: By the type invariant.
        if !unsafe { bindings::hf_skb_readable(self.skb) } {
            return Err(Unreadable::DeviceMemory);
        }
        flow.sport = u16::from_ne_bytes([s0, s1]);
        flow.dport = u16::from_ne_bytes([d0, d1]);
        flow.pf = self.state().pf;
        // SAFETY: By the type invariant; a packet at this hook has a route.
        unsafe { bindings::hf_flow_locate(&mut flow, self.skb) };
        // INVARIANT: Both were checked against the packet's length.
        Ok(Some(Segment {
            packet: self,
            flow: Flow(flow),
            header,
            payload,
            len,
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            urgent_pointer: u16::from_be_bytes([u0, u1]),
            flags,
        }))
    }

    /// Offset of the TCP header, and what it means if that is not whole. IPv4 is reassembled before
    /// the hook.
    fn ipv4_tcp(
        &self,
        flow: &mut bindings::hf_flow,
    ) -> Result<(Option<u32>, Unreadable), Unreadable> {
        let bytes: [u8; IPV4_HEADER] = self.array(0).ok_or(Unreadable::Malformed)?;
        let [version_ihl, _, _, _, _, _, _, _, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            bytes;
        flow.saddr = [u32::from_ne_bytes([s0, s1, s2, s3]), 0, 0, 0];
        flow.daddr = [u32::from_ne_bytes([d0, d1, d2, d3]), 0, 0, 0];
        let header = u32::from(version_ihl & 0xf).wrapping_mul(4);
        let is_tcp = protocol == bindings::HF_IPPROTO_TCP;
        Ok((is_tcp.then_some(header), Unreadable::Malformed))
    }

    /// The same behind IPv6 and its extension headers. An authenticated packet (RFC 4302) is not
    /// TCP yet, as over IPv4: only what was found authentic, and the header gone, is read, and that
    /// comes by the hook as a packet of its own (`xfrm6_transport_finish()`,
    /// `gro_cells_receive()`).
    fn ipv6_tcp(
        &self,
        flow: &mut bindings::hf_flow,
    ) -> Result<(Option<u32>, Unreadable), Unreadable> {
        let bytes: [u8; IPV6_HEADER] = self.array(0).ok_or(Unreadable::Malformed)?;
        let [_, _, _, _, _, _, _, _, addresses @ ..] = bytes;
        let (source, destination) = addresses.split_at(16);
        flow.saddr = words(source);
        flow.daddr = words(destination);

        let mut is_fragment = false;
        // SAFETY: By the type invariant; the out-parameter is valid for a write.
        let header = unsafe { bindings::hf_ipv6_tcp(self.skb, &mut is_fragment) };
        // A whole packet may have a fragment header as well (RFC 8200 section 4.5).
        let short = match is_fragment {
            false => Unreadable::Malformed,
            true => Unreadable::Fragment,
        };
        match u32::try_from(header) {
            Err(_) => Err(short),
            Ok(0) => Ok((None, short)),
            Ok(header) => Ok((Some(header), short)),
        }
    }
}

impl Segment<'_> {
    /// Whether it may have a part in what is read: it has data, or points to urgent data, and is of
    /// a form that TCP does not discard at once (RFC 9293 section 3.10.7).
    pub(crate) fn may_add_data(&self) -> bool {
        (self.len != 0 || self.is_urgent())
            && self.flags & TCP_RST == 0
            && self.flags & (TCP_ACK | TCP_SYN) != 0
    }

    /// Whether it asks for a connection, rather than to belong to one.
    pub(crate) fn is_syn(&self) -> bool {
        self.flags & TCP_SYN != 0
    }

    /// Whether it asks to add a subflow to a connection of Multipath TCP (RFC 8684 section 3.2).
    pub(crate) fn is_mptcp_join(&self) -> bool {
        self.is_syn()
            && self.options(|options| {
                options.any(|(kind, data)| {
                    kind == OPTION_MPTCP
                        && data.first().is_some_and(|&first| first >> 4 == MPTCP_JOIN)
                })
            })
    }

    /// Passes its TCP options to `about`, and returns the result.
    fn options<T>(&self, about: impl FnOnce(&mut Options<'_>) -> T) -> T {
        let mut buffer = [0; TCP_OPTIONS_MAX];
        let len = self.payload.saturating_sub(self.header) as usize;
        let at = self.header.wrapping_add(TCP_HEADER as u32);
        let options = buffer
            .get_mut(..len.saturating_sub(TCP_HEADER))
            .unwrap_or_default();
        if !self.packet.copy(at, options) {
            return about(&mut Options(&[]));
        }
        about(&mut Options(options))
    }

    /// The sequence number up to which it acknowledges what it got.
    pub(crate) fn ack(&self) -> u32 {
        self.ack
    }

    /// Its packet, which is valid as long as it is.
    pub(super) fn skb(&self) -> *const bindings::sk_buff {
        self.packet.skb
    }

    /// What decides whether TCP accepts its data.
    pub(super) fn acceptance_fields(&self) -> bindings::hf_segment {
        let mut header = bindings::hf_segment {
            seq: self.seq(),
            end_seq: self.seq().wrapping_add(self.len),
            ack: self.ack,
            ..Default::default()
        };
        self.options(|options| {
            for (kind, data) in options.by_ref() {
                match (kind, data) {
                    (OPTION_TIMESTAMP, &[t0, t1, t2, t3, _, _, _, _]) => {
                        header.tsval = u32::from_be_bytes([t0, t1, t2, t3]);
                        header.has_tsval = true;
                    }
                    (OPTION_MD5, data) if data.len() == MD5_LEN => header.has_md5 = true,
                    (OPTION_AO, [_, _, _, ..]) => header.has_ao = true,
                    (OPTION_MD5 | OPTION_AO, _) => header.has_odd_options = true,
                    _ => {}
                }
            }
            header.has_odd_options |= !matches!(options.0, [] | [OPTION_END, ..]);
        });
        header
    }

    /// Whether it points to urgent data.
    pub(crate) fn is_urgent(&self) -> bool {
        self.flags & TCP_URG != 0
    }

    /// Sequence numbers of the bytes that it makes urgent: which of the two is up to
    /// `net.ipv4.tcp_stdurg` (`tcp_check_urg()`).
    pub(crate) fn urgent(&self) -> [u32; 2] {
        let pointer = u32::from(self.urgent_pointer);
        [pointer, pointer.saturating_sub(1)].map(|pointer| self.seq.wrapping_add(pointer))
    }

    /// Sequence number of its first byte of data.
    pub(crate) fn seq(&self) -> u32 {
        self.seq.wrapping_add(self.is_syn().into())
    }

    /// How many bytes of data it has.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Copies data from `offset` into `buffer`; returns what was filled, empty at the end.
    pub(crate) fn data<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
        // SAFETY: By the packet's invariant.
        unsafe { socket::copy(self.packet.skb, self.payload, self.len, offset, buffer) }
    }

    /// Looks up the socket that will receive its data.
    pub(crate) fn look_up_socket(&self) -> SocketLookup<'_> {
        let mut found = bindings::hf_socket::default();
        let mut first_seq = bindings::hf_first_seq::default();
        // SAFETY: By the packet's invariant; a packet at this hook has a route; the out-parameters
        // are valid for writes.
        let kind = unsafe {
            bindings::hf_tcp_lookup(
                self.packet.skb,
                &self.flow.0,
                self.header,
                &mut found,
                &mut first_seq,
            )
        };
        // SAFETY: The function returned them together; a socket without a reference is the
        // packet's.
        unsafe { SocketLookup::new(kind, found, first_seq) }
    }

    /// Whether the data of a SYN may be read, by Fast Open (RFC 7413). Otherwise it comes again on
    /// the connection.
    pub(crate) fn syn_data_may_be_read(&self) -> bool {
        let ack = self.flags & TCP_ACK != 0;
        // SAFETY: By the packet's invariant; a packet at this hook has a route.
        unsafe { bindings::hf_tcp_reads_syn(self.packet.skb, &self.flow.0, ack) }
    }

    /// Whether the TCP checksum is right. TCP has yet to look; it finds the answer noted.
    pub(crate) fn checksum_ok(&self) -> bool {
        let family = if self.packet.is_ipv6() {
            bindings::AF_INET6
        } else {
            bindings::AF_INET
        };
        // SAFETY: By the invariants of the packet and of this type. The packet's checksum state is
        // all that changes, as TCP itself would change it (`tcp_v4_rcv()`).
        unsafe {
            bindings::nf_checksum(
                self.packet.skb,
                bindings::HF_NF_INET_LOCAL_IN,
                self.header,
                bindings::HF_IPPROTO_TCP,
                family as c_ushort,
            ) == 0
        }
    }

    /// The connection's direction that it belongs to.
    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Its source address and port.
    pub(crate) fn source(&self) -> SocketAddr {
        self.address(&self.flow.0.saddr, self.flow.0.sport)
    }

    /// Its destination address and port.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.address(&self.flow.0.daddr, self.flow.0.dport)
    }

    fn address(&self, words: &[u32; 4], port: u16) -> SocketAddr {
        let [a, b, c, d] = words.map(u32::from_be);
        let ip = if self.packet.is_ipv6() {
            let high = (u64::from(a) << 32) | u64::from(b);
            let low = (u64::from(c) << 32) | u64::from(d);
            Ipv6Addr::from_bits((u128::from(high) << 64) | u128::from(low)).into()
        } else {
            Ipv4Addr::from_bits(a).into()
        };
        SocketAddr::new(ip, u16::from_be(port))
    }

    /// The device that it came in by.
    pub(crate) fn device(&self) -> DeviceName {
        let mut name = DeviceName([0; bindings::HF_DEVICE_NAME as usize]);
        // SAFETY: By the packet's invariant; the array is of the size that is asked for.
        unsafe {
            bindings::hf_device_name(self.packet.state, name.0.as_mut_ptr().cast::<c_char>())
        };
        name
    }
}

/// Runs through the options of a TCP header: their kinds and data.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0 {
                [OPTION_NOP, rest @ ..] => self.0 = rest,
                [OPTION_END, ..] => return None,
                &[kind, len, ref rest @ ..] => {
                    let (data, rest) = rest.split_at_checked(usize::from(len).checked_sub(2)?)?;
                    self.0 = rest;
                    return Some((kind, data));
                }
                _ => return None,
            }
        }
    }
}

/// The first 16 bytes as words, in memory order.
fn words(bytes: &[u8]) -> [u32; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = bytes.try_into().map_or(0, u32::from_ne_bytes);
    }
    words
}
