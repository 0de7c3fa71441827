// SPDX-License-Identifier: GPL-2.0
//! The automaton: what one more byte does. `lib.rs` states the language in words.

use crate::octet::{is_space, is_tchar, LF};
use crate::Verdict;

/// The longest method; the longest one registered has 17 characters.
pub(crate) const METHOD_MAX: u8 = 32;

/// The only method of HTTP/0.9.
const SIMPLE: &[u8] = b"GET";

/// The preface of HTTP/2, up to the byte that tells it from a request of HTTP/1.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// What comes before the digits of a version.
const VERSION: &[u8] = b"HTTP/";

/// Where in the line the automaton is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Before the method: nothing yet, or white space and empty lines.
    #[default]
    Blank,
    /// That many bytes into the method.
    Method(u8),
    /// In the white space between method and target.
    Gap,
    /// In the target, not in what may be a version.
    Target,
    /// Behind white space in the target and that many bytes of [`VERSION`].
    Version(u8),
    /// Behind the [`VERSION`] of a response.
    Status,
    /// At the end.
    Decided(Verdict),
}

/// What the stream may still become other than an ordinary request. Its first letter tells, so that
/// there is never a choice of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing.
    #[default]
    Ordinary,
    /// A request of HTTP/0.9.
    Simple,
    /// The preface of HTTP/2.
    Preface,
    /// A response.
    Response,
}

impl Form {
    /// The form that begins with `byte`: two of them only where the stream does.
    const fn beginning(at: u32, byte: u8) -> Self {
        match (at, byte) {
            (_, b'G') => Self::Simple,
            (0, b'P') => Self::Preface,
            (0, b'H') => Self::Response,
            _ => Self::Ordinary,
        }
    }

    /// Whether the form allows `byte` in `state`, at offset `at` of the stream.
    fn allows(self, state: State, at: u32, byte: u8) -> bool {
        match (self, state) {
            (Self::Preface, _) => PREFACE.get(at as usize) == Some(&byte),
            (Self::Response, _) => VERSION.get(at as usize) == Some(&byte),
            (Self::Simple, State::Method(n)) => match SIMPLE.get(usize::from(n)) {
                Some(&expected) => byte == expected,
                None => is_space(byte),
            },
            (Self::Simple, State::Gap) => byte == b'/' || is_space(byte),
            // A second word behind the target is a version, if not always that of HTTP.
            (Self::Simple, State::Version(_)) => is_space(byte) || byte == LF,
            _ => true,
        }
    }
}

/// All that is remembered of a stream besides its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Automaton {
    pub(crate) state: State,
    pub(crate) form: Form,
}

impl Automaton {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Blank,
            form: Form::Ordinary,
        }
    }

    /// Whether every byte but white space and LF leaves all as it is.
    pub(crate) fn in_target(&self) -> bool {
        // Each byte of the other forms' texts counts.
        self.state == State::Target && matches!(self.form, Form::Ordinary | Form::Simple)
    }

    /// Takes the `byte` at offset `at` of the stream.
    #[inline(always)]
    pub(crate) fn step(&mut self, at: u32, byte: u8) {
        self.form = match self.state {
            State::Blank => Form::beginning(at, byte),
            state if self.form.allows(state, at, byte) => self.form,
            _ => Form::Ordinary,
        };
        self.state = match self.state {
            State::Blank if is_space(byte) || byte == LF => State::Blank,
            State::Blank if is_tchar(byte) => State::Method(1),
            State::Method(n) if is_tchar(byte) && n < METHOD_MAX => {
                State::Method(n.saturating_add(1))
            }
            State::Method(_) if is_space(byte) => State::Gap,
            State::Method(_) if byte == b'/' && self.form == Form::Response => State::Status,
            State::Gap if is_space(byte) => State::Gap,
            State::Gap if byte != LF => State::Target,
            State::Target | State::Version(_) if is_space(byte) => State::Version(0),
            State::Target if byte != LF => State::Target,
            State::Version(n) if byte != LF => self.version(n, byte),
            State::Target | State::Version(_) if self.form == Form::Simple => {
                State::Decided(Verdict::Http09)
            }
            State::Status if byte.is_ascii_digit() => State::Decided(Verdict::Response),
            State::Decided(verdict) => State::Decided(verdict),
            _ => State::Decided(Verdict::Other),
        };
    }

    /// Takes the `byte` that follows `n` bytes of a version.
    fn version(&self, n: u8, byte: u8) -> State {
        match VERSION.get(usize::from(n)) {
            Some(&expected) if byte == expected => State::Version(n.saturating_add(1)),
            None if byte.is_ascii_digit() && self.form == Form::Preface => {
                State::Decided(Verdict::H2c)
            }
            None if byte.is_ascii_digit() => State::Decided(Verdict::Http1),
            // No byte of it is white space, so no other version can have begun within it.
            _ => State::Target,
        }
    }
}
