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

/// A set of bytes, for loops.
pub(crate) struct Octets([bool; 256]);

/// The set of the bytes for which a condition holds.
macro_rules! octets {
    ($byte:ident: $condition:expr) => {{
        let mut set = [false; 256];
        let mut $byte = 0_u8;
        loop {
            // While it is compiled.
            #[allow(clippy::indexing_slicing)]
            {
                set[$byte as usize] = $condition;
            }
            if $byte == u8::MAX {
                break;
            }
            $byte = $byte.wrapping_add(1);
        }
        Octets(set)
    }};
}

impl Octets {
    /// The bytes that a `tchar` can be.
    pub(crate) const TCHAR: Self = octets!(byte: is_tchar(byte));

    /// What a scheme is made of, but for its first byte, which is a letter (RFC 3986, section 3.1).
    pub(crate) const SCHEME: Self = octets!(byte: is_scheme(byte));

    /// What HTTP may begin with.
    pub(crate) const FIRST: Self = octets!(byte: is_tchar(byte) || is_space(byte) || byte == LF);

    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)) == Some(&true)
    }

    /// How many of the leading bytes are in the set.
    #[inline]
    pub(crate) fn run(&self, bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|&byte| !self.has(byte));
        end.unwrap_or(bytes.len())
    }
}

/// What a scheme is made of, but for its first byte.
pub(crate) const fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// How many of the leading bytes end no target: none of them is white space, LF or NUL.
#[inline]
pub(crate) fn run_in_target(bytes: &[u8]) -> usize {
    let ends = |&byte: &u8| byte == LF || byte == NUL || is_space(byte);
    let mut len = 0_usize;
    loop {
        let rest = bytes.get(len..).unwrap_or_default();
        let mut blank = None;
        let pairs = rest.chunks_exact(16).position(|pair| {
            blank = pair.first_chunk().and_then(first_blank);
            blank.is_some()
        });
        let (Some(pairs), Some(blank)) = (pairs, blank) else {
            let tail = rest.get(rest.len() & !15..).unwrap_or_default();
            let run = tail.iter().position(ends).unwrap_or(tail.len());
            return len.saturating_add(rest.len() & !15).saturating_add(run);
        };
        len = len.saturating_add((pairs << 4) | blank);
        // What is not above SP need not end it.
        if bytes.get(len).is_none_or(ends) {
            return len;
        }
        len = len.saturating_add(1);
    }
}

/// The first byte of two words that is not above SP.
#[inline]
fn first_blank(pair: &[u8; 16]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // The highest bit of the first byte below 0x21, and of some behind it.
    let blanks =
        |word: u64| word.wrapping_sub(ONES.wrapping_mul(0x21)) & !word & ONES.wrapping_mul(0x80);
    let byte = |bits: u64| (bits.trailing_zeros() >> 3) as usize;
    let first = blanks(word(pair.first_chunk()));
    let second = blanks(word(pair.last_chunk()));
    match (first, second) {
        (0, 0) => None,
        (0, second) => Some(byte(second).saturating_add(8)),
        (first, _) => Some(byte(first)),
    }
}
