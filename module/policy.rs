// SPDX-License-Identifier: GPL-2.0

//! What counts as HTTP, and what happens to it: settings that the hook reads without a lock, and
//! their text forms.

#![forbid(unsafe_code)]

use crate::kernel_ext::{bindings, netfilter::Scope};
use classifier::Verdict;
use core::fmt;
use kernel::{
    prelude::*,
    sync::atomic::{ordering::Relaxed, Atomic},
};

/// The settings. Each is read and written by itself, in any context.
pub(crate) struct Policy {
    action: Atomic<u32>,
    detect: Atomic<u32>,
    log: Atomic<u32>,
}

impl Policy {
    /// The defaults: requests of every kind are dropped, and logged.
    pub(crate) fn new() -> Self {
        let detect = Kind::Requests.bit() | Kind::H2c.bit() | Kind::Http09.bit();
        Self {
            action: Atomic::new(Action::Drop as u32),
            detect: Atomic::new(detect),
            log: Atomic::new(1),
        }
    }

    /// What happens to HTTP.
    pub(crate) fn action(&self) -> Action {
        match self.action.load(Relaxed) {
            x if x == Action::Monitor as u32 => Action::Monitor,
            _ => Action::Drop,
        }
    }

    /// Sets [`Self::action`].
    pub(crate) fn set_action(&self, action: Action) {
        self.action.store(action as u32, Relaxed);
    }

    /// What counts as HTTP.
    pub(crate) fn detect(&self) -> Detect {
        Detect(self.detect.load(Relaxed))
    }

    /// Sets [`Self::detect`].
    pub(crate) fn set_detect(&self, detect: Detect) {
        self.detect.store(detect.0, Relaxed);
    }

    /// Whether each connection gets a line in the kernel log.
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
    /// It is counted and logged, and passes.
    Monitor,
}

impl Action {
    const ALL: [Self; 2] = [Self::Drop, Self::Monitor];

    /// Its text form.
    pub(crate) fn name(self) -> &'static str {
        text(match self {
            Self::Drop => bindings::HTTP_FILTER_ACTION_DROP,
            Self::Monitor => bindings::HTTP_FILTER_ACTION_MONITOR,
        })
    }

    /// The word for it in log lines.
    pub(crate) fn past_tense(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Monitor => "monitored",
        }
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
    const ALL: [Self; 4] = [Self::Requests, Self::H2c, Self::Http09, Self::Responses];

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
    /// Whether `kind` is in it.
    pub(crate) fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }
}

impl fmt::Display for Detect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for kind in Kind::ALL.into_iter().filter(|&kind| self.contains(kind)) {
            f.write_str(separator)?;
            f.write_str(kind.name())?;
            separator = " ";
        }
        Ok(())
    }
}

/// Reads an [`Action`].
pub(crate) fn parse_action(value: &str) -> Result<Action> {
    Action::ALL
        .into_iter()
        .find(|action| action.name() == value)
        .ok_or_else(|| refuse("action", value, "drop, monitor"))
}

/// Reads a [`Detect`]: at least one name, separated by commas or white space.
pub(crate) fn parse_detect(value: &str) -> Result<Detect> {
    let refuse = || refuse("detect", value, "any of requests, h2c, http09, responses");
    let is_separator = |&byte: &u8| byte == b',' || byte.is_ascii_whitespace();
    let names = value.as_bytes().split(is_separator);
    let mut bits = 0;
    for name in names.filter(|name| !name.is_empty()) {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name);
        bits |= kind.ok_or_else(refuse)?.bit();
    }
    if bits == 0 {
        return Err(refuse());
    }
    Ok(Detect(bits))
}

/// Reads the value of a switch called `name`.
pub(crate) fn parse_bool(name: &str, value: &str) -> Result<bool> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(refuse(name, value, "0, 1")),
    }
}

/// Reads a number of undecided streams.
pub(crate) fn parse_max_undecided(value: &str) -> Result<usize> {
    let add = |number: usize, digit: char| {
        let digit = digit.to_digit(10)? as usize;
        number.checked_mul(10)?.checked_add(digit)
    };
    value
        .chars()
        .try_fold(0, add)
        .filter(|number| (1..=1 << 20).contains(number))
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
