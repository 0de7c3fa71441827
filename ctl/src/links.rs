// SPDX-License-Identifier: GPL-2.0
//! Network interfaces and their addresses: what is known of them, and what changes.
//!
//! The kernel's notifications tell the whole of the link or address that they are about, not what has changed of it. So
//! a [`State`] is kept, and what differs from it is a [`Change`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use netlink_packet_route::address::AddressFlags;

/// Lifetimes are told in whole seconds, and their rounding is no change.
const ROUNDING: Duration = Duration::from_secs(2);

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Other names, by which it is found as well.
    pub(crate) altnames: Vec<String>,
    /// What somebody has written about it.
    pub(crate) alias: Option<String>,
    /// Of one that is made by software: `veth`, `vlan`, ...
    pub(crate) kind: Option<String>,
    /// Whether it was switched on.
    pub(crate) is_up: bool,
    /// Whether there is a signal; of one that is down it is not known.
    pub(crate) carrier: Option<bool>,
    /// By RFC 2863: `up`, `lowerlayerdown`, ...
    pub(crate) operstate: String,
    pub(crate) mtu: u32,
    /// Its hardware address; none, if that is empty or zero.
    pub(crate) mac: Option<Vec<u8>>,
    /// The bridge, bond, team or VRF that it is a port of.
    pub(crate) master: Option<u32>,
    /// The one that it lies on, or the other end of a pair.
    pub(crate) lower: Option<Lower>,
}

impl Link {
    /// Whether this is its name, or one of its altnames.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.altnames.iter().any(|altname| altname == name)
    }
}

/// The interface that another one lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lower {
    pub(crate) index: u32,
    /// Its network namespace, if that is another one, by the number that it has in this one.
    pub(crate) nsid: Option<i32>,
}

/// Where an interface has gone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// The network namespace, by the number that it has in this one.
    pub(crate) nsid: i32,
    /// What its index is there.
    pub(crate) index: Option<u32>,
}

/// How long an address has still to live, or to be preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Forever,
    Until(Instant),
    /// It was over when this was told.
    Over(Instant),
}

impl Lifetime {
    /// As the kernel tells it, in seconds that are left.
    pub(crate) fn new(seconds: u32, now: Instant) -> Self {
        match (
            seconds,
            now.checked_add(Duration::from_secs(seconds.into())),
        ) {
            (0, _) => Self::Over(now),
            (u32::MAX, _) | (_, None) => Self::Forever,
            (_, Some(end)) => Self::Until(end),
        }
    }

    /// How many seconds are left, about; none, if it has no end.
    pub(crate) fn left(self, now: Instant) -> Option<u64> {
        match self {
            Self::Forever => None,
            Self::Until(end) => {
                let left = end.saturating_duration_since(now) + Duration::from_millis(500);
                Some(left.as_secs())
            }
            Self::Over(_) => Some(0),
        }
    }

    /// Whether a lifetime that is told later is the same, which has gone on meanwhile.
    fn has_become(self, later: Self) -> bool {
        match (self, later) {
            (Self::Forever, Self::Forever) | (Self::Over(_), Self::Over(_)) => true,
            (Self::Until(one), Self::Until(other)) => {
                one.max(other).duration_since(one.min(other)) <= ROUNDING
            }
            (Self::Until(end), Self::Over(told)) => end.duration_since(told) <= ROUNDING,
            _ => false,
        }
    }
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The interface's.
    pub(crate) index: u32,
    pub(crate) local: IpAddr,
    pub(crate) prefix_length: u8,
    /// The other end's, where the prefix is that of a pair.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) broadcast: Option<Ipv4Addr>,
    /// `global`, `link`, ...
    pub(crate) scope: String,
    /// A name of IPv4's alone.
    pub(crate) label: Option<String>,
    /// Who has made it: `kernel_ra`, ..., or a number.
    pub(crate) protocol: Option<String>,
    /// Of the route to its prefix.
    pub(crate) metric: Option<u32>,
    pub(crate) flags: AddressFlags,
    pub(crate) valid: Lifetime,
    pub(crate) preferred: Lifetime,
}

/// What tells an address from the others of its interface: for IPv4 with its prefix and its peer, for IPv6 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    local: IpAddr,
    prefix: Option<(u8, Option<IpAddr>)>,
}

/// Names of the flags of addresses, as iproute2 has them; one of them depends on the version of IP.
const FLAGS: [(AddressFlags, &str); 11] = [
    (AddressFlags::Tentative, "tentative"),
    (AddressFlags::Optimistic, "optimistic"),
    (AddressFlags::Dadfailed, "dadfailed"),
    (AddressFlags::Deprecated, "deprecated"),
    (AddressFlags::Secondary, "secondary"),
    (AddressFlags::Nodad, "nodad"),
    (AddressFlags::Homeaddress, "home"),
    (AddressFlags::Managetempaddr, "mngtmpaddr"),
    (AddressFlags::Noprefixroute, "noprefixroute"),
    (AddressFlags::Mcautojoin, "autojoin"),
    (AddressFlags::StablePrivacy, "stable-privacy"),
];

impl Address {
    pub(crate) fn key(&self) -> Key {
        let prefix = (self.prefix_length, self.peer);
        Key {
            local: self.local,
            prefix: self.local.is_ipv4().then_some(prefix),
        }
    }

    /// The names of its flags; `dynamic`, if it has a lifetime.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &'static str> + '_ {
        let set = FLAGS.iter().filter(|(flag, _)| self.flags.contains(*flag));
        let names = set.map(|(_, name)| match *name {
            "secondary" if self.local.is_ipv6() => "temporary",
            name => name,
        });
        let is_dynamic = !self.flags.contains(AddressFlags::Permanent);
        names.chain(is_dynamic.then_some("dynamic"))
    }

    /// Takes over the lifetimes that were told before, if they are the same and have only gone on.
    fn keep_lifetimes(&mut self, before: &Self) {
        for (now, before) in [
            (&mut self.valid, before.valid),
            (&mut self.preferred, before.preferred),
        ] {
            if before.has_become(*now) {
                *now = before;
            }
        }
    }
}

/// What the kernel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// How a link is.
    Link(Link),
    /// The one with this index is not there any more.
    LinkGone(u32, Option<Move>),
    /// How an address is.
    Address(Address),
    AddressGone(Address),
    /// Something that cannot be read, and why.
    Unread(String),
}

/// A link, with the names of others that it tells of by their indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) link: Link,
    pub(crate) master: Option<String>,
    pub(crate) lower: Option<String>,
}

/// What differs from what was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Of a link that is new, there is none before; of one that has gone, none after.
    Link {
        before: Option<Box<Named>>,
        after: Option<Box<Named>>,
        moved: Option<Move>,
    },
    Address {
        /// The name of its interface, if that is known.
        link: Option<String>,
        before: Option<Box<Address>>,
        after: Option<Box<Address>>,
    },
}

impl Change {
    /// The index of the interface that it is about.
    pub(crate) fn index(&self) -> Option<u32> {
        match self {
            Self::Link { before, after, .. } => {
                after.as_ref().or(before.as_ref()).map(|it| it.link.index)
            }
            Self::Address { before, after, .. } => {
                after.as_ref().or(before.as_ref()).map(|it| it.index)
            }
        }
    }
}

/// All links of a network namespace, and their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<u32, BTreeMap<Key, Address>>,
}

impl FromIterator<Notice> for State {
    fn from_iter<I: IntoIterator<Item = Notice>>(notices: I) -> Self {
        let mut state = Self::default();
        for notice in notices {
            state.apply(notice);
        }
        // An address of a link that was made after all links were told comes again with that link.
        let Self { links, addresses } = &mut state;
        addresses.retain(|index, _| links.contains_key(index));
        state
    }
}

impl State {
    /// All links, by their indexes.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The addresses of a link: IPv4's, and then IPv6's.
    pub(crate) fn addresses(&self, index: u32) -> impl Iterator<Item = &Address> {
        let found = self.addresses.get(&index).into_iter();
        found.flat_map(BTreeMap::values)
    }

    /// The name of a link.
    pub(crate) fn name(&self, index: u32) -> Option<&str> {
        self.links.get(&index).map(|link| link.name.as_str())
    }

    /// A link, with the names that it takes to tell of it.
    pub(crate) fn named(&self, link: &Link) -> Named {
        let name = |index| self.name(index).map(str::to_owned);
        let near = link.lower.filter(|lower| lower.nsid.is_none());
        Named {
            master: link.master.and_then(name),
            lower: near.and_then(|lower| name(lower.index)),
            link: link.clone(),
        }
    }

    /// Takes in what the kernel tells, and tells what of it is new. A link takes its addresses with it.
    pub(crate) fn apply(&mut self, notice: Notice) -> Vec<Change> {
        match notice {
            Notice::Link(link) => {
                let before = self.links.get(&link.index);
                if before == Some(&link) {
                    return Vec::new();
                }
                let before = before.map(|before| Box::new(self.named(before)));
                self.links.insert(link.index, link.clone());
                let after = Some(Box::new(self.named(&link)));
                vec![Change::Link {
                    before,
                    after,
                    moved: None,
                }]
            }
            Notice::LinkGone(index, moved) => {
                let mut changes = Vec::new();
                for address in self
                    .addresses
                    .remove(&index)
                    .unwrap_or_default()
                    .into_values()
                {
                    changes.push(self.change(Some(address), None));
                }
                if let Some(link) = self.links.get(&index) {
                    let before = Some(Box::new(self.named(link)));
                    self.links.remove(&index);
                    changes.push(Change::Link {
                        before,
                        after: None,
                        moved,
                    });
                }
                changes
            }
            Notice::Address(mut address) => {
                let own = self.addresses.entry(address.index).or_default();
                if let Some(before) = own.get(&address.key()) {
                    address.keep_lifetimes(before);
                    if *before == address {
                        return Vec::new();
                    }
                }
                let before = own.insert(address.key(), address.clone());
                vec![self.change(before, Some(address))]
            }
            Notice::AddressGone(address) => {
                let own = self.addresses.get_mut(&address.index);
                let before = own.and_then(|own| own.remove(&address.key()));
                let gone = before.map(|before| self.change(Some(before), None));
                gone.into_iter().collect()
            }
            Notice::Unread(_) => Vec::new(),
        }
    }

    /// A change of an address, with the name of its link.
    fn change(&self, before: Option<Address>, after: Option<Address>) -> Change {
        let index = after.as_ref().or(before.as_ref()).map(|it| it.index);
        Change::Address {
            link: index.and_then(|index| self.name(index)).map(str::to_owned),
            before: before.map(Box::new),
            after: after.map(Box::new),
        }
    }

    /// Becomes another state, and tells what differs: first what has gone, then what is new or otherwise.
    pub(crate) fn become_like(&mut self, other: Self) -> Vec<Change> {
        let mut notices = Vec::new();
        for (index, own) in &self.addresses {
            let others = other.addresses.get(index);
            let gone = own
                .iter()
                .filter(|(key, _)| others.is_none_or(|others| !others.contains_key(key)));
            notices.extend(gone.map(|(_, address)| Notice::AddressGone(address.clone())));
        }
        let gone = self.links.keys();
        let gone = gone.filter(|index| !other.links.contains_key(index));
        notices.extend(gone.map(|&index| Notice::LinkGone(index, None)));
        notices.extend(other.links.into_values().map(Notice::Link));
        let addresses = other.addresses.into_values();
        let addresses = addresses.flat_map(BTreeMap::into_values);
        notices.extend(addresses.map(Notice::Address));
        let changes = notices.into_iter().map(|notice| self.apply(notice));
        changes.flatten().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A veth that is up, as it is told of.
    pub(crate) fn link(index: u32, name: &str) -> Link {
        Link {
            index,
            name: name.to_owned(),
            altnames: Vec::new(),
            alias: None,
            kind: Some("veth".to_owned()),
            is_up: true,
            carrier: Some(true),
            operstate: "up".to_owned(),
            mtu: 1500,
            mac: Some(vec![2, 0, 0, 0, 0, 1]),
            master: None,
            lower: None,
        }
    }

    pub(crate) fn address(index: u32, local: &str, prefix_length: u8) -> Address {
        Address {
            index,
            local: local.parse().unwrap(),
            prefix_length,
            peer: None,
            broadcast: None,
            scope: "global".to_owned(),
            label: None,
            protocol: None,
            metric: None,
            flags: AddressFlags::Permanent,
            valid: Lifetime::Forever,
            preferred: Lifetime::Forever,
        }
    }

    fn state(notices: &[Notice]) -> State {
        notices.iter().cloned().collect()
    }

    fn eth0() -> State {
        state(&[
            Notice::Link(link(2, "eth0")),
            Notice::Address(address(2, "192.0.2.1", 24)),
            Notice::Address(address(2, "2001:db8::1", 64)),
        ])
    }

    /// How many links and addresses a change adds, changes, and removes.
    fn shape(change: &Change) -> (&'static str, bool, bool) {
        match change {
            Change::Link { before, after, .. } => ("link", before.is_some(), after.is_some()),
            Change::Address { before, after, .. } => ("address", before.is_some(), after.is_some()),
        }
    }

    const NEW: (bool, bool) = (false, true);
    const CHANGED: (bool, bool) = (true, true);
    const GONE: (bool, bool) = (true, false);

    fn shapes(changes: &[Change]) -> Vec<(&'static str, (bool, bool))> {
        let shapes = changes.iter().map(shape);
        shapes
            .map(|(what, before, after)| (what, (before, after)))
            .collect()
    }

    #[test]
    fn what_says_nothing_new_is_no_change() {
        let mut state = eth0();
        for notice in [
            Notice::Link(link(2, "eth0")),
            Notice::Address(address(2, "192.0.2.1", 24)),
            Notice::LinkGone(3, None),
            Notice::AddressGone(address(2, "192.0.2.2", 24)),
            Notice::AddressGone(address(3, "192.0.2.1", 24)),
            Notice::Unread("odd".to_owned()),
        ] {
            assert_eq!(state.apply(notice), []);
        }
        assert_eq!(state, eth0());
    }

    #[test]
    fn a_link_takes_its_addresses_with_it() {
        let mut state = eth0();
        let moved = Some(Move {
            nsid: 0,
            index: Some(7),
        });
        let changes = state.apply(Notice::LinkGone(2, moved));
        assert_eq!(
            shapes(&changes),
            [("address", GONE), ("address", GONE), ("link", GONE)]
        );
        assert!(matches!(&changes[0], Change::Address { link: Some(name), .. } if name == "eth0"));
        assert!(matches!(&changes[2], Change::Link { moved: told, .. } if *told == moved));
        assert_eq!(state, State::default());
    }

    #[test]
    fn a_change_has_the_names_from_before_and_after() {
        let mut state = state(&[
            Notice::Link(link(2, "eth0")),
            Notice::Link(link(3, "br0")),
            Notice::Link(link(4, "br1")),
        ]);
        let port = |master| Link {
            master,
            ..link(2, "eth0")
        };
        for (master, before, after) in [
            (Some(3), None, Some("br0")),
            (Some(4), Some("br0"), Some("br1")),
            (Some(9), Some("br1"), None),
            (None, None, None),
        ] {
            let changes = state.apply(Notice::Link(port(master)));
            let [Change::Link {
                before: Some(told_before),
                after: Some(told_after),
                ..
            }] = &changes[..]
            else {
                panic!("{changes:?}")
            };
            assert_eq!(told_before.master.as_deref(), before);
            assert_eq!(told_after.master.as_deref(), after);
        }
    }

    #[test]
    fn the_name_of_another_namespaces_link_is_not_guessed() {
        let state = state(&[Notice::Link(link(2, "eth0"))]);
        let on = |nsid| Link {
            lower: Some(Lower { index: 2, nsid }),
            ..link(3, "veth0")
        };
        assert_eq!(state.named(&on(None)).lower.as_deref(), Some("eth0"));
        assert_eq!(state.named(&on(Some(0))).lower, None);
    }

    #[test]
    fn ipv4_addresses_are_told_apart_by_prefix_and_peer_and_those_of_ipv6_are_not() {
        let with_peer = |local, length, peer: &str| Address {
            peer: Some(peer.parse().unwrap()),
            ..address(2, local, length)
        };
        let mut state = eth0();
        for (told, expected) in [
            (address(2, "192.0.2.1", 25), NEW),
            (with_peer("192.0.2.1", 32, "192.0.2.9"), NEW),
            (with_peer("192.0.2.1", 32, "192.0.2.8"), NEW),
            (with_peer("2001:db8::1", 128, "2001:db8::2"), CHANGED),
            (address(3, "2001:db8::1", 64), NEW),
        ] {
            let changes = state.apply(Notice::Address(told));
            assert_eq!(shapes(&changes), [("address", expected)]);
        }
        assert_eq!(state.addresses(2).count(), 5);
        let changes = state.apply(Notice::AddressGone(address(2, "192.0.2.1", 25)));
        assert_eq!(shapes(&changes), [("address", GONE)]);
        assert_eq!(state.addresses(2).count(), 4);
    }

    #[test]
    fn a_lifetime_that_goes_on_is_no_change() {
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        let told = |left, at: Instant| {
            Notice::Address(Address {
                flags: AddressFlags::empty(),
                valid: Lifetime::new(3600 - (at - began).as_secs() as u32, at),
                preferred: Lifetime::new(left, at),
                ..address(2, "2001:db8::5", 64)
            })
        };
        let mut state = eth0();
        assert_eq!(state.apply(told(60, began)).len(), 1);
        for (left, at, is_new) in [
            (50, 10, false),
            // Rounded otherwise.
            (39, 20, false),
            (0, 60, false),
            (0, 70, false),
            // Renewed, shortened, ended before its time, without end.
            (60, 80, true),
            (20, 81, true),
            (0, 82, true),
            (u32::MAX, 83, true),
            (u32::MAX, 84, false),
            (1000, 85, true),
        ] {
            let changes = state.apply(told(left, later(at)));
            assert_eq!(!changes.is_empty(), is_new, "{left} at {at}");
        }
    }

    #[test]
    fn how_much_is_left_is_counted_from_now() {
        let began = Instant::now();
        let later = began + Duration::from_secs(10);
        for (told, left) in [(0, Some(0)), (5, Some(0)), (15, Some(5)), (u32::MAX, None)] {
            assert_eq!(Lifetime::new(told, began).left(later), left);
        }
    }

    #[test]
    fn another_state_is_reached_by_its_differences() {
        let mut state = eth0();
        for notice in [
            Notice::Link(link(3, "gone0")),
            Notice::Address(address(3, "198.51.100.1", 24)),
        ] {
            state.apply(notice);
        }
        let mut other = eth0();
        for notice in [
            Notice::Link(Link {
                mtu: 9000,
                ..link(2, "lan0")
            }),
            Notice::AddressGone(address(2, "192.0.2.1", 24)),
            Notice::Address(Address {
                flags: AddressFlags::Permanent | AddressFlags::Deprecated,
                ..address(2, "2001:db8::1", 64)
            }),
            Notice::Link(link(4, "new0")),
            Notice::Address(address(4, "203.0.113.1", 24)),
        ] {
            other.apply(notice);
        }
        let changes = state.become_like(other.clone());
        let expected = [
            ("address", GONE),
            ("address", GONE),
            ("link", GONE),
            ("link", CHANGED),
            ("link", NEW),
            ("address", CHANGED),
            ("address", NEW),
        ];
        assert_eq!(shapes(&changes), expected);
        assert_eq!(state.links, other.links);
        for index in [2, 3, 4] {
            assert!(state.addresses(index).eq(other.addresses(index)));
        }
        assert_eq!(state.become_like(other), []);
    }

    #[test]
    fn an_address_whose_link_was_not_told_is_new_when_it_comes_with_that() {
        let orphan = || Notice::Address(address(3, "198.51.100.1", 24));
        let mut state: State = [Notice::Link(link(2, "eth0")), orphan()]
            .into_iter()
            .collect();
        assert!(state.addresses(3).next().is_none());
        state.apply(Notice::Link(link(3, "new0")));
        assert_eq!(shapes(&state.apply(orphan())), [("address", NEW)]);
    }

    #[test]
    fn flags_have_the_names_of_their_version_of_ip() {
        let names = |local, flags| {
            let address = Address {
                flags,
                ..address(2, local, 24)
            };
            address.flags().collect::<Vec<_>>()
        };
        let (secondary, permanent) = (AddressFlags::Secondary, AddressFlags::Permanent);
        assert_eq!(names("192.0.2.1", secondary | permanent), ["secondary"]);
        assert_eq!(names("2001:db8::1", secondary), ["temporary", "dynamic"]);
        assert!(names("2001:db8::1", permanent).is_empty());
    }
}
