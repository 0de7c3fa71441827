// SPDX-License-Identifier: GPL-2.0
//! The `Host` field of a request.

use crate::text::{Escaped, Text};

/// How much of the value is kept.
const VALUE_MAX: usize = 128;

/// Finds the first `Host` field behind a request line (RFC 9112, sections 2.2 and 5): its name in any
/// case, a colon, white space, the value, white space, the end of the line.
///
/// It is fed the bytes behind the one that decided the [`Classifier`](crate::Classifier). Nothing is
/// looked for behind the empty line that ends the fields, nor behind [`LIMIT`](Self::LIMIT) bytes.
#[derive(Clone, Copy, Debug)]
pub struct HostField {
    at: At,
    left: u16,
    value: Text<VALUE_MAX>,
}

/// Where in the request the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In a line that is not looked at: the request line, or another field's.
    Line,
    /// In a line of which so many bytes are those of the name.
    Name(u8),
    /// At the end of the fields, if a line feed comes.
    EmptyLine,
    /// Between the colon and the value.
    Gap,
    /// In the value.
    Value,
    /// Behind the value.
    Found,
    /// Behind all that is looked at.
    End,
}

const NAME: &[u8] = b"host";

impl HostField {
    /// How many bytes are looked at.
    pub const LIMIT: u16 = 2048;

    /// One of which nothing has been read.
    pub const fn new() -> Self {
        Self {
            at: At::Line,
            left: Self::LIMIT,
            value: Text::new(),
        }
    }

    /// Reads the next bytes. Returns whether more are needed.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            if matches!(self.at, At::Found | At::End) {
                break;
            }
            self.at = match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    self.step(byte)
                }
                None => At::End,
            };
        }
        !matches!(self.at, At::Found | At::End)
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Value | At::Gap, b'\n') => At::Found,
            (At::Name(0) | At::EmptyLine, b'\n') => At::End,
            (_, b'\n') => At::Name(0),
            (At::Name(0), b'\r') => At::EmptyLine,
            (At::Name(len), _) => match NAME.get(usize::from(len)) {
                None if byte == b':' => At::Gap,
                Some(expected) if byte.eq_ignore_ascii_case(expected) => {
                    At::Name(len.saturating_add(1))
                }
                _ => At::Line,
            },
            (At::Gap, b' ' | b'\t') => At::Gap,
            (At::Gap | At::Value, _) => {
                self.value.push(byte);
                At::Value
            }
            (At::Line | At::EmptyLine, _) => At::Line,
            (end @ (At::Found | At::End), _) => end,
        }
    }

    /// The value, up to 128 bytes of it, as it is shown; `None` until all of the field has been read.
    pub fn value(&self) -> Option<Escaped<'_>> {
        let value = self.value.as_bytes().trim_ascii_end();
        (self.at == At::Found).then_some(Escaped(value))
    }
}

impl Default for HostField {
    fn default() -> Self {
        Self::new()
    }
}
