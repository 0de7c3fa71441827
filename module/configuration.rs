// SPDX-License-Identifier: GPL-2.0

//! Changes of what decides on connections, while the filter runs: by whoever sets it, and by time.

#![forbid(unsafe_code)]

use crate::{
    filter::Filter,
    kernel_ext::{
        rcu::RcuMutexGuard,
        time,
        work::{DelayedWork, Work},
    },
    policy::{Action, Config, Detect},
    rules::{RuleSet, RulesError},
};
use kernel::{prelude::*, sync::Arc};

/// Milliseconds between two looks at the clock, while there are rules that end: it may be set.
const EXPIRY_INTERVAL: u32 = 500;

/// The settings of a filter that decide on connections. Process context; may sleep.
pub(crate) struct Configuration {
    filter: Arc<Filter>,
    expiry: DelayedWork<Expiry>,
}

/// Ends rules at their time, and begins them again if the clock is set back.
struct Expiry(Arc<Filter>);

impl Work for Expiry {
    fn run(&self) -> Option<u32> {
        let rules = self.0.policy.lock().rules.clone();
        if rules.note_expired(time::real_seconds()) {
            // If there is no memory, only what was found before is not judged anew.
            let _: Result = self.0.reconfigure(|config| Ok(config.changed()));
        }
        rules.has_ends().then_some(EXPIRY_INTERVAL)
    }
}

impl Configuration {
    /// That of a filter.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(filter: Arc<Filter>) -> Result<Self> {
        Ok(Self {
            expiry: DelayedWork::new(Expiry(filter.clone()))?,
            filter,
        })
    }

    /// What it is now. Nobody changes it meanwhile.
    pub(crate) fn lock(&self) -> RcuMutexGuard<'_, Config> {
        self.filter.policy.lock()
    }

    /// Sets what happens where no rule matches.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_action(&self, action: Action) -> Result {
        self.filter.reconfigure(|config| {
            Ok(Config {
                action,
                ..config.changed()
            })
        })
    }

    /// Sets what counts as HTTP.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_detect(&self, detect: Detect) -> Result {
        self.filter.reconfigure(|config| {
            Ok(Config {
                detect,
                ..config.changed()
            })
        })
    }

    /// Replaces the rules; only those of this `generation`, if one is given. Returns the generation of the
    /// new ones.
    ///
    /// # Errors
    ///
    /// Those of [`RuleSet::parse`]; [`RulesError::Stale`]. Then nothing has changed.
    pub(crate) fn replace_rules(
        &self,
        text: &[u8],
        generation: Option<u32>,
    ) -> Result<u32, RulesError> {
        let mut new_generation = 0;
        self.filter.reconfigure(|config| {
            let old = &config.rules;
            if generation.is_some_and(|generation| generation != old.generation()) {
                return Err(RulesError::Stale);
            }
            let rules = RuleSet::parse(text, old, time::real_seconds())?;
            new_generation = rules.generation();
            Ok(Config {
                rules: Arc::new(rules, GFP_KERNEL).map_err(|_| ENOMEM)?,
                ..config.changed()
            })
        })?;
        self.expiry.queue(0);
        Ok(new_generation)
    }
}
