// SPDX-License-Identifier: GPL-2.0
//! Classes of bytes.

/// The end of a line; a CR before it counts as white space.
pub(crate) const LF: u8 = b'\n';

/// What no target holds.
pub(crate) const NUL: u8 = 0;

/// White space within a line, as RFC 9112, section 3 has recipients allow it.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r')
}

/// `tchar` of RFC 9110, section 5.6.2: what a method is made of.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}
