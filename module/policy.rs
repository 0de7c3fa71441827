// SPDX-License-Identifier: GPL-2.0

//! What counts as HTTP, and what happens to it: settings, which the hook reads without a lock, and
//! their text forms.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{
        bindings,
        netfilter::Scope,
        rcu::{RcuMutex, RcuMutexGuard, ReadSection},
    },
    rules::RuleSet,
};
use classifier::Verdict;
use core::fmt;
use kernel::{
    prelude::*,
    sync::{
        atomic::{ordering::Relaxed, Atomic},
        Arc,
    },
};

/// The settings.
pub(crate) struct Policy {
    config: RcuMutex<Config>,
    log: Atomic<u32>,
}

/// The settings that decide what happens to a connection. They are replaced as a whole, so that a
/// packet sees those before a change, or those after it.
pub(crate) struct Config {
    /// What happens to HTTP where no rule matches.
    pub(crate) action: Action,
    /// What counts as HTTP.
    pub(crate) detect: Detect,
    /// What happens to HTTP where one matches.
    pub(crate) rules: Arc<RuleSet>,
    /// Counts the changes, and wraps.
    pub(crate) generation: u32,
}

impl Config {
    /// The same after a change of a part.
    pub(crate) fn changed(&self) -> Self {
        Self {
            rules: self.rules.clone(),
            generation: self.generation.wrapping_add(1),
            ..*self
        }
    }
}

impl Policy {
    /// The defaults: requests of every kind are dropped, and logged. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let config = Config {
            action: Action::Drop,
            detect: Detect::NONE
                .with(Kind::Requests)
                .with(Kind::H2c)
                .with(Kind::Http09),
            rules: Arc::new(RuleSet::empty()?, GFP_KERNEL)?,
            generation: 1,
        };
        Ok(Self {
            config: RcuMutex::new(config)?,
            log: Atomic::new(1),
        })
    }

    /// What decides on connections now. Any context.
    #[inline]
    pub(crate) fn config<'a>(&'a self, section: ReadSection<'a>) -> &'a Config {
        self.config.read(section)
    }

    /// The same, to look at it for longer, or to change it. Process context; may sleep.
    pub(crate) fn lock(&self) -> RcuMutexGuard<'_, Config> {
        self.config.lock()
    }

    /// Whether each connection gets a line in the kernel log. Any context.
    pub(crate) fn log(&self) -> bool {
        self.log.load(Relaxed) != 0
    }

    /// Sets [`Self::log`].
    pub(crate) fn set_log(&self, log: bool) {
        self.log.store(u32::from(log), Relaxed);
    }
}

/// What happens to HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Its segments are dropped: the application never sees them.
    Drop,
    /// The same, and the connection is ended: both ends learn of it.
    Reject,
    /// It is counted and logged, and passes.
    Monitor,
    /// It is counted, and passes. Rules alone have it.
    Allow,
}

impl Action {
    const ALL: [Self; 4] = [Self::Drop, Self::Reject, Self::Monitor, Self::Allow];

    /// Its text form.
    pub(crate) fn name(self) -> &'static str {
        text(match self {
            Self::Drop => bindings::HTTP_FILTER_ACTION_DROP,
            Self::Reject => bindings::HTTP_FILTER_ACTION_REJECT,
            Self::Monitor => bindings::HTTP_FILTER_ACTION_MONITOR,
            Self::Allow => bindings::HTTP_FILTER_ACTION_ALLOW,
        })
    }

    /// That of a rule that begins with this word.
    pub(crate) fn of_rule(word: &[u8]) -> Option<Self> {
        let is_named = |action: &Self| action.name().as_bytes() == word;
        Self::ALL.into_iter().find(is_named)
    }

    /// The word for it in log lines.
    pub(crate) fn past_tense(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Reject => "rejected",
            Self::Monitor => "monitored",
            Self::Allow => "allowed",
        }
    }

    /// Whether the application sees nothing of it.
    pub(crate) fn blocks(self) -> bool {
        matches!(self, Self::Drop | Self::Reject)
    }
}

/// What can count as HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// HTTP/1 requests.
    Requests,
    /// The preface of HTTP/2 with prior knowledge.
    H2c,
    /// `GET /x`, without a version.
    Http09,
    /// Responses of servers: found where this host is the client.
    Responses,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Requests, Self::H2c, Self::Http09, Self::Responses];

    /// The kind of HTTP that the classifier has found; `None` if it is none.
    pub(crate) fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Http1 => Some(Self::Requests),
            Verdict::H2c => Some(Self::H2c),
            Verdict::Http09 => Some(Self::Http09),
            Verdict::Response => Some(Self::Responses),
            Verdict::Other => None,
        }
    }

    /// The verdict that it is [of](Self::of).
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Requests => Verdict::Http1,
            Self::H2c => Verdict::H2c,
            Self::Http09 => Verdict::Http09,
            Self::Responses => Verdict::Response,
        }
    }

    /// The kind of this name.
    pub(crate) fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// Its text form.
    fn name(self) -> &'static str {
        text(match self {
            Self::Requests => bindings::HTTP_FILTER_DETECT_REQUESTS,
            Self::H2c => bindings::HTTP_FILTER_DETECT_H2C,
            Self::Http09 => bindings::HTTP_FILTER_DETECT_HTTP09,
            Self::Responses => bindings::HTTP_FILTER_DETECT_RESPONSES,
        })
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detect(u32);

impl Detect {
    /// No kind.
    pub(crate) const NONE: Self = Self(0);

    /// All kinds.
    pub(crate) const ALL: Self = Self((1 << Kind::ALL.len()) - 1);

    /// Whether `kind` is in it.
    pub(crate) fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether no kind is in it.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same and `kind`.
    pub(crate) fn with(self, kind: Kind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// The kinds that are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The kinds that are in it, but not in `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kinds that are in it.
    pub(crate) fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .into_iter()
            .filter(move |&kind| self.contains(kind))
    }
}

impl fmt::Display for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for kind in self.kinds() {
            f.write_str(separator)?;
            f.write_str(kind.name())?;
            separator = " ";
        }
        Ok(())
    }
}

/// Reads an [`Action`].
pub(crate) fn parse_action(value: &str) -> Result<Action> {
    Action::of_rule(value.as_bytes())
        .filter(|&action| action != Action::Allow)
        .ok_or_else(|| refuse("action", value, "drop, reject, monitor"))
}

/// Reads a [`Detect`]: at least one name, separated by commas or white space.
pub(crate) fn parse_detect(value: &str) -> Result<Detect> {
    let refuse = || refuse("detect", value, "any of requests, h2c, http09, responses");
    let is_separator = |&byte: &u8| byte == b',' || byte.is_ascii_whitespace();
    let names = value.as_bytes().split(is_separator);
    let mut detect = Detect::NONE;
    for name in names.filter(|name| !name.is_empty()) {
        detect = detect.with(Kind::of_name(name).ok_or_else(refuse)?);
    }
    if detect.is_empty() {
        return Err(refuse());
    }
    Ok(detect)
}

/// Reads the value of a switch called `name`.
pub(crate) fn parse_bool(name: &str, value: &str) -> Result<bool> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(refuse(name, value, "0, 1")),
    }
}

/// Reads a number in decimal digits; `None` if it is none.
pub(crate) fn parse_number(value: &[u8]) -> Option<u64> {
    let add = |number: u64, &digit: &u8| {
        let digit = char::from(digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    let digits = (!value.is_empty()).then_some(value)?;
    digits.iter().try_fold(0, add)
}

/// Reads a number of undecided streams.
pub(crate) fn parse_max_undecided(value: &str) -> Result<usize> {
    parse_number(value.as_bytes())
        .filter(|number| (1..=1 << 20).contains(number))
        .map(|number| number as usize)
        .ok_or_else(|| refuse("max_undecided", value, "1 to 1048576"))
}

/// Reads a [`Scope`].
pub(crate) fn parse_scope(value: &str) -> Result<Scope> {
    [Scope::All, Scope::Initial]
        .into_iter()
        .find(|&scope| scope_name(scope) == value)
        .ok_or_else(|| refuse("namespaces", value, "all, initial"))
}

/// The text form of a [`Scope`].
pub(crate) fn scope_name(scope: Scope) -> &'static str {
    text(match scope {
        Scope::All => bindings::HTTP_FILTER_NAMESPACES_ALL,
        Scope::Initial => bindings::HTTP_FILTER_NAMESPACES_INITIAL,
    })
}

/// Says in the kernel log why a value was not taken; the error for it.
fn refuse(name: &str, value: &str, takes: &str) -> Error {
    // Enough of it to recognise it by.
    let value = (0..=64)
        .rev()
        .find_map(|len| value.get(..len))
        .filter(|_| value.len() > 64)
        .unwrap_or(value);
    pr_err!("{name}: {value:?} is not among what it takes: {takes}\n");
    EINVAL
}

/// A name of the interface's header as text.
pub(crate) fn text(name: &'static CStr) -> &'static str {
    name.to_str().unwrap_or("")
}
