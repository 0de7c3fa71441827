// SPDX-License-Identifier: GPL-2.0
//! One thing that was examined.

use serde_json::{json, Value};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It may stand in the way.
    Warning,
    /// It stands in the way.
    Problem,
}

impl Status {
    /// The name that programs and people are shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What.
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// What was found.
    pub(crate) found: String,
    /// What to do, unless all is well.
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "status": self.status.name(),
            "found": self.found,
            "advice": self.advice,
        })
    }
}

pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        name,
        status: Status::Ok,
        found: found.into(),
        advice: None,
    }
}

pub(super) fn bad(
    name: &'static str,
    status: Status,
    found: impl Into<String>,
    advice: impl Into<String>,
) -> Finding {
    Finding {
        name,
        status,
        found: found.into(),
        advice: Some(advice.into()),
    }
}
