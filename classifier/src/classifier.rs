// SPDX-License-Identifier: GPL-2.0
//! The classifier: the automaton and how far it has read.

use crate::automaton::{Automaton, Form, State, Target, METHOD_MAX};
use crate::octet::{run_in_target, Octets};
use crate::registry::Prefix;
use crate::{Method, Verdict};

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
    #[inline]
    pub const fn new() -> Self {
        Self {
            automaton: Automaton::new(),
            offset: 0,
        }
    }

    /// Reads the stream's next bytes, up to the one that decides, and returns the verdict. `None` is
    /// undecided. Once decided, more bytes change nothing.
    #[inline]
    pub fn feed(&mut self, bytes: &[u8]) -> Option<Verdict> {
        match bytes.first() {
            // Most streams are decided here.
            Some(&first) if self.is_new() && !Octets::FIRST.has(first) => {
                self.automaton.state = State::Decided(Verdict::Other);
                self.offset = 1;
            }
            _ => self.feed_all(bytes),
        }
        self.verdict()
    }

    fn feed_all(&mut self, bytes: &[u8]) {
        // A copy, and `step` inlined below: so it stays in registers, at half the time per byte.
        let mut here = *self;
        let mut rest = here.leap_start(bytes);
        while let (None, Some((&byte, behind))) = (here.verdict(), rest.split_first()) {
            here.step(byte);
            rest = here.leap(behind);
        }
        *self = here;
    }

    /// Whether nothing has been read.
    #[inline]
    const fn is_new(&self) -> bool {
        self.offset == 0 && matches!(self.automaton.state, State::Blank)
    }

    /// The verdict, if there is one yet.
    #[inline]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self.automaton.state {
            State::Decided(verdict) => Some(verdict),
            _ => None,
        }
    }

    /// How many bytes of the stream have been read; once decided, up to and including the one that
    /// decided.
    #[inline]
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
        let len = run_in_target(near);
        self.offset = self.offset.saturating_add(len as u32);
        bytes.get(len..).unwrap_or_default()
    }

    /// Reads the beginning of a stream, if it is that of most requests, or else what can be read at
    /// once, and returns the rest.
    #[inline]
    fn leap_start<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes {
            [b'G', b'E', b'T', b' ', b'/', rest @ ..] if self.is_new() => {
                self.automaton = Automaton {
                    state: State::Target(Target::Path),
                    form: Form::Simple,
                };
                self.offset = 5;
                self.leap_target(rest)
            }
            _ => self.leap(bytes),
        }
    }

    /// Reads the rest of a target and the version behind it, as far as nothing else lies between, and
    /// returns the rest of `bytes`.
    #[inline]
    fn leap_target<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = self.skip(bytes);
        match rest {
            [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', rest @ ..]
                if self.automaton.in_target() && LIMIT.saturating_sub(self.offset) > 7 =>
            {
                self.automaton.state = State::Decided(Verdict::Http1);
                self.offset = self.offset.saturating_add(7);
                rest
            }
            _ => rest,
        }
    }

    /// The method, if the state alone tells it.
    pub fn method(&self) -> Option<Method> {
        (self.automaton.form == Form::Simple).then_some(Method::Get)
    }

    /// Reads leading ones of the stream's next `bytes`, if many of them can be read at once, and
    /// returns the rest.
    #[inline]
    fn leap<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self.automaton.state {
            State::Method(_) | State::Target(_) if !self.automaton.is_placed() => {
                self.leap_token(bytes)
            }
            _ => bytes,
        }
    }

    /// The same within a method or a target.
    fn leap_token<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let left = LIMIT.saturating_sub(self.offset).saturating_sub(1);
        let near = |room: u32| bytes.get(..left.min(room) as usize).unwrap_or(bytes);
        let len = match self.automaton.state {
            State::Method(prefix) => {
                self.leap_method(prefix, near(METHOD_MAX.saturating_sub(prefix.len()).into()))
            }
            State::Target(Target::Scheme) => Octets::SCHEME.run(near(u32::MAX)),
            _ => return self.leap_target(bytes),
        };
        self.offset = self.offset.saturating_add(len as u32);
        bytes.get(len..).unwrap_or_default()
    }

    /// Makes the method longer by those of the leading bytes that it can have. Returns how many.
    fn leap_method(&mut self, mut prefix: Prefix, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let (false, Some((&byte, behind))) = (prefix.is_unknown(), rest.split_first()) {
            if !Octets::TCHAR.has(byte) {
                break;
            }
            prefix = prefix.with(byte);
            self.automaton.form = self.automaton.form.within(prefix, byte);
            rest = behind;
        }
        if prefix.is_unknown() {
            let run = Octets::TCHAR.run(rest);
            prefix = prefix.longer(run as u8);
            rest = rest.get(run..).unwrap_or_default();
        }
        self.automaton.state = State::Method(prefix);
        bytes.len().saturating_sub(rest.len())
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
