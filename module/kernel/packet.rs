// SPDX-License-Identifier: GPL-2.0

//! A packet at `NF_INET_LOCAL_IN`, read only: never modified, linearised or cloned.
//!
//! Payload may lie in the linear part, in page fragments or in a list of fragments, and a GRO
//! packet may hold 64 kB of it: all access copies, by `skb_copy_bits()`.
//!
//! C headers: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h),
//! [`include/net/tcp.h`](srctree/include/net/tcp.h)

use super::{bindings, text};
use core::{
    ffi::c_void,
    marker::PhantomData,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use kernel::{
    ffi::{c_int, c_uint, c_ushort},
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
}

/// A TCP segment within a [`Packet`].
pub(crate) struct Segment {
    flow: bindings::hf_flow,
    ipv6: bool,
    header: u32,
    payload: u32,
    len: u32,
    seq: u32,
    flags: u8,
}

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: u32 = 40;
const TCP_HEADER: usize = 20;

const TCP_SYN: u8 = 0x02;
const TCP_RST: u8 = 0x04;
const TCP_ACK: u8 = 0x10;

impl<'a> Packet<'a> {
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

    /// Fills `buffer` from `offset`, relative to the network header; false if the packet is shorter.
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

    /// Whether it is known, without a look at the packet, that its socket's stream has begun: true
    /// for nearly all packets of a connection where early demux found the socket.
    #[inline]
    pub(crate) fn is_past_start(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_tcp_past_start(self.skb) }
    }

    /// The TCP segment in it; `None` if it is not TCP.
    pub(crate) fn tcp(&self) -> Result<Option<Segment>, Unreadable> {
        let mut flow = bindings::hf_flow::default();
        let ipv6 = self.state().pf == bindings::HF_NFPROTO_IPV6;
        let header = if ipv6 {
            self.ipv6_tcp(&mut flow)
        } else {
            self.ipv4_tcp(&mut flow)
        }?;
        let Some(header) = header else {
            return Ok(None);
        };

        let bytes: [u8; TCP_HEADER] = self.array(header).ok_or(Unreadable::Malformed)?;
        let [s0, s1, d0, d1, q0, q1, q2, q3, _, _, _, _, offset, flags, ..] = bytes;
        let header_len = u32::from(offset >> 4).wrapping_mul(4);
        if header_len < TCP_HEADER as u32 {
            return Err(Unreadable::Malformed);
        }
        let payload = header.wrapping_add(header_len);
        let len = self
            .len()
            .checked_sub(payload)
            .ok_or(Unreadable::Malformed)?;
        flow.sport = u16::from_ne_bytes([s0, s1]);
        flow.dport = u16::from_ne_bytes([d0, d1]);
        Ok(Some(Segment {
            flow,
            ipv6,
            header,
            payload,
            len,
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            flags,
        }))
    }

    /// Offset of the TCP header. IPv4 is reassembled before the hook.
    fn ipv4_tcp(&self, flow: &mut bindings::hf_flow) -> Result<Option<u32>, Unreadable> {
        let bytes: [u8; IPV4_HEADER] = self.array(0).ok_or(Unreadable::Malformed)?;
        let [version_ihl, _, _, _, _, _, _, _, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            bytes;
        if protocol != bindings::HF_IPPROTO_TCP {
            return Ok(None);
        }
        flow.saddr = [u32::from_ne_bytes([s0, s1, s2, s3]), 0, 0, 0];
        flow.daddr = [u32::from_ne_bytes([d0, d1, d2, d3]), 0, 0, 0];
        Ok(Some(u32::from(version_ihl & 0xf).wrapping_mul(4)))
    }

    /// Offset of the TCP header, behind extension headers as well.
    fn ipv6_tcp(&self, flow: &mut bindings::hf_flow) -> Result<Option<u32>, Unreadable> {
        let bytes: [u8; IPV6_HEADER as usize] = self.array(0).ok_or(Unreadable::Malformed)?;
        let [_, _, _, _, _, _, next_header, _, addresses @ ..] = bytes;
        let mut header = IPV6_HEADER;
        if next_header != bindings::HF_IPPROTO_TCP {
            let mut fragment: c_ushort = 0;
            header = 0;
            // SAFETY: By the type invariant; the out-parameters are valid for writes.
            let last = unsafe {
                bindings::ipv6_find_hdr(
                    self.skb,
                    &mut header as *mut c_uint,
                    -1,
                    &mut fragment,
                    core::ptr::null_mut(),
                )
            };
            if last != c_int::from(bindings::HF_IPPROTO_TCP) {
                return Ok(None);
            }
            if fragment != 0 {
                return Err(Unreadable::Fragment);
            }
        }
        let (source, destination) = addresses.split_at(16);
        flow.saddr = words(source);
        flow.daddr = words(destination);
        Ok(Some(header))
    }

    /// Where the stream begins that the segment belongs to, as the sequence number of its first
    /// byte, if the receiving socket has not got a byte yet. `None` if it has, or if there is no
    /// socket that could get any: what TCP answers then carries no data to anybody.
    ///
    /// The socket is the truth here: what TCP will discard (a bad checksum, an old timestamp,
    /// outside the window) never moves its position.
    pub(crate) fn stream_start(&self, segment: &Segment) -> Option<u32> {
        if segment.flags & TCP_SYN != 0 {
            // Data in a SYN is read only by a Fast Open listener (RFC 7413); otherwise it comes
            // again on the connection.
            // SAFETY: By the type invariant.
            return unsafe { bindings::hf_tcp_fastopen_server(self.state().net) }
                .then_some(segment.seq.wrapping_add(1));
        }
        let mut start = 0;
        // SAFETY: By the type invariant; `start` is valid for a write.
        unsafe { bindings::hf_tcp_stream_start(self.skb, self.state, &segment.flow, &mut start) }
            .then_some(start)
    }

    /// Copies payload from `offset` into `buffer`; returns what was filled, empty at the end.
    pub(crate) fn payload<'b>(
        &self,
        segment: &Segment,
        offset: u32,
        buffer: &'b mut [u8],
    ) -> &'b [u8] {
        let left = segment.len.saturating_sub(offset) as usize;
        let len = left.min(buffer.len());
        let Some(part) = buffer.get_mut(..len) else {
            return &[];
        };
        if !self.copy(segment.payload.wrapping_add(offset), part) {
            return &[];
        }
        part
    }

    /// Whether the TCP checksum is right. TCP has yet to look; it finds the answer noted.
    pub(crate) fn checksum_ok(&self, segment: &Segment) -> bool {
        // SAFETY: By the type invariant. The packet's checksum state is all that changes, as TCP
        // itself would change it (`tcp_v4_rcv()`).
        unsafe {
            bindings::nf_checksum(
                self.skb,
                bindings::HF_NF_INET_LOCAL_IN,
                segment.header,
                bindings::HF_IPPROTO_TCP,
                if segment.ipv6 {
                    bindings::AF_INET6
                } else {
                    bindings::AF_INET
                } as c_ushort,
            ) == 0
        }
    }

    /// A number that tells network namespaces apart while they live.
    pub(crate) fn namespace(&self) -> u64 {
        self.state().net as usize as u64
    }

    /// Name of the device that it came in by.
    pub(crate) fn device(&self) -> &str {
        // SAFETY: By the type invariant: the device, and so its name, lives.
        unsafe { text::from_c(bindings::hf_device_name(self.state)) }.unwrap_or("?")
    }
}

impl Segment {
    /// Whether TCP may take data from it: it has some, and is of a form that is not discarded at
    /// once (RFC 9293 section 3.10.7).
    pub(crate) fn carries_data(&self) -> bool {
        self.len != 0 && self.flags & TCP_RST == 0 && self.flags & (TCP_ACK | TCP_SYN) != 0
    }

    /// Offset in the payload of the byte whose sequence number is `seq`, if it is in there.
    pub(crate) fn offset_of(&self, seq: u32) -> Option<u32> {
        let syn = u32::from(self.flags & TCP_SYN != 0);
        let offset = seq.wrapping_sub(self.seq.wrapping_add(syn));
        (offset < self.len).then_some(offset)
    }

    /// Its addresses and ports, packed.
    pub(crate) fn tuple(&self) -> [u64; 5] {
        let pair = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
        let [s0, s1, s2, s3] = self.flow.saddr;
        let [d0, d1, d2, d3] = self.flow.daddr;
        let ports = pair(self.flow.sport.into(), self.flow.dport.into());
        [
            pair(s0, s1),
            pair(s2, s3),
            pair(d0, d1),
            pair(d2, d3),
            ports,
        ]
    }

    /// Who sent it.
    pub(crate) fn source(&self) -> SocketAddr {
        self.address(&self.flow.saddr, self.flow.sport)
    }

    /// Whom it is for.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.address(&self.flow.daddr, self.flow.dport)
    }

    fn address(&self, words: &[u32; 4], port: u16) -> SocketAddr {
        let [a, b, c, d] = words.map(u32::from_be);
        let ip = if self.ipv6 {
            let high = (u64::from(a) << 32) | u64::from(b);
            let low = (u64::from(c) << 32) | u64::from(d);
            Ipv6Addr::from_bits((u128::from(high) << 64) | u128::from(low)).into()
        } else {
            Ipv4Addr::from_bits(a).into()
        };
        SocketAddr::new(ip, u16::from_be(port))
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
