// SPDX-License-Identifier: GPL-2.0
//! The tunnels that a packet is in, as a part of what tells connections apart.
//!
//! Two connections in different tunnels may have the same addresses and ports, and both directions of
//! one have to be kept together. What both directions of a tunnel have in common is its kind, its two outer addresses,
//! whichever is the source, and a network identifier (VNI): these are part of the key of a connection.
//! What each direction has of its own is chosen by the receiver (the TEID of GTP-U, the session of L2TP, the call of PPTP,
//! and in Linux also the key of GRE). Such a *label* tells two senders apart, not which two of them belong together:
//! `connections` finds that out.
//!
//! The outer addresses of 6to4 (RFC 3056) do not count: that of a host is in its inner address, and
//! that of the relay to all other hosts is on each way that which happens to be near.
//!
//! VLANs and MPLS labels are no part of it: they change on a path, and a capture on several
//! interfaces sees one packet under several of them.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use crate::packet::Ends;
use crate::unread::Unread;

/// How many tunnels in one another are looked into.
pub(crate) const DEPTH_MAX: usize = 4;

/// What a tunnel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    EtherIp,
    Erspan,
    Geneve,
    Gre,
    Gtp,
    Gue,
    Ip4In6,
    Ip6In4,
    Ip6In6,
    IpIp,
    L2tp,
    Mpls,
    Pptp,
    Vxlan,
}

impl Kind {
    /// The name that programs and people are shown.
    const fn name(self) -> &'static str {
        match self {
            Self::EtherIp => "etherip",
            Self::Erspan => "erspan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Gtp => "gtp",
            Self::Gue => "gue",
            Self::Ip4In6 => "4in6",
            Self::Ip6In4 => "6in4",
            Self::Ip6In6 => "6in6",
            Self::IpIp => "ipip",
            Self::L2tp => "l2tp",
            Self::Mpls => "mpls",
            Self::Pptp => "pptp",
            Self::Vxlan => "vxlan",
        }
    }
}

/// What a header tells of its tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The network's number, which is the same in both directions.
    pub(crate) network: Option<u32>,
    /// What may differ in each direction.
    pub(crate) label: Option<u32>,
}

impl Header {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self {
            kind,
            network: None,
            label: None,
        }
    }
}

/// The tunnels around a connection, as far as both directions agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tunnels(Option<Rc<Tunnel>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Tunnel {
    kind: Kind,
    network: Option<u32>,
    /// Its outer addresses, the lower one first, if they are the same in both directions.
    ends: Option<[IpAddr; 2]>,
    /// What it is in.
    around: Tunnels,
}

impl Tunnels {
    fn depth(&self) -> usize {
        let mut depth: usize = 0;
        let mut tunnels = self;
        while let Some(tunnel) = &tunnels.0 {
            depth = depth.saturating_add(1);
            tunnels = &tunnel.around;
        }
        depth
    }

    /// The names of their kinds, the outermost first; `None` if there are none.
    pub(crate) fn names(&self) -> Option<Box<str>> {
        self.0.as_ref().map(|_| self.to_string().into())
    }
}

impl fmt::Display for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tunnel) = &self.0 else {
            return Ok(());
        };
        if tunnel.around.0.is_some() {
            write!(f, "{}/", tunnel.around)?;
        }
        f.write_str(tunnel.kind.name())
    }
}

/// The labels of the tunnels around a packet, the outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Labels([Option<u32>; DEPTH_MAX]);

impl Labels {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// The tunnels around a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub(crate) tunnels: Tunnels,
    pub(crate) labels: Labels,
}

impl Way {
    /// The way of what is in another tunnel, between these ends if they are the same in both directions.
    pub(crate) fn into(&self, header: Header, outer: Option<Ends>) -> Result<Self, Unread> {
        let mut labels = self.labels;
        let label = labels.0.get_mut(self.tunnels.depth());
        *label.ok_or(Unread::Deep)? = header.label;
        let ends = outer.map(
            |Ends {
                 source,
                 destination,
             }| { [source.min(destination), source.max(destination)] },
        );
        let tunnel = Tunnel {
            kind: header.kind,
            network: header.network,
            ends,
            around: self.tunnels.clone(),
        };
        Ok(Self {
            tunnels: Tunnels(Some(Rc::new(tunnel))),
            labels,
        })
    }
}
