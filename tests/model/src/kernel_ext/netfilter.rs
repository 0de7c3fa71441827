// SPDX-License-Identifier: GPL-2.0

//! The hook.

use super::packet::Packet;

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    Drop,
}

/// A filter of packets.
pub(crate) trait Hook: Send + Sync + 'static {
    fn verdict(&self, packet: &Packet<'_>) -> Verdict;
}

/// Which network namespaces are hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Initial,
}
