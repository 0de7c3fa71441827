// SPDX-License-Identifier: GPL-2.0

//! The hook.

use super::{
    flow_set::FlowSet,
    packet::{Packet, Segment, Unreadable},
    socket::SocketLookup,
};

/// The verdict on a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NfVerdict {
    Accept,
    Drop,
}

/// A filter of packets.
pub(crate) trait Hook: Send + Sync + 'static {
    fn inspected_flows(&self) -> &FlowSet;

    fn verdict(&self, segment: &Segment<'_>, socket: SocketLookup<'_>) -> NfVerdict;

    #[allow(dead_code)]
    fn unreadable(&self, why: Unreadable);
}

/// The verdict of a filter whose hook gets a packet, as `netfilter.c` has it.
pub(crate) fn run_hook(hook: &impl Hook, packet: &Packet<'_>) -> NfVerdict {
    let flows = hook.inspected_flows();
    if packet.received() != 0 && !flows.may_have(&packet.flow()) {
        return NfVerdict::Accept;
    }
    let Some(segment) = packet.segment() else {
        return NfVerdict::Accept;
    };
    if segment.is_syn() {
        return hook.verdict(&segment, SocketLookup::NoSocket);
    }
    let socket = segment.look_up_socket();
    match &socket {
        SocketLookup::Socket(socket)
            if socket.received() != 0 && !flows.may_have(segment.flow()) =>
        {
            NfVerdict::Accept
        }
        _ => hook.verdict(&segment, socket),
    }
}

/// Which network namespaces are hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Initial,
}
