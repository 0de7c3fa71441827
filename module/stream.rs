// SPDX-License-Identifier: GPL-2.0

//! Reading the bytes of a stream, wherever they are.

use crate::kernel_ext::{
    packet::Segment,
    socket::{Queue, Queued},
};
use classifier::{Classifier, Line};

/// Something with bytes of a stream in it.
pub(crate) trait Bytes {
    /// Copies from `offset` into `buffer`; returns what was filled, empty at the end.
    fn copy<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8];

    /// Hands over what follows `offset`, piece by piece, until it ends or `consume` returns false, which
    /// is returned then.
    fn read(&self, mut offset: u32, mut consume: impl FnMut(&[u8]) -> bool) -> bool {
        let mut buffer = [0; 256];
        loop {
            let bytes = self.copy(offset, &mut buffer);
            if bytes.is_empty() {
                return true;
            }
            if !consume(bytes) {
                return false;
            }
            offset = offset.saturating_add(bytes.len() as u32);
        }
    }

    /// Where a stream is that was at `classifier` before the byte at `offset`.
    fn classify(&self, offset: u32, mut classifier: Classifier) -> Classifier {
        self.read(offset, |bytes| classifier.feed(bytes).is_none());
        classifier
    }
}

impl Bytes for Segment<'_> {
    fn copy<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
        self.data(offset, buffer)
    }
}

impl Bytes for Queued<'_> {
    fn copy<'b>(&self, offset: u32, buffer: &'b mut [u8]) -> &'b [u8] {
        self.data(offset, buffer)
    }
}

/// What of an out-of-order queue becomes readable as soon as a stream has come to `next`, the sequence
/// number of a byte: the tails of the queued segments, without a gap (`tcp_ofo_queue()`).
pub(crate) struct Released<'a> {
    queue: Queue<'a>,
    next: u32,
}

impl<'a> Released<'a> {
    /// What `queue` releases.
    pub(crate) fn new(queue: Queue<'a>, next: u32) -> Self {
        Self { queue, next }
    }
}

impl<'a> Iterator for Released<'a> {
    /// A segment, and the offset of its first byte that was not read yet.
    type Item = (Queued<'a>, u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let queued = self.queue.next()?;
            let known = self.next.wrapping_sub(queued.seq());
            if (known as i32) < 0 {
                return None;
            }
            if known < queued.len() {
                self.next = queued.seq().wrapping_add(queued.len());
                return Some((queued, known));
            }
        }
    }
}

/// A first line as it is pieced together: as far as it is needed to count and to show it.
pub(crate) struct FirstLine {
    line: Line,
    left: usize,
}

impl FirstLine {
    /// The line whose first bytes, up to where `here` is, were `known` or began with it, and which is
    /// over where `decided` is.
    pub(crate) fn new(known: &[u8], here: Classifier, decided: Classifier) -> Self {
        let mut line = Line::new();
        line.feed(known);
        line.resume(here);
        let missing = decided.offset().saturating_sub(here.offset()) as usize;
        Self {
            line,
            left: missing.saturating_add(Line::LOOKAHEAD),
        }
    }

    /// Adds what follows; false if there is no need of more.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        self.line.feed(bytes.get(..self.left).unwrap_or(bytes));
        self.left = self.left.saturating_sub(bytes.len());
        self.left != 0
    }

    /// The line.
    pub(crate) fn finish(self) -> Line {
        self.line
    }
}
