// SPDX-License-Identifier: GPL-2.0
//! What a message of rtnetlink(7) tells of a link or an address.
//!
//! Attributes are read one by one, and only those that are of use: what one of them holds that a newer kernel has
//! changed, or a driver has made up, is no reason not to read the others.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Instant;

use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NlaBuffer, NlasIterator, Parseable,
    ParseableParametrized,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkHeader, State};
use netlink_packet_route::AddressFamily;
use nix::libc;

use crate::links::{Address, Lifetime, Link, Lower, Move, Notice};

/// Those of `linux/if_link.h` that the libc crate does not have.
const IFLA_ALT_IFNAME: u16 = 53;

/// Of `linux/if_addr.h`.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_PROTO: u16 = 11;

/// How much the attributes are behind the head of a message: `struct ifinfomsg`, `struct ifaddrmsg`.
const LINK_HEAD: usize = 16;
const ADDRESS_HEAD: usize = 8;

/// What a message tells; nothing, if it is about something else.
pub(super) struct Told(pub(super) Vec<Notice>);

impl NetlinkDeserializable for Told {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        let mut unread = Vec::new();
        let kind = header.message_type;
        let told = match kind {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => {
                link(payload, kind == libc::RTM_DELLINK, &mut unread)
            }
            libc::RTM_NEWADDR => address(payload, &mut unread).map(|it| it.map(Notice::Address)),
            libc::RTM_DELADDR => {
                address(payload, &mut unread).map(|it| it.map(Notice::AddressGone))
            }
            _ => Ok(None),
        };
        let mut notices = Vec::new();
        match told {
            Ok(notice) => notices.extend(notice),
            Err(error) => unread.push(error),
        }
        notices.extend(unread.iter().map(|error| Notice::Unread(error.to_string())));
        Ok(Self(notices))
    }
}

/// The value of an attribute, if it can be read.
fn readable<T>(read: Result<T, DecodeError>, unread: &mut Vec<DecodeError>) -> Option<T> {
    read.map_err(|error| unread.push(error)).ok()
}

/// A text, which may be in any encoding.
fn text(nla: &NlaBuffer<&[u8]>) -> String {
    let bytes = nla.value();
    String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned()
}

/// A link that there is, or that has gone.
fn link(
    payload: &[u8],
    has_gone: bool,
    unread: &mut Vec<DecodeError>,
) -> Result<Option<Notice>, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    // What bridges tell of their ports comes in the same way, and is not all of it.
    if header.interface_family != AddressFamily::Unspec {
        return Ok(None);
    }
    let is_up = header.flags.contains(LinkFlags::Up);
    let mut link = Link {
        index: header.index,
        name: String::new(),
        altnames: Vec::new(),
        alias: None,
        kind: None,
        is_up,
        carrier: is_up.then(|| header.flags.contains(LinkFlags::LowerUp)),
        operstate: state(State::Unknown),
        mtu: 0,
        mac: None,
        master: None,
        lower: None,
    };
    let mut is_whole = false;
    let (mut lower, mut nsid) = (None, None);
    let (mut new_nsid, mut new_index) = (None, None);
    let attributes = payload.get(LINK_HEAD..).unwrap_or_default();
    for nla in NlasIterator::new(attributes) {
        let nla = nla?;
        match nla.kind() {
            libc::IFLA_IFNAME => link.name = text(&nla),
            libc::IFLA_IFALIAS => link.alias = Some(text(&nla)),
            libc::IFLA_LINKINFO => link.kind = readable(info_kind(&nla), unread).flatten(),
            libc::IFLA_PROP_LIST => {
                for name in NlasIterator::new(nla.value()) {
                    let name = readable(name, unread);
                    let name = name.filter(|name| name.kind() == IFLA_ALT_IFNAME);
                    link.altnames.extend(name.map(|name| text(&name)));
                }
            }
            libc::IFLA_ADDRESS
            | libc::IFLA_MTU
            | libc::IFLA_LINK
            | libc::IFLA_MASTER
            | libc::IFLA_OPERSTATE
            | libc::IFLA_LINK_NETNSID
            | libc::IFLA_NEW_NETNSID
            | libc::IFLA_NEW_IFINDEX => {
                let read = LinkAttribute::parse_with_param(&nla, header.interface_family);
                match readable(read, unread) {
                    Some(LinkAttribute::Address(mac)) => {
                        link.mac = mac.iter().any(|byte| *byte != 0).then_some(mac);
                    }
                    Some(LinkAttribute::Mtu(mtu)) => {
                        link.mtu = mtu;
                        is_whole = true;
                    }
                    Some(LinkAttribute::Link(index)) => lower = Some(index),
                    Some(LinkAttribute::Controller(index)) => link.master = Some(index),
                    Some(LinkAttribute::OperState(operstate)) => link.operstate = state(operstate),
                    Some(LinkAttribute::LinkNetNsId(id)) => nsid = Some(id),
                    Some(LinkAttribute::NewNetnsId(id)) => new_nsid = Some(id),
                    Some(LinkAttribute::NewIfIndex(index)) => new_index = index.try_into().ok(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if has_gone {
        let moved = new_nsid.map(|nsid| Move {
            nsid,
            index: new_index,
        });
        return Ok(Some(Notice::LinkGone(link.index, moved)));
    }
    // Wireless extensions tell of a scan or of roaming by a message that has the name and little else
    // (`rtnetlink_ifinfo_prep()`).
    if !is_whole {
        return Ok(None);
    }
    // Of a tunnel that is bound to none, it is 0.
    let lower = lower.filter(|index| *index != 0);
    link.lower = lower.map(|index| Lower { index, nsid });
    Ok(Some(Notice::Link(link)))
}

/// The name of a state, as iproute2 has it, in small letters.
fn state(state: State) -> String {
    state.to_string().to_lowercase()
}

/// The kind of a link that is made by software. What else is told of it differs from kind to kind.
fn info_kind(info: &NlaBuffer<&[u8]>) -> Result<Option<String>, DecodeError> {
    for nla in NlasIterator::new(info.value()) {
        let nla = nla?;
        if nla.kind() == libc::IFLA_INFO_KIND {
            return Ok(Some(InfoKind::parse(&nla)?.to_string()));
        }
    }
    Ok(None)
}

/// An address, if it is one of IPv4 or IPv6.
fn address(payload: &[u8], unread: &mut Vec<DecodeError>) -> Result<Option<Address>, DecodeError> {
    let header = AddressHeader::parse(payload)?;
    if !matches!(header.family, AddressFamily::Inet | AddressFamily::Inet6) {
        return Ok(None);
    }
    let now = Instant::now();
    let (mut prefix, mut local) = (None, None);
    let (mut broadcast, mut label, mut protocol, mut metric) = (None, None, None, None);
    let mut flags = AddressFlags::from_bits_retain(header.flags.bits().into());
    let mut cache_info = CacheInfo::default();
    (cache_info.ifa_valid, cache_info.ifa_preferred) = (u32::MAX, u32::MAX);
    let attributes = payload.get(ADDRESS_HEAD..).unwrap_or_default();
    for nla in NlasIterator::new(attributes) {
        let nla = nla?;
        match nla.kind() {
            IFA_LABEL => label = Some(text(&nla)),
            IFA_ADDRESS | IFA_LOCAL | IFA_BROADCAST | IFA_CACHEINFO | IFA_FLAGS
            | IFA_RT_PRIORITY | IFA_PROTO => {
                match readable(AddressAttribute::parse(&nla), unread) {
                    Some(AddressAttribute::Address(address)) => prefix = Some(address),
                    Some(AddressAttribute::Local(address)) => local = Some(address),
                    Some(AddressAttribute::Broadcast(address)) => broadcast = Some(address),
                    Some(AddressAttribute::CacheInfo(info)) => cache_info = info,
                    Some(AddressAttribute::Flags(all)) => flags = all,
                    Some(AddressAttribute::RoutePriority(number)) => metric = Some(number),
                    Some(AddressAttribute::Protocol(of)) => protocol = Some(of.to_string()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let (local, peer): (Option<IpAddr>, Option<IpAddr>) = match (local, prefix) {
        // Where there is no other end, IPv4 tells the address twice, and IPv6 as that of the prefix.
        (Some(local), Some(peer)) if local != peer => (Some(local), Some(peer)),
        (local, prefix) => (local.or(prefix), None),
    };
    let address = local.map(|local| Address {
        index: header.index,
        local,
        prefix_length: header.prefix_len,
        peer,
        broadcast,
        scope: scope(header.scope),
        label,
        protocol,
        metric,
        flags,
        valid: Lifetime::new(cache_info.ifa_valid, now),
        preferred: Lifetime::new(cache_info.ifa_preferred, now),
    });
    address
        .map(Some)
        .ok_or_else(|| "an address message without an address".into())
}

/// The name of a scope, as iproute2 has it.
fn scope(scope: AddressScope) -> String {
    match scope {
        AddressScope::Universe => "global".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attribute with a value of four bytes.
    fn attribute(kind: u16, value: [u8; 4]) -> Vec<u8> {
        let [length, kind] = [8u16, kind].map(u16::to_ne_bytes);
        [&length[..], &kind, &value].concat()
    }

    fn told(attributes: &[Vec<u8>]) -> Vec<Notice> {
        let mut header = NetlinkHeader::default();
        header.message_type = libc::RTM_NEWLINK;
        let mut message = vec![0; LINK_HEAD];
        message[4] = 7;
        message.extend(attributes.concat());
        let Ok(told) = Told::deserialize(&header, &message);
        told.0
    }

    #[test]
    fn a_message_that_does_not_tell_all_of_a_link_is_passed_over() {
        let name = attribute(libc::IFLA_IFNAME, *b"wl0\0");
        let mtu = attribute(libc::IFLA_MTU, 1400u32.to_ne_bytes());
        assert_eq!(told(&[name.clone()]), []);
        let [Notice::Link(link)] = &told(&[name, mtu])[..] else {
            panic!("a link")
        };
        assert_eq!((link.name.as_str(), link.mtu, link.index), ("wl0", 1400, 7));
    }
}
