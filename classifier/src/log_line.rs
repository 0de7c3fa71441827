// SPDX-License-Identifier: GPL-2.0
//! What a person is shown of a stream's first line.

use core::fmt::{self, Display, Formatter};
use core::str;

use crate::automaton::{State, METHOD_MAX};
use crate::redacted_target::{RedactedTarget, TARGET_MAX};
use crate::text::{Escaped, Text};
use crate::{Classifier, Method, Verdict};

/// The shape of a version's number, with 0 for any digit.
const VERSION: &[u8] = b"0.0";

/// The same with the status of a response behind it.
const STATUS: &[u8] = b"0.0 000";

/// The beginning of a stream's first line, as it is shown to people.
///
/// It is fed the same bytes as the [`Classifier`], and the few that follow the deciding one if the
/// version is to be shown in full. The target is shown up to its query or 64 bytes and without the
/// user and password before its host.
#[derive(Clone, Copy, Debug)]
pub struct LogLine {
    classifier: Classifier,
    method: Text<{ METHOD_MAX as usize }>,
    target: RedactedTarget,
    /// The deciding byte and what follows it.
    numbers: Text<{ STATUS.len() }>,
}

const _: () = assert!(size_of::<LogLine>() <= 128);

impl LogLine {
    /// How many bytes behind the deciding one are shown: the rest of a version, and a status.
    pub const LOOKAHEAD: usize = STATUS.len() - 1;

    /// The most bytes that are shown: behind a method of the greatest length a target begins with a
    /// byte that is shown as it is.
    pub const DISPLAY_MAX: usize =
        METHOD_MAX as usize + (TARGET_MAX - 1) * Escaped::EXPANSION + " / HTTP/0.0".len();

    /// A line of which nothing has been read.
    pub const fn new() -> Self {
        Self {
            classifier: Classifier::new(),
            method: Text::new(),
            target: RedactedTarget::new(),
            numbers: Text::new(),
        }
    }

    /// Reads the stream's next bytes. Those after its first line do no harm.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            self.feed_byte(byte);
            // Nothing of what follows within the target is shown, but that it may end.
            rest = match self.target.is_full() {
                true => self.classifier.skip(behind),
                false => behind,
            };
        }
    }

    /// Reads the stream's next bytes as far as its method goes. Returns whether all of that was read.
    pub fn feed_method(&mut self, bytes: &[u8]) -> bool {
        let is_before_target = |state| matches!(state, State::Blank | State::Method(_));
        for &byte in bytes {
            if !is_before_target(self.classifier.state()) {
                break;
            }
            self.feed_byte(byte);
        }
        !is_before_target(self.classifier.state())
    }

    fn feed_byte(&mut self, byte: u8) {
        let before = self.classifier.state();
        self.classifier.step(byte);
        match (before, self.classifier.state()) {
            (_, State::Method(_)) => self.method.push(byte),
            (before, after @ (State::Target(_) | State::Version(..))) => {
                if matches!(after, State::Version(_, 0)) && before != after {
                    self.target.mark();
                }
                self.target.push(byte);
            }
            (before, State::Decided(_)) => {
                // The white space before a version, or before the end of the line.
                if matches!(before, State::Version(..)) {
                    self.target.end_at_mark();
                }
                self.numbers.push(byte);
            }
            (_, State::Blank | State::Gap | State::Status) => {}
        }
    }

    /// Goes on where `classifier` is in the same stream. Bytes in between are missing from what is
    /// shown: the target ends before them, and a `?` stands for what they take from the method.
    pub fn resume(&mut self, classifier: Classifier) {
        if classifier.offset() <= self.classifier.offset() {
            return;
        }
        let (before, after) = (self.classifier.state(), classifier.state());
        self.classifier = classifier;
        if matches!(before, State::Blank | State::Method(_)) && after != State::Blank {
            self.method.push(b'?');
        }
        if matches!(before, State::Version(..)) {
            // The white space before it may have ended the target.
            self.target.end_at_mark();
        }
        if !matches!(after, State::Blank | State::Method(_) | State::Gap) {
            self.target.cut();
        }
        if matches!(after, State::Decided(_)) {
            self.numbers.push(b'?');
        }
    }

    /// The method, as far as it has been read.
    pub fn method(&self) -> Method {
        Method::of(self.method.as_bytes())
    }

    /// The method as it is shown; empty if the line has none.
    pub fn shown_method(&self) -> Escaped<'_> {
        Escaped(self.method.as_bytes())
    }

    /// The target as it is shown; empty if the line has none.
    pub fn shown_target(&self) -> Escaped<'_> {
        let complete = self.classifier.verdict().is_some();
        Escaped(self.target.as_bytes(complete))
    }

    /// Shows the line as that of a stream of this `verdict`: printable ASCII, whatever was read, and
    /// at most [`DISPLAY_MAX`](Self::DISPLAY_MAX) bytes of it.
    pub fn display(&self, verdict: Verdict) -> impl Display + '_ {
        Shown {
            line: self,
            verdict,
        }
    }

    /// What has been read of numbers of this `shape`.
    fn numbers(&self, shape: &[u8]) -> &str {
        let read = self.numbers.as_bytes();
        let fits = |&(byte, shape): &(&u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        };
        let len = read.iter().zip(shape).take_while(fits).count();
        let read = read.get(..len).unwrap_or_default().trim_ascii_end();
        str::from_utf8(read).unwrap_or_default()
    }
}

impl Default for LogLine {
    fn default() -> Self {
        Self::new()
    }
}

struct Shown<'a> {
    line: &'a LogLine,
    verdict: Verdict,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { line, verdict } = *self;
        let (method, target) = (line.shown_method(), line.shown_target());
        match verdict {
            Verdict::Http1 => write!(f, "{method} {target} HTTP/{}", line.numbers(VERSION)),
            Verdict::Http09 => write!(f, "{method} {target} HTTP/0.9"),
            Verdict::H2c => f.write_str("HTTP/2 preface"),
            Verdict::Response => write!(f, "HTTP/{}", line.numbers(STATUS)),
            Verdict::Other if target.is_empty() => write!(f, "{method}"),
            Verdict::Other => write!(f, "{method} {target}"),
        }
    }
}
