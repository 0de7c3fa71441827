// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl doctor`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Arguments of `filterctl doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
It looks at the kernel (version, configuration, who may load which modules), at the module's file,
and at what it takes to build one. Root is not needed. What cannot be known, without /proc or /sys
for example, is called unknown.

With --json, one object:
  schema_version  1
  problems        how many
  findings        a list of objects:
    name          what was looked at
    status        \"ok\", \"warning\", \"problem\"
    found         what was found
    advice        what to do, or null

Exit status: 0, if there is no problem; 1 otherwise.")]
pub(crate) struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Look at this file, not at the one that load finds
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) module: Option<PathBuf>,
    /// Where the machine's files are.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
}
