// SPDX-License-Identifier: GPL-2.0
//! Bounded text, and how it is shown.

use core::fmt::{self, Display, Formatter, Write};

/// Up to `N` bytes, of which the first are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N <= u8::MAX as usize) };
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> u8 {
        self.len
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Adds `byte` if there is room.
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(usize::from(self.len)) {
            *free = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Keeps the first `len` bytes at most.
    pub(crate) fn truncate(&mut self, len: u8) {
        self.len = self.len.min(len);
    }
}

/// Shows bytes that a stranger chose so that they can neither end, forge nor garble a line of a log:
/// printable ASCII but space, backslash and double quote as it is, all else as `\xNN`.
pub struct Escaped<'a>(pub &'a [u8]);

impl Escaped<'_> {
    /// The most characters that one byte is shown as.
    pub(crate) const EXPANSION: usize = r"\xNN".len();

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| match byte {
            b'!'..=b'~' if !matches!(byte, b'\\' | b'"') => f.write_char(char::from(byte)),
            _ => write!(f, "\\x{byte:02x}"),
        })
    }
}
