// SPDX-License-Identifier: GPL-2.0

//! The hook.

use super::packet::Packet;

/// The verdict on a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NfVerdict {
    Accept,
    Drop,
}

/// A filter of packets.
pub(crate) trait Hook: Send + Sync + 'static {
    fn verdict(&self, packet: &Packet<'_>) -> NfVerdict;
}

/// Which network namespaces are hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Initial,
}
