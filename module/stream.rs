// SPDX-License-Identifier: GPL-2.0

//! Reading the bytes of a stream, from a segment and from the out-of-order queue.

#![forbid(unsafe_code)]

use crate::kernel_ext::{packet::Segment, socket::OfoQueue};
use classifier::{Classifier, LogLine, LIMIT};

/// The state of a stream after a segment, if it was `classifier` before the byte at `offset`.
#[inline(always)]
pub(crate) fn classify(
    segment: &Segment<'_>,
    offset: u32,
    mut classifier: Classifier,
) -> Classifier {
    let bytes = segment.linear_data(offset);
    let behind = offset.saturating_add(bytes.len() as u32);
    if classifier.feed(bytes).is_none() && behind < segment.len() {
        segment.read(behind, |bytes| classifier.feed(bytes).is_none());
    }
    classifier
}

/// How much of a socket's out-of-order queue the segments of a flow may make the module scan, in
/// units: some for each segment of the queue ([`Self::VISIT`]), and one for each [`Self::BYTES`] of it.
///
/// Segments that TCP accepts never need as much. Forged ones, which it discards, could otherwise
/// make every small packet cost a scan of the whole queue.
pub(crate) struct ScanBudget(u16);

impl ScanBudget {
    /// Bytes that count as one unit.
    const BYTES: u32 = 64;

    /// Units of a segment besides its bytes: finding it takes as long as reading some more.
    const VISIT: u32 = 4;

    /// The most at once: a start of the greatest length in segments of 256 bytes.
    const MAX: u16 = (2 * LIMIT / Self::BYTES) as u16;

    /// How much is added each second.
    const REFILL: u16 = 256;

    /// A budget of which so many units are used up.
    pub(crate) fn new(used: u16) -> Self {
        Self(used)
    }

    /// How many units are used up.
    pub(crate) fn used(&self) -> u16 {
        self.0
    }

    /// The same budget after so many seconds.
    pub(crate) fn refilled(self, seconds: u8) -> Self {
        let refill = Self::REFILL.saturating_mul(seconds.into());
        Self(self.0.saturating_sub(refill))
    }

    /// Spends what a segment costs of which so many bytes are read. Returns false if nothing is
    /// left.
    fn spend(&mut self, bytes: u32) -> bool {
        if self.0 >= Self::MAX {
            return false;
        }
        let units = (bytes / Self::BYTES).saturating_add(Self::VISIT);
        self.0 = self
            .0
            .saturating_add(u16::try_from(units).unwrap_or(u16::MAX));
        true
    }
}

/// Passes to `consume` what TCP will receive from its out-of-order queue once `rcv_nxt` is `next`:
/// the tails of the queued segments, up to the first gap (`tcp_ofo_queue()`), or until `consume`
/// returns false. Returns false if the budget was used up before.
#[must_use]
pub(crate) fn read_ofo_queue(
    queue: OfoQueue<'_>,
    mut next: u32,
    budget: &mut ScanBudget,
    mut consume: impl FnMut(&[u8]) -> bool,
) -> bool {
    for segment in queue {
        let known = next.wrapping_sub(segment.seq());
        if (known as i32) < 0 {
            break;
        }
        if !budget.spend(segment.len().saturating_sub(known)) {
            return false;
        }
        if known < segment.len() {
            next = segment.seq().wrapping_add(segment.len());
            if !segment.read(known, &mut consume) {
                break;
            }
        }
    }
    true
}

/// A first line that is being collected, as far as the log and the counters need it.
pub(crate) struct FirstLine {
    line: LogLine,
    left: usize,
    /// Whether all of it is needed, or the method alone.
    is_shown: bool,
}

impl FirstLine {
    /// A line that is decided at `decided`. Its first bytes, up to the offset of `here`, are
    /// `known`, or begin with it.
    /// Unless it `is_shown`, it needs no more than its method.
    pub(crate) fn new(known: &[u8], here: Classifier, decided: Classifier, is_shown: bool) -> Self {
        let mut line = LogLine::new();
        line.feed(known);
        line.resume(here);
        let missing = decided.offset().saturating_sub(here.offset()) as usize;
        Self {
            line,
            left: missing.saturating_add(LogLine::LOOKAHEAD),
            is_shown,
        }
    }

    /// Adds the bytes that follow. Returns false if no more are needed.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        if !self.is_shown {
            return !self.line.feed_method(bytes);
        }
        self.line.feed(bytes.get(..self.left).unwrap_or(bytes));
        self.left = self.left.saturating_sub(bytes.len());
        self.left != 0
    }

    /// The line.
    pub(crate) fn finish(self) -> LogLine {
        self.line
    }
}
