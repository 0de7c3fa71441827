// SPDX-License-Identifier: GPL-2.0

//! Packets, each of which has a TCP segment.

use super::{
    cgroup::Cgroup,
    rcu::ReadSection,
    socket::{Flow, SocketLookup},
};
use crate::{
    scenario::Syn,
    world::{self, observe, with},
};
use core::marker::PhantomData;

/// A packet.
pub(crate) struct Packet<'a> {
    packet: world::Packet,
    _call: PhantomData<&'a ()>,
}

/// Why a packet could not be read: none of the model's is so.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)]
pub(crate) enum Unreadable {
    Malformed,
    Fragment,
    DeviceMemory,
}

/// A TCP segment in a [`Packet`].
pub(crate) struct Segment<'a> {
    packet: world::Packet,
    flow: Flow,
    _packet: PhantomData<&'a ()>,
}

impl Packet<'_> {
    pub(crate) fn new(packet: world::Packet) -> Self {
        Self {
            packet,
            _call: PhantomData,
        }
    }

    pub(super) fn received(&self) -> u64 {
        let received =
            |world: &mut world::World| Some(world.sockets[self.packet.demuxed?].received());
        observe(with(received).unwrap_or(0))
    }

    pub(super) fn flow(&self) -> Flow {
        Flow::new(&self.packet)
    }

    pub(super) fn segment(&self) -> Option<Segment<'_>> {
        let segment = Segment {
            packet: self.packet,
            flow: self.flow(),
            _packet: PhantomData,
        };
        let may_add_data = segment.len() != 0 || segment.is_urgent();
        (segment.is_syn() || may_add_data).then_some(segment)
    }
}

impl Segment<'_> {
    pub(super) fn packet(&self) -> &world::Packet {
        &self.packet
    }

    pub(crate) fn is_syn(&self) -> bool {
        self.packet.syn.is_some()
    }

    pub(crate) fn is_mptcp_join(&self) -> bool {
        self.packet.syn == Some(Syn::Subflow)
    }

    pub(crate) fn syn_data_may_be_read(&self) -> bool {
        self.packet.syn == Some(Syn::FastOpen)
    }

    /// The CPU on which packets keep their order.
    pub(crate) fn cpu(&self) -> Option<u32> {
        observe(world::current_cpu())
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.packet.urgent.is_some()
    }

    /// As `Segment::urgent()` of the module's own.
    pub(crate) fn urgent(&self) -> [u32; 2] {
        let pointer = self.packet.urgent.unwrap_or(0);
        [pointer, pointer.saturating_sub(1)].map(|pointer| self.packet.seq.wrapping_add(pointer))
    }

    pub(crate) fn seq(&self) -> u32 {
        self.packet.seq
    }

    pub(crate) fn len(&self) -> u32 {
        self.packet.data.len() as u32
    }

    /// None, so that all that is read is copied, and counted.
    pub(crate) fn linear_data(&self, _offset: u32) -> &[u8] {
        &[]
    }

    pub(crate) fn read(&self, offset: u32, consume: impl FnMut(&[u8]) -> bool) -> bool {
        world::read(self.packet.data, offset, consume)
    }

    pub(crate) fn look_up_socket(&self) -> SocketLookup<'_> {
        SocketLookup::of(&self.packet)
    }

    pub(crate) fn checksum_ok(&self) -> bool {
        !self.packet.is_corrupt
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    pub(crate) fn is_on(&self, device: &[u8]) -> bool {
        device == b"eth0"
    }

    pub(crate) fn cgroup(&self) -> Option<Cgroup<'_>> {
        None
    }

    pub(crate) fn read_section(&self) -> ReadSection<'_> {
        ReadSection::new()
    }
}
