// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl load`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::module::Parameter;

/// Arguments of `filterctl load`.
#[derive(Debug, Args)]
#[command(after_help = "\
The module is looked for beside filterctl itself, then among the modules installed for the
running kernel, where modprobe loads it. Parameters that the module has not got are refused: the
kernel would ignore them. Nothing is loaded where /sys is not mounted: it could not be controlled.

If there is a configuration file, /etc/http_filter.toml, the module is as that says from its first moment on, but for
parameters that are given here. If the file is bad, or the module does not take it, nothing is loaded.
\"filterctl apply --help\" tells what is in it.

Parameters:
  enabled        0, 1 (default: 1)
  action         drop, reject, monitor (default: drop)
  rules          see \"filterctl rules --help\"; without unit, for and dates (default: none)
  detect         any of requests, h2c, http09, responses (default: requests,h2c,http09)
  namespaces     all, initial (default: all)
  log            0, 1 (default: 1)
  max_undecided  how many undecided starts of streams are kept (default: 4096)

Examples:
  filterctl load
  filterctl load action=monitor detect=requests,h2c
  filterctl load --no-config action=monitor
  filterctl load --module ./http_filter.ko namespaces=initial")]
pub(crate) struct Load {
    /// Load this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) module: Option<PathBuf>,
    /// Read this configuration file, not /etc/http_filter.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Leave the configuration file alone
    #[arg(long, conflicts_with_all = ["config", "fallback"])]
    pub(crate) no_config: bool,
    /// If the configuration can't be applied, only monitor, without rules, and fail; also if loaded already
    #[arg(long)]
    pub(crate) fallback: bool,
    /// Parameters of the module
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
}
