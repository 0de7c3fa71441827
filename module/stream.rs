// SPDX-License-Identifier: GPL-2.0

//! The start of a stream, as far as one segment holds it.

use crate::kernel_ext::packet::Segment;
use classifier::{Classifier, Line, Verdict};

/// A segment with the first byte of a stream in it.
pub(crate) struct Start<'a> {
    /// The segment.
    pub(crate) segment: &'a Segment<'a>,
    /// Sequence number of the first byte.
    pub(crate) seq: u32,
    /// Where that is in the payload.
    offset: u32,
    classifier: Classifier,
}

impl<'a> Start<'a> {
    /// The start that `segment` holds, and what it is. `None` if it holds none: what lies behind the
    /// start can't be read before that is, and the segment that fills the gap is judged.
    pub(crate) fn of(segment: &'a Segment<'a>) -> Option<Self> {
        let seq = segment.stream_start()?;
        let offset = segment.offset_of(seq)?;
        let mut classifier = Classifier::new();
        read(segment, offset, |bytes| classifier.feed(bytes).is_none());
        Some(Self {
            segment,
            seq,
            offset,
            classifier,
        })
    }

    /// What the stream is; `None` if its next segments have to tell.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.classifier.verdict()
    }

    /// Its first line, as far as it is needed to count and to show it.
    pub(crate) fn line(&self) -> Line {
        let mut line = Line::new();
        let mut left = (self.classifier.offset() as usize).saturating_add(Line::LOOKAHEAD);
        read(self.segment, self.offset, |bytes| {
            line.feed(bytes.get(..left).unwrap_or(bytes));
            left = left.saturating_sub(bytes.len());
            left != 0
        });
        line
    }
}

/// Hands payload from `offset` to `consume`, piece by piece, until that returns false or the segment
/// ends.
fn read(segment: &Segment<'_>, mut offset: u32, mut consume: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 256];
    loop {
        let bytes = segment.payload(offset, &mut buffer);
        if bytes.is_empty() || !consume(bytes) {
            return;
        }
        offset = offset.saturating_add(bytes.len() as u32);
    }
}
