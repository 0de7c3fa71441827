// SPDX-License-Identifier: GPL-2.0
//! The automaton: what one more byte does. `lib.rs` states the language in words.

use crate::octet::{is_scheme, is_space, is_tchar, LF, NUL};
use crate::registry::Prefix;
use crate::Verdict;

/// The longest method; the longest one registered has 17 characters.
pub(crate) const METHOD_MAX: u8 = 32;

/// The only method of HTTP/0.9.
const SIMPLE: &str = "GET";

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
    /// In the method.
    Method(Prefix),
    /// In the white space between method and target.
    Gap,
    /// In the target, not in what may be a version.
    Target(Target),
    /// Behind white space that has ended the target, or may have, and that many bytes of [`VERSION`].
    Version(Target, u8),
    /// Behind the [`VERSION`] of a response.
    Status,
    /// At the end.
    Decided(Verdict),
}

const OTHER: State = State::Decided(Verdict::Other);

/// What a target is, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// It begins with `/`.
    Path,
    /// It is `*`.
    Asterisk,
    /// It may be a scheme.
    Scheme,
    /// The same and a `:`.
    Colon,
    /// The same and a `:/`.
    Slash,
    /// It begins with a scheme and `://`.
    Absolute,
    /// It is none of these.
    Opaque,
}

impl Target {
    /// What begins with `byte`.
    const fn beginning(byte: u8) -> Self {
        match byte {
            b'/' => Self::Path,
            b'*' => Self::Asterisk,
            b'A'..=b'Z' | b'a'..=b'z' => Self::Scheme,
            _ => Self::Opaque,
        }
    }

    /// What it is with one more byte.
    const fn with(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Path | Self::Absolute, _) => self,
            (Self::Scheme, _) if is_scheme(byte) => self,
            (Self::Scheme, b':') => Self::Colon,
            (Self::Colon, b'/') => Self::Slash,
            (Self::Slash, b'/') => Self::Absolute,
            _ => Self::Opaque,
        }
    }

    /// What it is if nothing follows.
    const fn ended(self) -> Self {
        match self {
            Self::Scheme | Self::Colon | Self::Slash => Self::Opaque,
            _ => self,
        }
    }
}

/// What the method is, as far as it has been read, or what the stream may become other than a
/// request of HTTP/1. The first letter tells the latter, so that there is never a choice of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// A method that is registered.
    #[default]
    Registered,
    /// The same in other letters' case.
    Folded,
    /// Any other method.
    Token,
    /// The method of HTTP/0.9, and no white space in the target.
    Simple,
    /// The preface of HTTP/2. Its method is registered.
    Preface,
    /// A response.
    Response,
}

impl Form {
    /// Whether the form allows the `byte` at offset `at` of the stream.
    fn allows(self, at: u32, byte: u8) -> bool {
        let text = match self {
            Self::Preface => PREFACE,
            Self::Response => VERSION,
            _ => return true,
        };
        text.get(at as usize) == Some(&byte)
    }

    /// The form at the `byte` that begins a method.
    const fn beginning(at: u32, byte: u8) -> Self {
        match (at, byte) {
            (0, b'P') => Self::Preface,
            (0, b'H') => Self::Response,
            _ => Self::Registered,
        }
    }

    /// The form when `byte` has made a method begin with `prefix`.
    pub(crate) const fn within(self, prefix: Prefix, byte: u8) -> Self {
        match self {
            Self::Preface | Self::Response => self,
            _ if prefix.is_unknown() => Self::Token,
            _ if byte.is_ascii_lowercase() => Self::Folded,
            _ => self,
        }
    }

    /// The form behind the whole of a method.
    fn behind(self, method: Prefix) -> Self {
        match method.name() {
            None => Self::Token,
            Some(SIMPLE) if self == Self::Registered => Self::Simple,
            Some(_) => self,
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
            form: Form::Registered,
        }
    }

    /// Whether every byte but white space, LF and NUL leaves all as it is.
    pub(crate) fn in_target(&self) -> bool {
        use Target::{Absolute, Opaque, Path};
        matches!(self.state, State::Target(Path | Absolute | Opaque)) && !self.is_placed()
    }

    /// Whether each byte has its place in the stream.
    pub(crate) const fn is_placed(&self) -> bool {
        matches!(self.form, Form::Preface | Form::Response)
    }

    /// Takes the `byte` at offset `at` of the stream.
    #[inline(always)]
    pub(crate) fn step(&mut self, at: u32, byte: u8) {
        if !self.form.allows(at, byte) {
            // The text was in capitals so far; whether it is a method that is registered, its end tells.
            self.form = Form::Registered;
        }
        self.state = match self.state {
            State::Blank if is_space(byte) || byte == LF => State::Blank,
            State::Blank => {
                self.form = Form::beginning(at, byte);
                self.method(Prefix::EMPTY, byte)
            }
            State::Method(prefix) => self.method(prefix, byte),
            State::Gap if is_space(byte) => State::Gap,
            State::Gap if byte == LF || byte == NUL => OTHER,
            State::Gap => self.target(Target::beginning(byte)),
            State::Target(target) if is_space(byte) => self.ended(target.ended()),
            State::Target(target) if byte == LF => self.line(target),
            State::Target(_) if byte == NUL => OTHER,
            State::Target(target) => self.target(target.with(byte)),
            State::Version(target, n) => self.version(target, n, byte),
            State::Status if byte.is_ascii_digit() => State::Decided(Verdict::Response),
            State::Status => OTHER,
            State::Decided(verdict) => State::Decided(verdict),
        };
    }

    /// Takes the `byte` that follows `prefix`.
    fn method(&mut self, prefix: Prefix, byte: u8) -> State {
        if is_tchar(byte) && prefix.len() < METHOD_MAX {
            let longer = prefix.with(byte);
            self.form = self.form.within(longer, byte);
            State::Method(longer)
        } else if is_space(byte) {
            self.form = self.form.behind(prefix);
            State::Gap
        } else if byte == b'/' && self.form == Form::Response {
            State::Status
        } else {
            OTHER
        }
    }

    /// Where it is in such a `target`, if the method takes it.
    fn target(&self, target: Target) -> State {
        match self.takes(target) {
            true => State::Target(target),
            false => OTHER,
        }
    }

    /// Where it is behind such a `target`, if the method takes it.
    fn ended(&self, target: Target) -> State {
        match self.takes(target) {
            true => State::Version(target, 0),
            false => OTHER,
        }
    }

    fn takes(&self, target: Target) -> bool {
        target != Target::Opaque || matches!(self.form, Form::Registered | Form::Simple)
    }

    /// The end of a line behind `target`.
    fn line(&self, target: Target) -> State {
        match (self.form, target) {
            (Form::Simple, Target::Path | Target::Absolute) => State::Decided(Verdict::Http09),
            _ => OTHER,
        }
    }

    /// Takes the `byte` that follows `n` bytes of a version behind `target`.
    fn version(&mut self, target: Target, n: u8, byte: u8) -> State {
        match VERSION.get(usize::from(n)) {
            Some(&expected) if byte == expected => State::Version(target, n.saturating_add(1)),
            None if byte.is_ascii_digit() && self.form == Form::Preface => {
                State::Decided(Verdict::H2c)
            }
            None if byte.is_ascii_digit() => State::Decided(Verdict::Http1),
            _ if n == 0 && is_space(byte) => State::Version(target, 0),
            _ if n == 0 && byte == LF => self.line(target),
            _ if byte == LF || byte == NUL => OTHER,
            _ => self.target_goes_on(target, byte),
        }
    }

    /// Takes the `byte` that shows that the white space before it has not ended the `target`.
    fn target_goes_on(&mut self, target: Target, byte: u8) -> State {
        self.form = match (target, self.form) {
            (Target::Path, Form::Registered | Form::Simple) => Form::Registered,
            (Target::Path, Form::Folded) => Form::Folded,
            _ => return OTHER,
        };
        match is_space(byte) {
            true => State::Version(target, 0),
            // No byte of the version is white space, so no other can have begun within it.
            false => State::Target(target),
        }
    }
}
