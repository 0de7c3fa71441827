// SPDX-License-Identifier: GPL-2.0

//! Reading the bytes of a stream, wherever they are.

use crate::kernel_ext::{
    packet::Segment,
    socket::{Queue, Queued},
};
use classifier::{Classifier, Line, LIMIT};

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

/// How much of its out-of-order queue one flow makes the module read, in units: one for each segment that
/// is looked at, and one for each [`Self::BYTES`] of it.
///
/// Fillers that are taken never need as much. Those that are not, since they are forged, could
/// otherwise make each small packet cost a walk through the queue.
pub(crate) struct Budget(u16);

impl Budget {
    /// Bytes that count as one unit.
    const BYTES: u32 = 64;

    /// How much it may be at once: a start of the greatest length, twice.
    const MAX: u16 = (2 * LIMIT / Self::BYTES) as u16;

    /// How much more it may be each second.
    const REFILL: u16 = 256;

    /// What is left when so much is used up.
    pub(crate) fn new(used: u16) -> Self {
        Self(used)
    }

    /// How much is used up.
    pub(crate) fn used(&self) -> u16 {
        self.0
    }

    /// How much is still used up one second later.
    pub(crate) fn refilled(used: u16) -> u16 {
        used.saturating_sub(Self::REFILL)
    }

    /// Uses it for a segment, of which so many bytes are read; false if nothing is left.
    fn spend(&mut self, bytes: u32) -> bool {
        if self.0 >= Self::MAX {
            return false;
        }
        let units = (bytes / Self::BYTES).saturating_add(1);
        self.0 = self
            .0
            .saturating_add(u16::try_from(units).unwrap_or(u16::MAX));
        true
    }
}

/// Hands over what an out-of-order queue releases as soon as a stream has come to `next`, the sequence
/// number of a byte: the tails of the queued segments, without a gap (`tcp_ofo_queue()`), until
/// `consume` returns false. Returns false if the budget ends before.
#[must_use]
pub(crate) fn read_released(
    queue: Queue<'_>,
    mut next: u32,
    budget: &mut Budget,
    mut consume: impl FnMut(&[u8]) -> bool,
) -> bool {
    for queued in queue {
        let known = next.wrapping_sub(queued.seq());
        if (known as i32) < 0 {
            break;
        }
        if !budget.spend(queued.len().saturating_sub(known)) {
            return false;
        }
        if known < queued.len() {
            next = queued.seq().wrapping_add(queued.len());
            if !queued.read(known, &mut consume) {
                break;
            }
        }
    }
    true
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
