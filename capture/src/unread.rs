// SPDX-License-Identifier: GPL-2.0
//! Why no segment is read in a packet.

use std::fmt;

use crate::link::LinkType;
use crate::tunnel::DEPTH_MAX;

/// What a packet is that may hold a TCP segment, but is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unread {
    /// Of a link type that is not known here.
    LinkType(LinkType),
    /// Of an EtherType that is not known here.
    EtherType(u16),
    /// Of a PPP protocol that is not known here.
    PppProtocol(u16),
    /// Of an organisation's own protocols in SNAP that are not known here.
    SnapOrganisation(u32),
    /// Encrypted: by what.
    Encrypted(&'static str),
    /// Compressed: by what.
    Compressed(&'static str),
    /// In a protocol whose header has this version, which is not known here.
    Version(&'static str, u8),
    /// In a tunnel that only its ends can read: which.
    Opaque(&'static str),
    /// Behind labels of MPLS, and neither IP nor Ethernet.
    MplsPayload,
    /// A fragment of an 802.11 frame.
    WifiFragment,
    /// A fragment of an IP packet, behind one that is missing.
    IpFragment,
    /// In more tunnels than are looked into.
    Deep,
    /// Cut off within a header, or malformed.
    Malformed,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(link) => link.fmt(f),
            Self::EtherType(number) => write!(f, "EtherType 0x{number:04x}"),
            Self::PppProtocol(number) => write!(f, "PPP protocol 0x{number:04x}"),
            Self::SnapOrganisation(number) => write!(f, "SNAP of organisation 0x{number:06x}"),
            Self::Encrypted(by) => write!(f, "{by}, encrypted"),
            Self::Compressed(by) => write!(f, "{by}, compressed"),
            Self::Version(protocol, version) => write!(f, "{protocol} version {version}"),
            Self::Opaque(tunnel) => write!(f, "{tunnel}, which only its ends can read"),
            Self::MplsPayload => f.write_str("MPLS around neither IP nor Ethernet"),
            Self::WifiFragment => f.write_str("802.11 fragments"),
            Self::IpFragment => f.write_str("IP fragments behind missing ones"),
            Self::Deep => write!(f, "more than {DEPTH_MAX} tunnels in one another"),
            Self::Malformed => f.write_str("cut off within a header, or malformed"),
        }
    }
}

/// Why reading a packet ends before a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It holds another protocol, or nothing yet.
    NotTcp,
    Unread(Unread),
}

impl From<Unread> for Left {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}
