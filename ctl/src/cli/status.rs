// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl status`.

use clap::Args;

use super::Interval;

/// Arguments of `filterctl status`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
With --watch, the counters' growth is shown beside them, per second since the time before.
It goes on until Ctrl-C, with exit status 0, or until the module is unloaded, with 3.

With --json, an object a line:
  schema_version  1
  loaded          whether the module is loaded; if not, there are no more keys
  version         the module's version
  enabled         whether the filter is on
  since           when it was last switched, in seconds since 1970
  action          what becomes of HTTP that no rule matches: \"drop\", \"reject\", \"monitor\"
  rules           the text of the rules; a comment that says why, if it can't be read here
  detect          what counts as HTTP: any of \"requests\", \"h2c\", \"http09\", \"responses\"
  namespaces      in which network namespaces: \"all\", \"initial\"
  log             whether each connection gets a line in the kernel log
  max_undecided   how many undecided starts of streams are kept
  stats           the counters by name, and in \"methods\" the requests by method
  rates           with --watch, from the second time on: the same names, also in \"methods\", with
                  what each counter grew in a second; null for what was set to zero meanwhile, and
                  for \"undecided\"
Keys of a later module are there as well, as text or numbers.

Examples:
  filterctl status --watch 1
  filterctl status --json | jq .stats.blocked")]
pub(crate) struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Show it again each so many seconds, from 0.1 on, with rates
    #[arg(long, value_name = "SECONDS")]
    pub(crate) watch: Option<Interval>,
}
