// SPDX-License-Identifier: GPL-2.0
//! The messages of sock_diag(7) on TCP sockets: `struct inet_diag_req_v2` and `struct inet_diag_msg` of
//! `linux/inet_diag.h`, with the states of `net/tcp_states.h`.

use std::convert::Infallible;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netlink_packet_core::{
    NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, NlasIterator,
};
use nix::libc::{tcp_info, AF_INET6, IPPROTO_TCP};

use super::TcpSocket;

/// The kinds of requests.
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
pub(super) const SOCK_DESTROY: u16 = 21;

/// Attributes of a socket.
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_CGROUP_ID: u16 = 21;

/// What is timed where a connection has ended, and only its addresses are kept for a while.
const IDIAG_TIMER_TIMEWAIT: u8 = 3;

const TCP_LISTEN: u8 = 10;

/// The states of sockets that listen or have a connection, and what `ss` calls them.
const STATES: [(u8, &str); 7] = [
    (1, "established"),
    (4, "fin-wait-1"),
    (5, "fin-wait-2"),
    (8, "close-wait"),
    (9, "last-ack"),
    (TCP_LISTEN, "listening"),
    (11, "closing"),
];

/// Ports, addresses, device and cookie: `struct inet_diag_sockid`.
pub(super) type Id = [u8; 48];

/// The id of a socket, as far as it takes one to find it.
pub(super) fn id(local: SocketAddr, peer: SocketAddr, device: u32, cookie: u64) -> Id {
    let address = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96).to_be_bytes(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let (local_port, peer_port) = (local.port().to_be_bytes(), peer.port().to_be_bytes());
    let fields = [
        &local_port[..],
        &peer_port,
        &address(local),
        &address(peer),
        &device.to_ne_bytes(),
        &(cookie as u32).to_ne_bytes(),
        &((cookie >> 32) as u32).to_ne_bytes(),
    ];
    let mut id = [0; 48];
    id.copy_from_slice(&fields.concat());
    id
}

/// The device in an id, by its index.
pub(super) fn device(id: &Id) -> u32 {
    let &[.., a, b, c, d, _, _, _, _, _, _, _, _] = id;
    u32::from_ne_bytes([a, b, c, d])
}

/// The cookie in an id: the lower half, then the upper one.
pub(super) fn cookie(id: &Id) -> u64 {
    let &[.., a, b, c, d, e, f, g, h] = id;
    let (low, high) = ([a, b, c, d], [e, f, g, h]);
    (u64::from(u32::from_ne_bytes(high)) << 32) | u64::from(u32::from_ne_bytes(low))
}

/// A request for all sockets of a family that are in one of `STATES`, or for one of them.
pub(super) struct Request {
    pub(super) kind: u16,
    pub(super) family: u8,
    pub(super) only_listeners: bool,
    pub(super) id: Id,
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        8 + self.id.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let extensions = 1 << (INET_DIAG_INFO - 1);
        let states = STATES
            .iter()
            .filter(|(state, _)| !self.only_listeners || *state == TCP_LISTEN)
            .fold(0_u32, |states, (state, _)| states | (1 << state));
        let head = [self.family, IPPROTO_TCP as u8, extensions, 0];
        let fields = [&head[..], &states.to_ne_bytes(), &self.id].concat();
        buffer.copy_from_slice(&fields);
    }
}

/// The answer for one socket; none, if it is in another state or cannot be understood.
pub(super) struct Answer(pub(super) Option<TcpSocket>);

impl NetlinkDeserializable for Answer {
    type Error = Infallible;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self(parse(payload)))
    }
}

fn parse(bytes: &[u8]) -> Option<TcpSocket> {
    let (&[family, state, timer, _], bytes) = bytes.split_first_chunk()?;
    let (id, bytes): (&Id, _) = bytes.split_first_chunk()?;
    // The timer's time, two queues, the user, the inode.
    let (numbers, attributes) = bytes.split_first_chunk::<20>()?;
    let (_, state_name) = STATES.into_iter().find(|(known, _)| *known == state)?;
    if timer == IDIAG_TIMER_TIMEWAIT {
        return None;
    }
    let (&[local_high, local_low, peer_high, peer_low], addresses) = id.split_first_chunk()?;
    let (local, addresses) = addresses.split_first_chunk()?;
    let peer = addresses.first_chunk()?;
    let end = |address, port| SocketAddr::new(ip(family, address), u16::from_be_bytes(port));
    let mut socket = TcpSocket {
        is_listening: state == TCP_LISTEN,
        state: state_name,
        local: end(local, [local_high, local_low]),
        peer: end(peer, [peer_high, peer_low]),
        is_dual_stack: false,
        inode: u32::from_ne_bytes(*numbers.last_chunk()?),
        cgroup_id: None,
        received: None,
        family,
        id: *id,
    };
    for attribute in NlasIterator::new(attributes).flatten() {
        let value = attribute.value();
        match attribute.kind() {
            INET_DIAG_INFO => socket.received = received(value),
            INET_DIAG_SKV6ONLY => socket.is_dual_stack = value == [0],
            INET_DIAG_CGROUP_ID => {
                socket.cgroup_id = value.first_chunk().map(|id| u64::from_ne_bytes(*id));
            }
            _ => {}
        }
    }
    Some(socket)
}

/// An address. That of IPv4 in an IPv6 socket is IPv4's.
fn ip(family: u8, bytes: &[u8; 16]) -> IpAddr {
    match (i32::from(family), bytes) {
        (AF_INET6, bytes) => Ipv6Addr::from(*bytes).to_canonical(),
        (_, &[a, b, c, d, ..]) => Ipv4Addr::new(a, b, c, d).into(),
    }
}

/// How many bytes were received, and how long ago the last: of `struct tcp_info`, which grows from kernel to kernel.
fn received(info: &[u8]) -> Option<(u64, Duration)> {
    let bytes = info.get(offset_of!(tcp_info, tcpi_bytes_received)..)?;
    let elapsed = info.get(offset_of!(tcp_info, tcpi_last_data_recv)..)?;
    let elapsed = u32::from_ne_bytes(*elapsed.first_chunk()?);
    let bytes = u64::from_ne_bytes(*bytes.first_chunk()?);
    Some((bytes, Duration::from_millis(elapsed.into())))
}
