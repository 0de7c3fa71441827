// SPDX-License-Identifier: GPL-2.0
//! The classifier: the automaton and how far it has read.

use crate::automaton::{Automaton, State};
use crate::octet::{is_space, LF, NUL};
use crate::Verdict;

/// How many bytes of a stream are looked at: if the last of these leaves it undecided, it is
/// [`Verdict::Other`].
pub const LIMIT: u32 = 128 * 1024;

/// Decides what a stream is, from its first bytes.
///
/// It is small and `Copy`, so that it can be kept for every position in a stream that bytes may yet
/// arrive at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classifier {
    pub(crate) automaton: Automaton,
    pub(crate) offset: u32,
}

const _: () = assert!(size_of::<Classifier>() <= 8);

impl Classifier {
    /// A classifier at the start of a stream.
    pub const fn new() -> Self {
        Self {
            automaton: Automaton::new(),
            offset: 0,
        }
    }

    /// Reads the stream's next bytes, up to the one that decides, and returns the verdict. `None` is
    /// undecided. Once decided, more bytes change nothing.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Verdict> {
        // A copy, and `step` inlined below: so it stays in registers, at half the time per byte.
        let mut here = *self;
        let mut rest = bytes;
        while let (None, Some((&byte, behind))) = (here.verdict(), rest.split_first()) {
            here.step(byte);
            rest = here.skip(behind);
        }
        *self = here;
        self.verdict()
    }

    /// The verdict, if there is one yet.
    pub const fn verdict(&self) -> Option<Verdict> {
        match self.automaton.state {
            State::Decided(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// How many bytes of the stream have been read; once decided, up to and including the one that
    /// decided.
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// The same at another offset, if all that may follow is decided alike there, but for the limit.
    pub fn moved(self, offset: u32) -> Option<Self> {
        // Where a stream begins each byte has its place, too.
        let is_placed = self.automaton.is_placed() || self.offset == 0;
        let is_movable = self.verdict().is_none() && !is_placed;
        (is_movable && (1..LIMIT).contains(&offset)).then_some(Self { offset, ..self })
    }

    /// What it was at an `offset` before this one, if its state alone tells: in what may be a version,
    /// back to the white space before it.
    pub fn earlier(self, offset: u32) -> Option<Self> {
        let State::Version(target, n) = self.automaton.state else {
            return None;
        };
        let back = self.offset.checked_sub(offset).filter(|&back| back != 0)?;
        let n = u32::from(n).checked_sub(back)?;
        let mut automaton = self.automaton;
        automaton.state = State::Version(target, n as u8);
        Some(Self { automaton, offset })
    }

    /// Reads the leading ones of the stream's next `bytes` that leave all but the offset as it is, and
    /// returns the rest: a shortcut through the target, the bulk of most requests. The byte at the
    /// limit is left to [`feed`](Self::feed).
    #[inline]
    pub fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.automaton.in_target() {
            return bytes;
        }
        let room = LIMIT.saturating_sub(self.offset).saturating_sub(1);
        let near = bytes.get(..room as usize).unwrap_or(bytes);
        let ends = |&byte: &u8| byte == LF || byte == NUL || is_space(byte);
        let len = near.iter().position(ends).unwrap_or(near.len());
        self.offset = self.offset.saturating_add(len as u32);
        bytes.get(len..).unwrap_or_default()
    }

    pub(crate) const fn state(&self) -> State {
        self.automaton.state
    }

    /// Reads one byte, if undecided.
    #[inline(always)]
    pub(crate) fn step(&mut self, byte: u8) {
        if self.verdict().is_some() {
            return;
        }
        self.automaton.step(self.offset, byte);
        self.offset = self.offset.saturating_add(1);
        if self.offset == LIMIT && self.verdict().is_none() {
            self.automaton.state = State::Decided(Verdict::Other);
        }
    }
}
