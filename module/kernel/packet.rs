// SPDX-License-Identifier: GPL-2.0

//! A packet at `NF_INET_LOCAL_IN`, read only: never linearised, cloned only to answer it with a reset, and
//! never modified but for the checksum's state, which TCP itself would note ([`Segment::checksum_ok`]).
//!
//! C headers: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h),
//! [`include/net/tcp.h`](srctree/include/net/tcp.h)

use super::{
    bindings,
    cgroup::Cgroup,
    rcu::ReadSection,
    skb,
    socket::{Flow, SocketLookup},
};
use core::{ffi::c_void, net::SocketAddr};
use kernel::ffi::{c_char, c_int, c_ushort};

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

/// A TCP segment in a packet, borrowed for the length of the hook's call.
///
/// # Invariants
///
/// `hf_parse()` has set the packet's `segment`. Its `skb` and `state` are those of a running
/// `NF_INET_LOCAL_IN` hook: `skb->data` is at the network header, which lies in the linear part,
/// complete and checked, and an RCU read-side section holds.
pub(crate) struct Segment<'a>(&'a bindings::hf_packet);

/// A network device's name as it was when it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct DeviceName([u8; bindings::HF_DEVICE_NAME as usize]);

impl DeviceName {
    /// Its bytes, which need not be text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// The socket that will receive a segment, as it was when it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Receiver(bindings::hf_receiver);

/// What is known of a socket, or of a listener.
pub(crate) struct Owner {
    /// The socket's cookie (`SO_COOKIE`).
    pub(crate) cookie: u64,
    /// The id of the control group in which it was made.
    pub(crate) cgroup: Option<u64>,
    /// Its user.
    pub(crate) uid: u32,
    /// The same, as the owner of its network namespace sees it.
    pub(crate) uid_in_netns: u32,
    /// A process holds it, whose user that is; else that is the listener's.
    pub(crate) is_accepted: bool,
}

impl Receiver {
    /// The inode of its network namespace.
    pub(crate) fn netns(&self) -> u32 {
        self.0.netns
    }

    /// Whether there was a socket, or a request for one.
    pub(crate) fn has_socket(&self) -> bool {
        self.0.has_socket
    }

    /// The socket, or its listener while it has none.
    pub(crate) fn owner(&self) -> Option<Owner> {
        let &bindings::hf_receiver {
            cookie,
            cgroup,
            uid,
            uid_in_netns,
            accepted,
            ..
        } = &self.0;
        (cookie != 0).then_some(Owner {
            cookie,
            cgroup: (cgroup != 0).then_some(cgroup),
            uid,
            uid_in_netns,
            is_accepted: accepted,
        })
    }
}

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

impl Unreadable {
    /// What `hf_parse()` says of a packet that it could not read.
    pub(super) fn new(why: bindings::hf_parse) -> Self {
        match why {
            bindings::HF_FRAGMENT => Self::Fragment,
            bindings::HF_DEVICE_MEMORY => Self::DeviceMemory,
            _ => Self::Malformed,
        }
    }
}

impl<'a> Segment<'a> {
    /// # Safety
    ///
    /// The type's invariant must hold for `'a`.
    pub(super) unsafe fn new(packet: &'a bindings::hf_packet) -> Self {
        // INVARIANT: By this function's requirements.
        Self(packet)
    }

    fn fields(&self) -> &bindings::hf_segment {
        &self.0.segment
    }

    fn has(&self, flag: u8) -> bool {
        self.fields().flags & flag != 0
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
            bindings::skb_copy_bits(
                self.0.skb,
                offset,
                buffer.as_mut_ptr().cast::<c_void>(),
                len,
            ) == 0
        }
    }

    /// Whether it asks for a connection, rather than to belong to one.
    pub(crate) fn is_syn(&self) -> bool {
        self.has(bindings::HF_TCPHDR_SYN)
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
        let &bindings::hf_segment {
            header, payload, ..
        } = self.fields();
        let at = header.wrapping_add(TCP_HEADER as u32);
        let len = payload.saturating_sub(at) as usize;
        // SAFETY: By the type invariant.
        if let Some(options) = unsafe { skb::linear(self.0.skb, at) }.get(..len) {
            return about(&mut Options(options));
        }
        let mut buffer = [0; TCP_OPTIONS_MAX];
        let options = buffer.get_mut(..len).unwrap_or_default();
        if !self.copy(at, options) {
            return about(&mut Options(&[]));
        }
        about(&mut Options(options))
    }

    /// Its packet, which is valid as long as it is.
    pub(super) fn skb(&self) -> *const bindings::sk_buff {
        self.0.skb
    }

    /// Where its header begins in the packet, and its data.
    pub(super) fn offsets(&self) -> (u32, u32) {
        (self.fields().header, self.fields().payload)
    }

    /// What decides whether TCP accepts its data.
    pub(super) fn acceptance_fields(&self) -> bindings::hf_acceptance {
        let mut header = bindings::hf_acceptance {
            seq: self.seq(),
            end_seq: self.seq().wrapping_add(self.len()),
            ack: self.fields().ack_seq,
            ..Default::default()
        };
        self.options(|options| {
            // As nearly all have them (RFC 7323, appendix A).
            if let &[OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMP, 10, t0, t1, t2, t3, e0, e1, e2, e3] =
                options.0
            {
                header.tsval = u32::from_be_bytes([t0, t1, t2, t3]);
                header.tsecr = u32::from_be_bytes([e0, e1, e2, e3]);
                header.has_tsval = true;
                return;
            }
            for (kind, data) in options.by_ref() {
                match (kind, data) {
                    (OPTION_TIMESTAMP, &[t0, t1, t2, t3, e0, e1, e2, e3]) => {
                        header.tsval = u32::from_be_bytes([t0, t1, t2, t3]);
                        header.tsecr = u32::from_be_bytes([e0, e1, e2, e3]);
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

    /// The CPU whose softirq this is. There, packets reach TCP in the order in which they pass the
    /// hook, since bottom halves stay off until TCP has the packet. `None` in any other context.
    #[inline]
    pub(crate) fn cpu(&self) -> Option<u32> {
        let cpu = self.0.cpu;
        (cpu != bindings::HF_NO_CPU).then_some(cpu)
    }

    /// Whether it points to urgent data.
    pub(crate) fn is_urgent(&self) -> bool {
        self.has(bindings::HF_TCPHDR_URG)
    }

    /// Sequence numbers of the bytes that it makes urgent: which of the two is up to
    /// `net.ipv4.tcp_stdurg` (`tcp_check_urg()`).
    pub(crate) fn urgent(&self) -> [u32; 2] {
        let &bindings::hf_segment { urg_ptr, seq, .. } = self.fields();
        let pointer = u32::from(urg_ptr);
        [pointer, pointer.saturating_sub(1)].map(|pointer| seq.wrapping_add(pointer))
    }

    /// Sequence number of its first byte of data.
    pub(crate) fn seq(&self) -> u32 {
        self.fields().seq.wrapping_add(self.is_syn().into())
    }

    /// How many bytes of data it has.
    pub(crate) fn len(&self) -> u32 {
        self.fields().len
    }

    /// The data from `offset` on that lie in the linear part; none if they begin behind it.
    #[inline]
    pub(crate) fn linear_data(&self, offset: u32) -> &[u8] {
        let &bindings::hf_segment { payload, len, .. } = self.fields();
        // SAFETY: By the type invariant.
        let data = unsafe { skb::linear(self.0.skb, payload.saturating_add(offset)) };
        // The linear part may have more, which is not TCP's.
        let left = len.saturating_sub(offset) as usize;
        data.get(..left).unwrap_or(data)
    }

    /// Passes the data from `offset` on to `consume`, piece by piece, until there are no more, or
    /// until it returns false. Returns whether there are no more.
    #[inline]
    pub(crate) fn read(&self, offset: u32, consume: impl FnMut(&[u8]) -> bool) -> bool {
        let &bindings::hf_segment { payload, len, .. } = self.fields();
        let (from, to) = (payload.saturating_add(offset), payload.saturating_add(len));
        // SAFETY: By the type invariant, the payload lies within the packet.
        unsafe { skb::read(self.0.skb, from, to, consume) }
    }

    /// Looks up the socket that will receive its data.
    pub(crate) fn look_up_socket(&self) -> SocketLookup<'a> {
        let mut found = bindings::hf_socket::default();
        let mut first_seq = bindings::hf_first_seq::default();
        // SAFETY: By the type invariant; a packet at this hook has a route; the out-parameters are
        // valid for writes.
        let kind = unsafe {
            bindings::hf_tcp_lookup(self.0.skb, self.fields(), &mut found, &mut first_seq)
        };
        // SAFETY: The function returned them together; a socket without a reference is the
        // packet's.
        unsafe { SocketLookup::new(kind, found, &first_seq) }
    }

    /// Whether the data of a SYN may be read, by Fast Open (RFC 7413). Otherwise it comes again on
    /// the connection.
    pub(crate) fn syn_data_may_be_read(&self) -> bool {
        // SAFETY: By the type invariant; a packet at this hook has a route.
        unsafe { bindings::hf_tcp_reads_syn(self.0.skb, self.fields()) }
    }

    /// Whether the TCP checksum is right. TCP has yet to look; it finds the answer noted.
    pub(crate) fn checksum_ok(&self) -> bool {
        let family = match self.flow().is_ipv6() {
            true => bindings::AF_INET6,
            false => bindings::AF_INET,
        };
        // SAFETY: By the type invariant. The packet's checksum state is all that changes, as TCP
        // itself would change it (`tcp_v4_rcv()`).
        unsafe {
            bindings::nf_checksum(
                self.0.skb,
                bindings::HF_NF_INET_LOCAL_IN,
                self.fields().header,
                bindings::HF_IPPROTO_TCP,
                family as c_ushort,
            ) == 0
        }
    }

    /// The connection's direction that it belongs to.
    pub(crate) fn flow(&self) -> &Flow {
        Flow::from_ref(&self.fields().flow)
    }

    /// Its source address and port.
    pub(crate) fn source(&self) -> SocketAddr {
        self.flow().source()
    }

    /// Its destination address and port.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.flow().destination()
    }

    /// Whether it came in by a device of this name, or by a port of a VRF device of this name.
    pub(crate) fn is_on(&self, device: &[u8]) -> bool {
        // SAFETY: By the type invariant; the name is valid for reads of its length.
        unsafe {
            bindings::hf_flow_is_on(
                &self.fields().flow,
                self.0.state,
                device.as_ptr().cast::<c_char>(),
                device.len(),
            )
        }
    }

    /// The control group in which the socket that receives it was made, or that socket's listener. May
    /// look the socket up.
    pub(crate) fn cgroup(&self) -> Option<Cgroup<'_>> {
        // SAFETY: By the type invariant; what is returned lives as long as the read-side section.
        unsafe { Cgroup::new(bindings::hf_flow_cgroup(&self.fields().flow, self.skb())) }
    }

    /// The socket that will receive it, and its network namespace. Looks the socket up.
    pub(crate) fn receiver(&self) -> Receiver {
        let mut receiver = bindings::hf_receiver::default();
        // SAFETY: By the type invariant there is a read-side section; the out-parameter is valid for a write.
        unsafe { bindings::hf_flow_receiver(&self.fields().flow, self.skb(), &mut receiver) };
        Receiver(receiver)
    }

    /// The RCU read-side section that it lives in.
    #[inline]
    pub(crate) fn read_section(&self) -> ReadSection<'_> {
        // SAFETY: By the type invariant.
        unsafe { ReadSection::new() }
    }

    /// The device that it came in by.
    pub(crate) fn device(&self) -> DeviceName {
        let mut name = DeviceName([0; bindings::HF_DEVICE_NAME as usize]);
        // SAFETY: By the type invariant; the array is of the size that is asked for.
        unsafe { bindings::hf_device_name(self.0.state, name.0.as_mut_ptr().cast::<c_char>()) };
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
