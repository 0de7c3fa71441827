// SPDX-License-Identifier: GPL-2.0
//! The command lines of `filterctl diff`, `filterctl apply` and `filterctl save`.

use std::path::PathBuf;

use clap::Args;

use crate::configuration::FILE;

/// Arguments of `filterctl diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
A setting that the file does not name counts as named with its default. \"filterctl apply --help\" tells
what is in the file. It is checked also while the module is not loaded, but for the conditions of rules:
the module alone reads these, when they are applied.

With --json, one object:
  schema_version  1
  file            as given
  changes         a list of objects, one for each setting that would change:
    key           the setting
    from, to      its value, as in \"filterctl status --json\"

Exit status: 0, whether something would change or not; with --exit-code 1, if something would.

Examples:
  filterctl diff
  filterctl diff new.toml
  filterctl diff --exit-code >/dev/null || echo 'not as configured'")]
pub(crate) struct Diff {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// End with exit status 1 if something would change
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// The configuration file; "-" is standard input
    #[arg(default_value = FILE)]
    pub(crate) file: PathBuf,
}

/// Arguments of `filterctl apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is checked first, and what is wrong in it is told with its line. Then the module gets the rules,
the other settings, and \"enabled\" at the end; before them what lets HTTP pass: \"enabled = false\", and
\"monitor\". If it does not take one of them, it gets back all that it had.
A setting that the file does not name gets its default, rules included; the one it must name is \"action\".

The file is TOML:
  enabled        true, false (default: true)
  action         \"drop\", \"reject\", \"monitor\"
  rules          a string of several lines, ''' before and after it: see \"filterctl rules --help\";
                 \"unit\" and dates are known, \"for\" is not (default: none)
  detect         a list of \"requests\", \"h2c\", \"http09\", \"responses\" (default: the first three)
  namespaces     \"all\", \"initial\" (default: \"all\"); when the module is loaded
  log            true, false (default: true)
  max_undecided  a number (default: 4096); when the module is loaded

Examples:
  filterctl diff && filterctl apply
  filterctl apply new.toml")]
pub(crate) struct Apply {
    /// The configuration file; "-" is standard input
    #[arg(default_value = FILE)]
    pub(crate) file: PathBuf,
}

/// Arguments of `filterctl save`.
#[derive(Debug, Args)]
#[command(after_help = "\
What is in the file stays as it is where it says the same, comments included; what changes in it is
shown. So a file that was not applied, since something in it is wrong, loses that. It is replaced at once: who
reads it meanwhile finds the old one or the new one. A file that is not there is made, with comments on
each setting.

Examples:
  filterctl save
  filterctl save - | diff /etc/http_filter.toml -")]
pub(crate) struct Save {
    /// The configuration file; "-" is standard output
    #[arg(default_value = FILE)]
    pub(crate) file: PathBuf,
}
