// SPDX-License-Identifier: GPL-2.0
//! What is found in a connection, and what becomes of it, as the module numbers them.

use anyhow::{bail, Result};

use crate::uapi::*;

/// A kind of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Requests,
    H2c,
    Http09,
    Responses,
}

impl Kind {
    pub(crate) fn of(number: u64) -> Result<Self> {
        Ok(match u32::try_from(number)? {
            HTTP_FILTER_KIND_REQUESTS => Self::Requests,
            HTTP_FILTER_KIND_H2C => Self::H2c,
            HTTP_FILTER_KIND_HTTP09 => Self::Http09,
            HTTP_FILTER_KIND_RESPONSES => Self::Responses,
            _ => bail!("the module tells of an unknown kind of HTTP: {number}"),
        })
    }

    /// What it is called in the setting `detect`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => HTTP_FILTER_DETECT_REQUESTS,
            Self::H2c => HTTP_FILTER_DETECT_H2C,
            Self::Http09 => HTTP_FILTER_DETECT_HTTP09,
            Self::Responses => HTTP_FILTER_DETECT_RESPONSES,
        }
    }
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Drop,
    Reject,
    Monitor,
    Allow,
}

impl Action {
    pub(crate) fn of(number: u64) -> Result<Self> {
        Ok(match u32::try_from(number)? {
            HTTP_FILTER_RULE_ACTION_DROP => Self::Drop,
            HTTP_FILTER_RULE_ACTION_REJECT => Self::Reject,
            HTTP_FILTER_RULE_ACTION_MONITOR => Self::Monitor,
            HTTP_FILTER_RULE_ACTION_ALLOW => Self::Allow,
            _ => bail!("the module tells of an unknown action: {number}"),
        })
    }

    /// Whether it lets nothing of the connection pass.
    pub(crate) fn blocks(self) -> bool {
        matches!(self, Self::Drop | Self::Reject)
    }

    /// What it is called in rules.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drop => HTTP_FILTER_ACTION_DROP,
            Self::Reject => HTTP_FILTER_ACTION_REJECT,
            Self::Monitor => HTTP_FILTER_ACTION_MONITOR,
            Self::Allow => "allow",
        }
    }

    /// What was done, as the kernel log has it.
    pub(crate) fn past_tense(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Reject => "rejected",
            Self::Monitor => "monitored",
            Self::Allow => "allowed",
        }
    }
}
