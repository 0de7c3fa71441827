// SPDX-License-Identifier: GPL-2.0

//! Lines in the kernel log. Text from outside, which the first line and the device's name are, is
//! escaped.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{bindings, netfilter::Scope, packet::Segment, ratelimit},
    policy::{scope_name, text, Action, Kind, Policy},
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

/// One line for a connection, ratelimited. Any context.
pub(crate) fn connection(action: Action, segment: &Segment<'_>, kind: Kind, line: &LogLine) {
    let Some(suppressed) = ratelimit::line_allowed() else {
        return;
    };
    tell_suppressed(suppressed);
    pr_info!(
        "{} {} from {} to {} in {}\n",
        action.past_tense(),
        Show(line.display(kind.verdict())),
        Show(segment.source()),
        Show(segment.destination()),
        Show(Escaped(segment.device().as_bytes())),
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
    pr_info!(
        "version {} loaded: {}action {}, detect {}, namespaces {}\n",
        text(bindings::HTTP_FILTER_VERSION),
        if enabled { "" } else { "switched off, " },
        policy.action().name(),
        Show(policy.detect()),
        scope_name(scope),
    );
}

/// The line on unload.
pub(crate) fn unloaded(blocked: u64, monitored: u64) {
    tell_suppressed(ratelimit::take_suppressed());
    pr_info!("unloaded: {blocked} connections blocked, {monitored} monitored\n");
}
