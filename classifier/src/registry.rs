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
        let len = usize::from(self.len);
        let names = NAMES.get(self.first.into()..).unwrap_or_default();
        let shared = names.first().and_then(|name| name.as_bytes().get(..len));
        let goes_on = |name: &&str| {
            let (prefix, rest) = name.as_bytes().split_at_checked(len).unzip();
            prefix == shared && rest.and_then(<[u8]>::first) == Some(&byte.to_ascii_uppercase())
        };
        let first = (self.first..Self::UNKNOWN)
            .zip(names)
            .find(|(_, name)| goes_on(name))
            .map_or(Self::UNKNOWN, |(index, _)| index);
        Self::new(first, self.len.saturating_add(1))
    }

    /// The name that it is the whole of.
    pub(crate) fn name(self) -> Option<&'static str> {
        let name = NAMES.get(usize::from(self.first))?;
        (name.len() == usize::from(self.len)).then_some(name)
    }
}
