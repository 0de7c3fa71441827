// SPDX-License-Identifier: GPL-2.0
//! What the filter would have found in a capture file (pcap or pcapng): its TCP connections, each
//! with the verdict of the [`classifier`], as the module uses it on a host.
//!
//! The layers, each a file: `file` reads frames, `link` (and `wifi`) finds what one holds, `ether` the IP
//! packet in that, `packet` the TCP segment, once `fragments` are whole and out of the tunnels of `gre` and `udp`;
//! `connections` keeps the connections, of each `tunnel` its own, and `stream` reads the start of each of
//! their two directions, in order. What is not read has a name (`unread`), and is counted.
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

mod bytes;
mod connections;
mod ether;
mod file;
mod fragments;
mod gre;
mod link;
mod packet;
mod stream;
mod tunnel;
mod udp;
mod unread;
mod wifi;

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

pub use crate::connections::{Finding, Outcome, CONNECTIONS_MAX};
pub use crate::file::{first_time, Error};
pub use crate::link::LinkType;
pub use crate::stream::Reason;
pub use crate::unread::Unread;

use crate::connections::Connections;
use crate::file::Frames;
use crate::fragments::INCOMPLETE_MAX;
use crate::packet::{Decoder, Segment};

/// A capture that is being read: an iterator of its connections, each as soon as it is decided, or
/// else at the end. An error comes last: all that was read before it counts.
///
/// A capture may be in several files. Then each but the last one [is followed](Self::expect_another), and once
/// nothing is left of it, [the next one](Self::go_on) is read as if it were its continuation.
pub struct Capture<'a> {
    frames: Frames<'a>,
    decoder: Decoder,
    connections: Connections,
    /// What is to be returned next.
    ready: VecDeque<Finding>,
    /// Whether the file was read to its end, and how that went.
    end: Option<Result<(), Error>>,
    /// Whether another file follows.
    is_followed: bool,
    /// The number of the file.
    file: usize,
    summary: Summary,
}

/// What a file was made of, as far as it has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All packets.
    pub packets: u64,
    /// Those that may hold TCP segments, but were not read.
    pub unread: BTreeMap<Unread, u64>,
}

impl Summary {
    fn count(&mut self, unread: Unread, packets: u64) {
        if packets > 0 {
            let count = self.unread.entry(unread).or_default();
            *count = count.saturating_add(packets);
        }
    }
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
            is_followed: false,
            file: 0,
            summary: Summary::default(),
        })
    }

    /// Says that another file follows this one: the connections that are open at its end go on there.
    pub fn expect_another(&mut self) {
        self.is_followed = true;
    }

    /// Goes on with the next file. If that cannot be opened, what was expected of it has come to its end.
    pub fn go_on(&mut self, input: impl Read + 'a) -> Result<(), Error> {
        self.is_followed = false;
        self.file = self.file.saturating_add(1);
        self.summary = Summary::default();
        self.end = Some(Ok(()));
        self.frames = Frames::open(input)?;
        self.end = None;
        Ok(())
    }

    /// What the file was made of up to here.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn read(&mut self) {
        let Self {
            decoder,
            connections,
            ready,
            summary,
            file,
            ..
        } = self;
        let mut each = |segment: &Segment<'_>| connections.receive(segment, *file, ready);
        let read = self.frames.read(|frame| {
            summary.packets = summary.packets.saturating_add(1);
            if let Err(unread) = decoder.decode(frame, &mut each) {
                summary.count(unread, 1);
            }
        });
        match read {
            Ok(true) => {}
            Ok(false) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error)),
        }
        while self.give_up_fragments(INCOMPLETE_MAX) {}
    }

    /// Reads what there is of a packet that is in fragments, if more than `max` of them are incomplete.
    fn give_up_fragments(&mut self, max: usize) -> bool {
        let Self {
            decoder,
            connections,
            ready,
            file,
            ..
        } = self;
        let mut each = |segment: &Segment<'_>| connections.receive(segment, *file, ready);
        let Some(given_up) = decoder.give_up(max, &mut each) else {
            return false;
        };
        self.summary.count(Unread::IpFragment, given_up.fragments);
        if let Some(unread) = given_up.unread {
            self.summary.count(unread, 1);
        }
        true
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
            } else if self.is_followed
                || !self.give_up_fragments(0) && !self.connections.give_up_oldest(&mut self.ready)
            {
                let end = self.end.replace(Ok(()))?;
                return end.err().map(Err);
            }
        }
    }
}
