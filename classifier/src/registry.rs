// SPDX-License-Identifier: GPL-2.0
//! The methods that are registered.

/// The names in IANA's registry of HTTP methods, without its reserved `*`, sorted.
const NAMES: [&str; 40] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// The first of [`NAMES`] that begins with each letter.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // While it is compiled.
const FIRST: [u8; 26] = {
    let mut first = [Prefix::UNKNOWN; 26];
    let mut index = NAMES.len();
    while index != 0 {
        index -= 1;
        first[(NAMES[index].as_bytes()[0] - b'A') as usize] = index as u8;
    }
    first
};

/// How many letters each of [`NAMES`] shares with the one before it.
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // While it is compiled.
const SHARED: [u8; NAMES.len()] = {
    let mut shared = [0; NAMES.len()];
    let mut index = 1;
    while index < NAMES.len() {
        let (before, name) = (NAMES[index - 1].as_bytes(), NAMES[index].as_bytes());
        let mut len = 0;
        while len < before.len() && len < name.len() && before[len] == name[len] {
            len += 1;
        }
        shared[index] = len as u8;
        index += 1;
    }
    shared
};

/// The beginning of a method: as a length, and the first of [`NAMES`] that begins so in any letter
/// case. As they are sorted, a name that is the whole of it comes before those that are longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// An index, or [`Self::UNKNOWN`].
    first: u8,
    len: u8,
}

impl Prefix {
    /// The `first` if no name begins so.
    pub(crate) const UNKNOWN: u8 = NAMES.len() as u8;

    /// Nothing, with which every name begins.
    pub(crate) const EMPTY: Self = Self::new(0, 0);

    pub(crate) const fn new(first: u8, len: u8) -> Self {
        Self { first, len }
    }

    pub(crate) const fn first(self) -> u8 {
        self.first
    }

    pub(crate) const fn len(self) -> u8 {
        self.len
    }

    pub(crate) const fn is_unknown(self) -> bool {
        self.first == Self::UNKNOWN
    }

    /// The same with one more byte.
    pub(crate) fn with(self, byte: u8) -> Self {
        let upper = byte.to_ascii_uppercase();
        let first = match self.len {
            0 => FIRST.get(usize::from(upper.wrapping_sub(b'A'))).copied(),
            len => self.first_with(len, upper),
        };
        Self::new(first.unwrap_or(Self::UNKNOWN), self.len.saturating_add(1))
    }

    /// The first name that begins so, and has this letter at `len`.
    fn first_with(self, len: u8, letter: u8) -> Option<u8> {
        let mut index = self.first;
        loop {
            let name = NAMES.get(usize::from(index))?;
            if name.as_bytes().get(usize::from(len)) == Some(&letter) {
                return Some(index);
            }
            index = index.saturating_add(1);
            // Behind the last name, none is shared.
            SHARED
                .get(usize::from(index))
                .filter(|&&shared| shared >= len)?;
        }
    }

    /// The same with some more bytes, if no name begins so.
    pub(crate) const fn longer(self, len: u8) -> Self {
        Self::new(self.first, self.len.saturating_add(len))
    }

    /// The name that it is the whole of.
    pub(crate) fn name(self) -> Option<&'static str> {
        let name = NAMES.get(usize::from(self.first))?;
        (name.len() == usize::from(self.len)).then_some(name)
    }
}
