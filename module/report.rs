// SPDX-License-Identifier: GPL-2.0

//! Lines in the kernel log. Text from outside, which the first line and the device's name are, is
//! escaped.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{bindings, netfilter::Scope, packet::Segment, ratelimit},
    policy::{scope_name, text, Action, Kind, Policy},
    rules::RulesError,
};
use classifier::{Escaped, LogLine};
use core::fmt;
use kernel::prelude::*;

/// Makes a type of `core` or ours fit for the kernel's `pr_*!`, which has a `Display` of its own.
struct Show<T>(T);

impl<T: fmt::Display> kernel::fmt::Display for Show<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The rule of this number, if one has decided.
struct ByRule(Option<u32>);

impl fmt::Display for ByRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, " by rule {number}"),
            None => Ok(()),
        }
    }
}

/// One line for a connection, with the number of the rule that has decided, ratelimited. Any context.
pub(crate) fn connection(
    action: Action,
    rule: Option<u32>,
    segment: &Segment<'_>,
    kind: Kind,
    line: &LogLine,
) {
    let Some(suppressed) = ratelimit::line_allowed() else {
        return;
    };
    tell_suppressed(suppressed);
    pr_info!(
        "{} {} from {} to {} in {}{}\n",
        action.past_tense(),
        Show(line.display(kind.verdict())),
        Show(segment.source()),
        Show(segment.destination()),
        Show(Escaped(segment.device().as_bytes())),
        Show(ByRule(rule)),
    );
}

/// Says how many lines were left out, if any were.
fn tell_suppressed(suppressed: u32) {
    if suppressed != 0 {
        pr_info!("{suppressed} lines suppressed\n");
    }
}

/// The line on load.
pub(crate) fn loaded(enabled: bool, policy: &Policy, scope: Scope) {
    let config = policy.lock();
    pr_info!(
        "version {} loaded: {}action {}, detect {}, namespaces {}\n",
        text(bindings::HTTP_FILTER_VERSION),
        if enabled { "" } else { "switched off, " },
        config.action.name(),
        Show(config.detect),
        scope_name(scope),
    );
    match config.rules.rules().len() {
        0 => {}
        count => pr_info!("rules: {count}\n"),
    }
}

/// Says why rules were not taken; the error for it.
pub(crate) fn refused_rules(error: &RulesError) -> Error {
    match error {
        RulesError::Syntax(error) => pr_err!("rules: {}\n", Show(error)),
        RulesError::TooLarge(what) => pr_err!("rules: {}\n", text(what)),
        RulesError::NoMemory => return ENOMEM,
        RulesError::Stale => return EBUSY,
    }
    EINVAL
}

/// The line on unload.
pub(crate) fn unloaded(blocked: u64, monitored: u64) {
    tell_suppressed(ratelimit::take_suppressed());
    pr_info!("unloaded: {blocked} connections blocked, {monitored} monitored\n");
}
