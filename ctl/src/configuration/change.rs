// SPDX-License-Identifier: GPL-2.0
//! What differs between a configuration and the loaded module, and how the module gets it: all of it, or nothing.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{anyhow, bail, Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use super::{Configuration, Invalid};
use crate::genetlink::{Connection, Refused};
use crate::rules::{self, RuleSet};
use crate::settings::{self, Setting};
use crate::sysfs::Sysfs;
use crate::uapi::*;

/// Whoever applies a configuration holds a lock on this file.
const LOCK: &str = "/run/http_filter.lock";

/// How the loaded module is configured.
#[derive(Debug)]
pub(crate) struct Running {
    /// Each parameter, and its value as the module writes it.
    values: Vec<(&'static Setting, String)>,
    rules: RuleSet,
}

impl Running {
    /// As it is now.
    ///
    /// # Errors
    ///
    /// Those of reading the rules, which takes root.
    pub(crate) fn read(sysfs: &Sysfs, module: &Connection) -> Result<Self> {
        let rules = RuleSet::get(module)?;
        let text = String::from_utf8(rules.text.clone())
            .context("the rules of the module are not UTF-8: a comment is of other bytes")?;
        let mut values = Vec::new();
        for (name, value) in settings::read(sysfs)? {
            let parameter = settings::find(&name).filter(|setting| setting.default.is_some());
            let Some(setting) = parameter else {
                continue;
            };
            // Their file holds no longer ones.
            let value = match setting.name {
                HTTP_FILTER_RULES => text.trim_end().to_owned(),
                _ => value,
            };
            values.push((setting, value));
        }
        Ok(Self { values, rules })
    }
}

/// A setting that is to become another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The setting's name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) from: String,
    /// What it is to be.
    pub(crate) to: String,
}

impl Change {
    /// The same, back.
    pub(crate) fn reversed(self) -> Self {
        Self {
            name: self.name,
            from: self.to,
            to: self.from,
        }
    }
}

impl Configuration {
    /// What differs in the loaded module.
    pub(crate) fn changes(&self, running: &Running) -> Vec<Change> {
        let differing = running.values.iter().filter_map(|(setting, from)| {
            let to = self.value(setting.name)?;
            (to != from).then(|| Change {
                name: setting.name,
                from: from.to_owned(),
                to: to.to_owned(),
            })
        });
        differing.collect()
    }

    /// Makes the loaded module like this, and tells what was changed. What lets HTTP pass comes first, so that what may
    /// pass before and after does so in between; then the rules, since the module alone knows whether they are right;
    /// `enabled` last. Signals that would end the program wait, and so does another one that does the same.
    ///
    /// # Errors
    ///
    /// [`Invalid`], if the module does not take the rules. After any error the module is as it was before; or
    /// the error says that it is not.
    pub(crate) fn apply(&self, sysfs: &Sysfs, module: &Connection) -> Result<Vec<Change>> {
        let _alone = lock()?;
        let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let applied = self.apply_undisturbed(sysfs, module);
        before.thread_set_mask()?;
        applied
    }

    fn apply_undisturbed(&self, sysfs: &Sysfs, module: &Connection) -> Result<Vec<Change>> {
        let running = Running::read(sysfs, module)?;
        let changes = self.changes(&running);
        let fixed = |change: &&Change| settings::find(change.name).is_some_and(Setting::is_fixed);
        if let Some(change) = changes.iter().find(fixed) {
            let Change { name, from, to } = change;
            bail!(
                "{name} is {from}, and becomes {to} only when the module is loaded: systemctl restart \
                 http_filter, or filterctl unload and filterctl load"
            );
        }
        let mut steps: Vec<&Change> = changes.iter().collect();
        steps.sort_by_key(|change| match (change.name, change.to.as_str()) {
            (HTTP_FILTER_ENABLED, "0") | (HTTP_FILTER_ACTION, HTTP_FILTER_ACTION_MONITOR) => 0,
            (HTTP_FILTER_RULES, _) => 1,
            (HTTP_FILTER_ENABLED, _) => 3,
            _ => 2,
        });
        let mut generation = Some(running.rules);
        let mut write = |change: &Change| match change.name {
            HTTP_FILTER_RULES => self.write_rules(module, generation.take(), &change.to),
            name => settings::write(sysfs, name, &change.to),
        };
        for (done, change) in steps.iter().enumerate() {
            if let Err(error) = write(change) {
                let done = steps.get(..done).unwrap_or_default();
                return Err(match undo(done, sysfs, module) {
                    Ok(()) => error,
                    Err(undoing) => error.context(format!(
                        "only a part was changed, and could not be changed back ({undoing:#})"
                    )),
                });
            }
        }
        Ok(changes)
    }

    fn write_rules(&self, module: &Connection, old: Option<RuleSet>, text: &str) -> Result<()> {
        let written = match old {
            Some(old) => old.replace(module, text.as_bytes()),
            None => rules::replace_all(module, text.as_bytes()),
        };
        written.map_err(|error| match error.downcast_ref::<Refused>() {
            Some(refused) if [Errno::EINVAL, Errno::EFBIG].contains(&refused.errno) => {
                let said = refused.to_string();
                let (line, what) = self.rules.placed(&said);
                Invalid::in_line(&self.file, line, &format!("rules: {what}")).into()
            }
            _ => error,
        })
    }
}

/// Waits until nobody else applies a configuration.
fn lock() -> Result<Flock<File>> {
    let mut options = File::options();
    let opened = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(LOCK);
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => anyhow!("permission denied: run as root"),
        _ => Error::from(error).context(format!("cannot open {LOCK}")),
    })?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .with_context(|| format!("cannot lock {LOCK}"))
}

/// Takes steps back, the last one first.
fn undo(steps: &[&Change], sysfs: &Sysfs, module: &Connection) -> Result<()> {
    for change in steps.iter().rev() {
        match change.name {
            HTTP_FILTER_RULES => rules::replace_all(module, change.from.as_bytes()),
            name => settings::write(sysfs, name, &change.from),
        }
        .with_context(|| change.name)?;
    }
    Ok(())
}
