// SPDX-License-Identifier: GPL-2.0
//! The command lines of `filterctl get` and `filterctl set`.

use clap::Args;

/// Arguments of `filterctl get`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  filterctl get           All settings, one a line
  filterctl get action    The value alone")]
pub(crate) struct Get {
    /// The setting; all, if not given
    pub(crate) key: Option<String>,
}

/// Arguments of `filterctl set`.
#[derive(Debug, Args)]
#[command(after_help = "\
Settings:
  enabled   0, 1
  action    drop, reject, monitor
  rules     see \"filterctl rules --help\"; without unit, for and dates
  detect    any of requests, h2c, http09, responses
  log       0, 1
\"filterctl get\" lists those of the loaded module.

Examples:
  filterctl set action monitor
  filterctl set detect requests h2c http09
  filterctl set log 0")]
pub(crate) struct Set {
    /// The setting
    pub(crate) key: String,
    /// Its new value; several words need no quotes
    #[arg(required = true, allow_hyphen_values = true)]
    pub(crate) value: Vec<String>,
}
