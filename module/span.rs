// SPDX-License-Identifier: GPL-2.0

//! Where a segment lies in its stream.

#![forbid(unsafe_code)]

use crate::kernel_ext::{packet::Segment, socket::FirstSeq};

/// The range of a stream that a segment covers. Offsets count from the first byte of the stream.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// The first sequence numbers of the connection.
    pub(crate) first_seq: FirstSeq,
    /// Offset of the segment's first byte; negative before the beginning of the stream.
    pub(crate) start: i64,
    /// Offset behind its last byte.
    pub(crate) end: i64,
}

impl Span {
    /// The span of a segment in a connection with these first sequence numbers.
    pub(crate) fn new(segment: &Segment<'_>, first_seq: FirstSeq) -> Self {
        let start = i64::from(segment.seq().wrapping_sub(first_seq.received) as i32);
        Self {
            first_seq,
            start,
            end: start.saturating_add(segment.len().into()),
        }
    }

    /// How many of its bytes lie before `offset`.
    pub(crate) fn skip(&self, offset: u32) -> u32 {
        u32::try_from(i64::from(offset).saturating_sub(self.start)).unwrap_or(0)
    }

    /// Offset behind its last byte, or 0 if that lies before the beginning of the stream.
    pub(crate) fn end_or_zero(&self) -> u32 {
        u32::try_from(self.end).unwrap_or(0)
    }

    /// The sequence number at an offset.
    pub(crate) fn seq(&self, offset: i64) -> u32 {
        self.first_seq.received.wrapping_add(offset as u32)
    }
}
