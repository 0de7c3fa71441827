// SPDX-License-Identifier: GPL-2.0
//! Capture files, written by hand: a reader is not to be tested with a writer of the same origin.

/// Link types of <https://www.tcpdump.org/linktypes.html>.
pub const ETHERNET: u32 = 1;
pub const RAW: u32 = 101;

/// The order of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

/// What a pcap file counts the fractions of seconds in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Precision {
    Microseconds = 0xa1b2_c3d4,
    Nanoseconds = 0xa1b2_3c4d,
}

/// A pcap file as most machines write it.
pub fn pcap<T: AsRef<[u8]>>(link: u32, frames: impl IntoIterator<Item = T>) -> Vec<u8> {
    pcap_of(Order::Little, Precision::Microseconds, link, frames)
}

pub fn pcap_of<T: AsRef<[u8]>>(
    order: Order,
    precision: Precision,
    link: u32,
    frames: impl IntoIterator<Item = T>,
) -> Vec<u8> {
    let mut file = order.u32(precision as u32).to_vec();
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    for number in [0, 0, 1 << 18, link] {
        file.extend(order.u32(number));
    }
    for frame in frames {
        file.extend(record(order, frame.as_ref()));
    }
    file
}

/// A packet of a pcap file.
pub fn record(order: Order, frame: &[u8]) -> Vec<u8> {
    let length = frame.len() as u32;
    let header = [1_600_000_000, 0, length, length].map(|number| order.u32(number));
    [header.as_flattened(), frame].concat()
}

/// A pcapng file, block by block. Each of these adds one.
pub struct PcapNg {
    order: Order,
    bytes: Vec<u8>,
}

impl PcapNg {
    /// A file that begins with a section.
    pub fn new(order: Order) -> Self {
        let bytes = Vec::new();
        Self { order, bytes }.section(order)
    }

    /// Another section, in an order of its own.
    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        // Its length is left open.
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface without a limit to what is captured of a packet.
    pub fn interface(self, link: u32) -> Self {
        self.cutting_interface(link, 0)
    }

    pub fn cutting_interface(self, link: u32, snaplen: u32) -> Self {
        let mut body = self.order.u16(link as u16).to_vec();
        body.extend(self.order.u16(0));
        body.extend(self.order.u32(snaplen));
        self.block(1, &body)
    }

    /// An Enhanced Packet Block.
    pub fn packet(self, interface: u32, frame: &[u8]) -> Self {
        let length = frame.len() as u32;
        let header = [interface, 0, 0, length, length].map(|number| self.order.u32(number));
        let body = [header.as_flattened(), frame].concat();
        self.block(6, &body)
    }

    /// A Simple Packet Block of a packet of which `captured` is what the interface did not cut.
    pub fn simple(self, captured: &[u8], length: u32) -> Self {
        let body = [&self.order.u32(length), captured].concat();
        self.block(3, &body)
    }

    /// Any block.
    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padded = body.len().next_multiple_of(4);
        let length = self.order.u32(padded as u32 + 12);
        self.bytes.extend(self.order.u32(kind));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len() + padded - body.len(), 0);
        self.bytes.extend(length);
        self
    }

    pub fn packets<T: AsRef<[u8]>>(self, frames: impl IntoIterator<Item = T>) -> Self {
        (frames.into_iter()).fold(self, |file, frame| file.packet(0, frame.as_ref()))
    }

    pub fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}
