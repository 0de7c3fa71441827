// SPDX-License-Identifier: GPL-2.0
//! What the filter would have found in a capture file (pcap or pcapng): its TCP connections, each
//! with the verdict of the [`classifier`], as the module uses it on a host.
//!
//! The layers, each a file: `file` reads frames, `link` finds the IP packet in one, `packet` the TCP
//! segment in that, once `fragments` are whole; `connections` keeps the connections, and `stream` reads the
//! start of each of their two directions, in order.
//!
//! A capture of any size is read in one go, in bounded memory: what is kept is the start of streams
//! that are not decided, and the [`CONNECTIONS_MAX`] connections that were seen last.
//!
//! A capture is not a host. Checksums are not looked at, since senders leave them to their network
//! cards; of several copies of a byte that differ the first one counts; and windows, options and
//! timestamps do not tell which segments the receiver has refused.

#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod connections;
mod file;
mod fragments;
mod link;
mod packet;
mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

pub use crate::connections::{Finding, Outcome, CONNECTIONS_MAX};
pub use crate::file::Error;
pub use crate::link::LinkType;
pub use crate::stream::Reason;

use crate::connections::Connections;
use crate::file::Frames;
use crate::fragments::INCOMPLETE_MAX;
use crate::packet::{Decoder, Packet};

/// A capture that is being read: an iterator of its connections, each as soon as it is decided, or
/// else at the end. An error comes last: all that was read before it counts.
pub struct Capture<'a> {
    frames: Frames<'a>,
    decoder: Decoder,
    connections: Connections,
    /// What is to be returned next.
    ready: VecDeque<Finding>,
    /// Whether all was read, and how that went.
    end: Option<Result<(), Error>>,
    summary: Summary,
}

/// What a capture was made of, as far as it has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All packets.
    pub packets: u64,
    /// Packets of link types that are not known here, which were left out.
    pub unknown: BTreeMap<LinkType, u64>,
}

impl<'a> Capture<'a> {
    /// Opens a capture, of which it reads the beginning.
    pub fn open(input: impl Read + 'a) -> Result<Self, Error> {
        Ok(Self {
            frames: Frames::open(input)?,
            decoder: Decoder::new(),
            connections: Connections::new(),
            ready: VecDeque::new(),
            end: None,
            summary: Summary::default(),
        })
    }

    /// What the capture was made of up to here.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn read(&mut self) {
        let Self {
            decoder,
            connections,
            ready,
            summary,
            ..
        } = self;
        let read = self.frames.read(|link, frame| {
            summary.packets = summary.packets.saturating_add(1);
            match decoder.decode(link, frame) {
                Packet::Tcp(segment) => connections.receive(&segment, ready),
                Packet::UnknownLink => {
                    let count = summary.unknown.entry(link).or_default();
                    *count = count.saturating_add(1);
                }
                Packet::Other => {}
            }
        });
        match read {
            Ok(true) => {}
            Ok(false) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error)),
        }
        let incomplete = if self.end.is_none() {
            INCOMPLETE_MAX
        } else {
            0
        };
        while let Some(packet) = decoder.give_up(incomplete) {
            if let Packet::Tcp(segment) = packet {
                connections.receive(&segment, ready);
            }
        }
    }
}

impl Iterator for Capture<'_> {
    type Item = Result<Finding, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(finding) = self.ready.pop_front() {
                return Some(Ok(finding));
            }
            if self.end.is_none() {
                self.read();
            } else if !self.connections.give_up_oldest(&mut self.ready) {
                let end = self.end.replace(Ok(()))?;
                return end.err().map(Err);
            }
        }
    }
}
