// SPDX-License-Identifier: GPL-2.0
//! The start of a stream, one direction of a connection, read in order.

use std::fmt;

use classifier::{Classifier, LogLine, Verdict, LIMIT};

/// How many segments are kept of those ahead of what has been read, and before it is known where the
/// stream starts.
const AHEAD_MAX: usize = 256;
const EARLY_MAX: usize = 4;

/// What keeping a segment takes beside its bytes, about.
const AHEAD_COST: usize = 64;

/// Why a stream is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Bytes are missing from the capture.
    Gap,
    /// The connection began before the capture.
    NoStart,
    /// It ends while it may yet become HTTP, or without a byte.
    TooLittle,
}

impl Reason {
    /// The name that programs and people are shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "a gap",
            Self::NoStart => "no start seen",
            Self::TooLittle => "too little data",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The sequence number of the first byte, once that is known.
    start: Option<u32>,
    /// Whether the other end has acknowledged that start.
    is_acknowledged: bool,
    /// Whether any byte was seen.
    has_data: bool,
    /// None before the first byte, and behind the last one that matters.
    reading: Option<Box<Reading>>,
    decided: Option<Decided>,
}

/// A verdict, and what people are shown of the first line.
pub(crate) type Decided = (Verdict, Text);

/// What people are shown of a first line, if there is anything to show.
pub(crate) type Text = Option<Box<str>>;

/// What is needed while a stream is undecided.
#[derive(Debug, Default)]
struct Reading {
    classifier: Classifier,
    line: LogLine,
    /// How many bytes of the stream have been read.
    position: u32,
    /// Segments that wait for what is before them, in the order in which they came.
    ahead: Vec<Ahead>,
    /// What they cost.
    cost: usize,
    /// Whether there was no room for one of them.
    missed: bool,
}

#[derive(Debug)]
struct Ahead {
    /// The sequence number of the first byte.
    seq: u32,
    bytes: Box<[u8]>,
}

impl Ahead {
    fn cost(&self) -> usize {
        self.bytes.len().saturating_add(AHEAD_COST)
    }
}

impl Stream {
    /// Whether any byte of it was seen.
    pub(crate) fn has_data(&self) -> bool {
        self.has_data
    }

    /// What the segments that wait cost, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.reading.as_ref().map_or(0, |reading| reading.cost)
    }

    /// The verdict, if there is one and the whole of the line is known.
    pub(crate) fn decided(&self) -> Option<&Decided> {
        self.decided.as_ref()
    }

    /// Whether what was seen so far may be of a stream whose first byte has the sequence number `start`.
    pub(crate) fn may_start_at(&self, start: u32) -> bool {
        let near = |ahead: &Ahead| ahead.seq.wrapping_sub(start) < LIMIT;
        match (self.start, &self.reading) {
            (Some(known), _) => known == start || !self.has_data && !self.is_acknowledged,
            (None, Some(reading)) => reading.ahead.iter().all(near),
            // What has been given up is of another.
            (None, None) => !self.has_data,
        }
    }

    /// Whether nothing is known of another sequence number of its first byte than `start`.
    pub(crate) fn agrees_on(&self, start: u32) -> bool {
        match self.start {
            Some(known) => known == start,
            None => self.may_start_at(start),
        }
    }

    /// Tells the sequence number of the first byte.
    pub(crate) fn start_at(&mut self, start: u32) {
        self.start = Some(start);
        self.advance();
    }

    /// Tells what sequence number the other end acknowledges for the first byte's, which is known from
    /// the stream itself if it was captured.
    pub(crate) fn acknowledge(&mut self, start: u32) {
        if self.start.is_none() && self.may_start_at(start) {
            self.start_at(start);
        }
        self.is_acknowledged |= self.start == Some(start);
    }

    /// Sees a segment's bytes, of which the first has the sequence number `seq`.
    pub(crate) fn receive(&mut self, seq: u32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.has_data = true;
        if self.decided.is_some() {
            return;
        }
        let reading = self.reading.get_or_insert_default();
        match self.start {
            Some(start) if reading.known(start, seq).is_some() => {
                if reading.ahead.is_empty() {
                    reading.read(start, seq, bytes);
                } else {
                    reading.wait(seq, bytes, usize::MAX);
                }
                self.advance();
            }
            Some(start) if seq.wrapping_sub(start) < LIMIT => reading.wait(seq, bytes, AHEAD_MAX),
            // Beyond what is looked at.
            Some(_) => reading.missed = true,
            None if reading.missed => {}
            None => {
                reading.wait(seq, bytes, EARLY_MAX);
                if reading.missed {
                    reading.give_up_early();
                }
            }
        }
    }

    /// Keeps no more than where it started.
    pub(crate) fn forget(&mut self) {
        self.reading = None;
        self.decided = None;
    }

    /// The verdict, or the reason why there is none, with what is known of the line.
    pub(crate) fn conclude(&mut self) -> (Result<Verdict, Reason>, Text) {
        if let Some((verdict, line)) = self.decided.take() {
            return (Ok(verdict), line);
        }
        let Some(reading) = self.reading.take() else {
            let reason = match self.start {
                Some(_) => Reason::TooLittle,
                None => Reason::NoStart,
            };
            return (Err(reason), None);
        };
        let outcome = match reading.classifier.verdict() {
            Some(verdict) => Ok(verdict),
            None if self.start.is_none() => Err(Reason::NoStart),
            None if reading.missed || !reading.ahead.is_empty() => Err(Reason::Gap),
            None => Err(Reason::TooLittle),
        };
        (outcome, reading.text(outcome.unwrap_or(Verdict::Other)))
    }

    /// Reads what has waited for what was read last.
    fn advance(&mut self) {
        let (Some(start), Some(reading)) = (self.start, &mut self.reading) else {
            return;
        };
        let is_next = |reading: &Reading, ahead: &Ahead| reading.known(start, ahead.seq).is_some();
        while let Some(at) = (reading.ahead.iter()).position(|ahead| is_next(reading, ahead)) {
            let ahead = reading.ahead.remove(at);
            // Of several copies of a byte the first counts: this one ends where an earlier one begins.
            let earlier = reading.ahead.iter().take(at);
            let end = earlier.map(|it| it.seq.wrapping_sub(ahead.seq)).min();
            match end.and_then(|end| ahead.bytes.get(..end as usize)) {
                Some(bytes) => {
                    reading.read(start, ahead.seq, bytes);
                    reading.ahead.insert(at, ahead);
                }
                None => {
                    reading.cost = reading.cost.saturating_sub(ahead.cost());
                    reading.read(start, ahead.seq, &ahead.bytes);
                }
            }
        }
        if let Some(verdict) = reading.is_through() {
            self.decided = Some((verdict, reading.text(verdict)));
            self.reading = None;
        }
    }
}

impl Reading {
    /// How many bytes of a segment have been read already; `None` if it is ahead.
    fn known(&self, start: u32, seq: u32) -> Option<usize> {
        let position = start.wrapping_add(self.position);
        let known = position.wrapping_sub(seq);
        // Sequence numbers compare modulo 2^32 (RFC 9293, section 3.4).
        (known <= u32::MAX / 2).then_some(known as usize)
    }

    /// Reads what is new in a segment, unless it is ahead.
    fn read(&mut self, start: u32, seq: u32, bytes: &[u8]) {
        let known = self.known(start, seq);
        let new = known
            .and_then(|known| bytes.get(known..))
            .unwrap_or_default();
        self.classifier.feed(new);
        self.line.feed(new);
        self.position = self.position.saturating_add(new.len() as u32);
    }

    /// Keeps a segment until it can be read, if there are less than `max`.
    fn wait(&mut self, seq: u32, bytes: &[u8], max: usize) {
        if self.ahead.len() >= max {
            self.missed = true;
            return;
        }
        let bytes = bytes.into();
        let ahead = Ahead { seq, bytes };
        self.cost = self.cost.saturating_add(ahead.cost());
        self.ahead.push(ahead);
    }

    /// Keeps no more of the segments that came before the start than where the first one was: they are
    /// too many to belong to it.
    fn give_up_early(&mut self) {
        self.ahead.truncate(1);
        for ahead in &mut self.ahead {
            ahead.bytes = Box::default();
        }
        self.cost = self.ahead.iter().map(Ahead::cost).sum();
    }

    /// The verdict, if what follows would not even lengthen the line that people are shown.
    fn is_through(&self) -> Option<Verdict> {
        let verdict = self.classifier.verdict()?;
        let shown = match verdict {
            Verdict::Http1 | Verdict::Response => LogLine::LOOKAHEAD,
            Verdict::H2c | Verdict::Http09 | Verdict::Other => 0,
        };
        let needed = self.classifier.offset().saturating_add(shown as u32);
        (self.position >= needed).then_some(verdict)
    }

    fn text(&self, verdict: Verdict) -> Text {
        let text = self.line.display(verdict).to_string();
        (!text.is_empty()).then(|| text.into())
    }
}
