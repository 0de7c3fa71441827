// SPDX-License-Identifier: GPL-2.0

//! The grammar of rules: one a line, or several with `;` between them. A rule is an action, then any
//! of the conditions, each once, each with a list of values. A comment begins with `#`.

#![forbid(unsafe_code)]

use super::{
    namespace,
    ranges::{Addresses, Ranges},
    words, Rule, RuleSet, Span, MAX_PREFIXES, MAX_RULES, MAX_TEXT, MAX_VALUES,
};
use crate::{
    kernel_ext::bindings,
    policy::{parse_number, text, Action, Detect, Kind},
};
use classifier::Escaped;
use core::{fmt, net::IpAddr};
use kernel::{
    prelude::*,
    sync::{atomic::Atomic, Arc},
};

/// The most bytes of a device's name.
const MAX_DEVICE: usize = bindings::HF_DEVICE_NAME as usize - 1;

/// Why a set of rules was not taken. Nothing has changed then.
pub(crate) enum RulesError {
    /// A part of the text is no rule.
    Syntax(SyntaxError),
    /// Somebody else has replaced the set that was to be replaced.
    Stale,
    /// There are more bytes, rules, prefixes or other values than a set can have.
    TooLarge(&'static CStr),
    /// There is no memory.
    NoMemory,
}

/// What of a text is no rule.
pub(crate) struct SyntaxError {
    line: u32,
    word: Word,
    reason: &'static CStr,
}

/// The beginning of a word.
#[derive(Clone, Copy)]
struct Word {
    bytes: [u8; 32],
    len: u8,
}

impl Word {
    fn new(word: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(word)
            .for_each(|(to, from)| *to = *from);
        Self {
            bytes,
            len: word.len().min(bytes.len()) as u8,
        }
    }
}

impl SyntaxError {
    /// The line that it is in, from 1 on.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// The beginning of the word that is wrong.
    pub(crate) fn word(&self) -> &[u8] {
        self.word
            .bytes
            .get(..self.word.len.into())
            .unwrap_or_default()
    }

    /// What is wrong, without the place.
    pub(crate) fn reason(&self) -> &'static CStr {
        self.reason
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Escaped(self.word());
        write!(f, "line {}: \"{word}\": {}", self.line, text(self.reason))
    }
}

impl From<Error> for RulesError {
    fn from(_: Error) -> Self {
        Self::NoMemory
    }
}

impl RuleSet {
    /// Reads a set of rules that replaces `old` at `now`, in seconds since 1970 (`CLOCK_REALTIME`). Rules
    /// that both have go on counting their hits. Process context.
    ///
    /// # Errors
    ///
    /// Those of [`RulesError`].
    pub(crate) fn parse(source: &[u8], old: &Self, now: i64) -> Result<Self, RulesError> {
        if source.len() > MAX_TEXT {
            return Err(RulesError::TooLarge(c"more than 1048576 bytes of text"));
        }
        let parts = || source.split(|&byte| byte == b'\n' || byte == b';');
        let mut set = Self {
            generation: old.generation.wrapping_add(1),
            text: KVVec::with_capacity(source.len(), GFP_KERNEL).map_err(|_| ENOMEM)?,
            rules: KVVec::with_capacity(words::count(parts()).min(MAX_RULES), GFP_KERNEL)
                .map_err(|_| ENOMEM)?,
        };
        for &byte in source {
            set.text.push_within_capacity(byte).map_err(|_| ENOMEM)?;
        }
        let mut parser = Parser {
            source,
            line: 1,
            prefixes: 0,
            values: 0,
        };
        for part in parts() {
            if let Some(rule) = parser.rule(part)? {
                let is_full = |_| RulesError::TooLarge(c"more than 1024 rules");
                set.rules.push_within_capacity(rule).map_err(is_full)?;
            }
            let end = parser.span(part).end as usize;
            let is_end_of_line = source.get(end) == Some(&b'\n');
            parser.line = parser.line.wrapping_add(is_end_of_line.into());
        }
        set.note_expired(now);
        set.keep_hits(old);
        Ok(set)
    }
}

struct Parser<'a> {
    source: &'a [u8],
    line: u32,
    prefixes: usize,
    values: usize,
}

impl Parser<'_> {
    fn error<T>(&self, word: &[u8], reason: &'static CStr) -> Result<T, RulesError> {
        Err(RulesError::Syntax(SyntaxError {
            line: self.line,
            word: Word::new(word),
            reason,
        }))
    }

    /// The place in the text of a part of it.
    fn span(&self, part: &[u8]) -> Span {
        let start = part
            .as_ptr()
            .addr()
            .wrapping_sub(self.source.as_ptr().addr());
        Span {
            start: start as u32,
            end: start.wrapping_add(part.len()) as u32,
        }
    }

    /// A rule; `None` if there is only white space or a comment.
    fn rule(&mut self, part: &[u8]) -> Result<Option<Rule>, RulesError> {
        let is_bad = |byte: &&u8| **byte == b'"' || (byte.is_ascii_control() && **byte != b'\t');
        if let Some(bad) = part.iter().find(is_bad) {
            return self.error(
                core::slice::from_ref(bad),
                c"no double quotes or control characters",
            );
        }
        let (rule, _comment) = words::split_at(part, b'#');
        let rule = rule.trim_ascii();
        let mut words = words::of(rule);
        let Some(first) = words.next() else {
            return Ok(None);
        };
        let Some(action) = Action::of_rule(first) else {
            return self.error(first, c"a rule begins with allow, monitor, drop or reject");
        };
        let mut rule = Rule {
            action,
            kinds: Detect::ALL,
            from: None,
            to: None,
            ports: None,
            devices: None,
            namespaces: None,
            cgroups: None,
            until: None,
            is_expired: Atomic::new(0),
            hits: Arc::new(Atomic::new(0), GFP_KERNEL).map_err(|_| ENOMEM)?,
            line: self.line,
            span: self.span(rule),
        };
        let mut has_kind = false;
        while let Some(key) = words.next() {
            let Some(condition) = Condition::of(key) else {
                return self.error(key, c"none of from, to, port, on, netns, in, kind, until");
            };
            let Some(list) = words.next() else {
                return self.error(key, c"a value is missing");
            };
            let is_set = match condition {
                Condition::From => rule.from.replace(self.addresses(list)?).is_some(),
                Condition::To => rule.to.replace(self.addresses(list)?).is_some(),
                Condition::Port => rule.ports.replace(self.ports(list)?).is_some(),
                Condition::On => {
                    let is_name = |name: &[u8]| (1..=MAX_DEVICE).contains(&name.len());
                    let names = self.names(list, is_name, c"no name of a device")?;
                    rule.devices.replace(names).is_some()
                }
                Condition::Netns => rule.namespaces.replace(self.namespaces(list)?).is_some(),
                Condition::In => {
                    let is_path = |path: &[u8]| path.starts_with(b"/");
                    let reason = c"no path of a control group, which begins with /";
                    let paths = self.names(list, is_path, reason)?;
                    rule.cgroups.replace(paths).is_some()
                }
                Condition::Kind => {
                    rule.kinds = self.kinds(list)?;
                    core::mem::replace(&mut has_kind, true)
                }
                Condition::Until => rule.until.replace(self.seconds(list)?).is_some(),
            };
            if is_set {
                return self.error(key, c"there twice");
            }
        }
        Ok(Some(rule))
    }

    fn addresses(&mut self, list: &[u8]) -> Result<Addresses, RulesError> {
        let count = words::count(words::list(list));
        self.prefixes = self.prefixes.saturating_add(count);
        if self.prefixes > MAX_PREFIXES {
            return Err(RulesError::TooLarge(c"more than 16384 prefixes"));
        }
        let mut addresses = Addresses::with_capacity(count)?;
        for word in words::list(list) {
            let (address, len) = words::split_at(word, b'/');
            let Some(address) = parse_address(address) else {
                return self.error(word, c"no address");
            };
            let is_added = match len.map(parse_number) {
                None => addresses.add(address, None),
                Some(None) => false,
                Some(Some(len)) => {
                    addresses.add(address, Some(u32::try_from(len).unwrap_or(u32::MAX)))
                }
            };
            if !is_added {
                return self.error(word, c"no prefix of such an address has that length");
            }
        }
        addresses.sort();
        Ok(addresses)
    }

    fn ports(&mut self, list: &[u8]) -> Result<Ranges<u16>, RulesError> {
        let mut ports = Ranges::with_capacity(self.count_values(list)?)?;
        for word in words::list(list) {
            let port = |word| {
                u16::try_from(parse_number(word)?)
                    .ok()
                    .filter(|&port| port != 0)
            };
            let (first, last) = words::split_at(word, b'-');
            let (first, last) = (port(first), port(last.unwrap_or(first)));
            match (first, last) {
                (Some(first), Some(last)) if first <= last => ports.add(first, last),
                _ => return self.error(word, c"no port or range of ports, from 1 to 65535"),
            }
        }
        ports.sort();
        Ok(ports)
    }

    fn names(
        &mut self,
        list: &[u8],
        is_name: impl Fn(&[u8]) -> bool,
        reason: &'static CStr,
    ) -> Result<KVVec<Span>, RulesError> {
        let mut names = self.values(list)?;
        for word in words::list(list) {
            if !is_name(word) {
                return self.error(word, reason);
            }
            let name = self.span(word);
            names.push_within_capacity(name).map_err(|_| ENOMEM)?;
        }
        Ok(names)
    }

    fn namespaces(&mut self, list: &[u8]) -> Result<KVVec<Option<u32>>, RulesError> {
        let mut namespaces = self.values(list)?;
        for word in words::list(list) {
            let namespace = match word == text(bindings::HTTP_FILTER_NAMESPACES_INITIAL).as_bytes()
            {
                true => None,
                false => match parse_number(word).map(u32::try_from) {
                    Some(Ok(inode)) => namespace(inode),
                    _ => return self.error(word, c"neither initial nor the inode of a namespace"),
                },
            };
            namespaces
                .push_within_capacity(namespace)
                .map_err(|_| ENOMEM)?;
        }
        Ok(namespaces)
    }

    fn kinds(&self, list: &[u8]) -> Result<Detect, RulesError> {
        let mut kinds = Detect::NONE;
        for word in words::list(list) {
            let Some(kind) = Kind::of_name(word) else {
                return self.error(word, c"no kind; they are requests, h2c, http09, responses");
            };
            kinds = kinds.with(kind);
        }
        Ok(kinds)
    }

    fn seconds(&self, word: &[u8]) -> Result<i64, RulesError> {
        match parse_number(word).map(i64::try_from) {
            Some(Ok(seconds)) => Ok(seconds),
            _ => self.error(word, c"no number of seconds since 1970"),
        }
    }

    /// An empty vector with room for the values of a list.
    fn values<T>(&mut self, list: &[u8]) -> Result<KVVec<T>, RulesError> {
        let count = self.count_values(list)?;
        Ok(KVVec::with_capacity(count, GFP_KERNEL).map_err(|_| ENOMEM)?)
    }

    fn count_values(&mut self, list: &[u8]) -> Result<usize, RulesError> {
        let count = words::count(words::list(list));
        self.values = self.values.saturating_add(count);
        match self.values <= MAX_VALUES {
            true => Ok(count),
            false => Err(RulesError::TooLarge(
                c"more than 4096 ports, devices, namespaces and control groups",
            )),
        }
    }
}

/// What a rule can ask.
enum Condition {
    From,
    To,
    Port,
    On,
    Netns,
    In,
    Kind,
    Until,
}

impl Condition {
    fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"from" => Self::From,
            b"to" => Self::To,
            b"port" => Self::Port,
            b"on" => Self::On,
            b"netns" => Self::Netns,
            b"in" => Self::In,
            b"kind" => Self::Kind,
            b"until" => Self::Until,
            _ => return None,
        })
    }
}

/// Not inlined, since in core's code the compiler sees a way to a panic (`tests/protections`).
#[inline(never)]
fn parse_address(word: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(word).ok()?.parse().ok()
}
