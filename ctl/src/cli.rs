// SPDX-License-Identifier: GPL-2.0
//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::module::Parameter;
use crate::uapi::HTTP_FILTER_SYSFS;

const EXAMPLES: &str = "\
Examples:
  filterctl load action=monitor           Load the module: find HTTP, drop nothing yet
  filterctl                               Show what it does and what it has counted
  filterctl set action drop               From now on drop HTTP
  filterctl set detect requests h2c       Choose what counts as HTTP
  filterctl disable                       Let everything pass, at no cost
  filterctl doctor                        Find out why the module cannot be loaded
  filterctl check capture.pcap            Check the connections of a capture file
  filterctl status --watch 1              Watch the counters grow
  filterctl status --json | jq .stats     For programs

Exit status:
  0 done, 1 failed, 2 wrong usage, 3 the module is not loaded";

/// Control http_filter, the kernel module that finds and drops plaintext HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The module's directory.
    #[arg(long, global = true, hide = true, value_name = "DIR", default_value = HTTP_FILTER_SYSFS)]
    pub(crate) sysfs: PathBuf,

    /// What to do; without it, show the status.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What `filterctl` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show settings and counters (also without a command)
    Status(Status),
    /// Switch the filter on
    Enable,
    /// Switch the filter off: everything passes
    Disable,
    /// Print a setting, or all
    Get(Get),
    /// Change a setting
    Set(Set),
    /// Set the counters to zero
    Reset,
    /// Load the module
    Load(Load),
    /// Unload the module
    Unload,
    /// Tell whether this kernel can take the module, and what to do if not
    Doctor(Doctor),
    /// Tell what the filter would find in a capture file
    Check(Check),
}

impl Default for Command {
    fn default() -> Self {
        Command::Status(Status::default())
    }
}

/// Arguments of `filterctl status`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
With --watch, the counters' growth is shown beside them, per second since the time before.
It goes on until Ctrl-C, with exit status 0, or until the module is unloaded, with 3.

With --json, an object a line:
  loaded         whether the module is loaded; if not, there are no other keys
  version        the module's version
  enabled        whether the filter is on
  since          when it was last switched, in seconds since 1970
  action         what becomes of HTTP: \"drop\", \"monitor\"
  detect         what counts as HTTP: any of \"requests\", \"h2c\", \"http09\", \"responses\"
  namespaces     in which network namespaces: \"all\", \"initial\"
  log            whether each connection gets a line in the kernel log
  max_undecided  how many undecided starts of streams are kept
  stats          the counters by name, and in \"methods\" the requests by method
  rates          with --watch, from the second time on: the same names, with what each counter grew
                 in a second; null for what was set to zero meanwhile, and for \"undecided\"
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

/// Some time between two looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval(pub(crate) Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => {
                Ok(Self(Duration::from_secs_f64(seconds)))
            }
            _ => Err("not a number of seconds from 0.1 to 86400".to_owned()),
        }
    }
}

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
  action    drop, monitor
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

/// Arguments of `filterctl load`.
#[derive(Debug, Args)]
#[command(after_help = "\
The module is looked for beside filterctl itself, then among the modules installed for the
running kernel, where modprobe loads it. Parameters that the module has not got are refused: the
kernel would ignore them. Nothing is loaded where /sys is not mounted: it could not be controlled.

Parameters:
  enabled        0, 1 (default: 1)
  action         drop, monitor (default: drop)
  detect         any of requests, h2c, http09, responses (default: requests,h2c,http09)
  namespaces     all, initial (default: all)
  log            0, 1 (default: 1)
  max_undecided  how many undecided starts of streams are kept (default: 4096)

Examples:
  filterctl load
  filterctl load action=monitor detect=requests,h2c
  filterctl load --module ./http_filter.ko namespaces=initial")]
pub(crate) struct Load {
    /// Load this file
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
    /// Parameters of the module
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<Parameter>,
}

/// Arguments of `filterctl doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
It looks at the kernel (version, configuration, who may load which modules), at the module's file,
and at what it takes to build one. Root is not needed. What cannot be known, without /proc or /sys
for example, is called unknown.

With --json, one object:
  problems  how many
  findings  a list of objects:
    name    what was looked at
    status  \"ok\", \"warning\", \"problem\"
    found   what was found
    advice  what to do, or null

Exit status: 0, if there is no problem; 1 otherwise.")]
pub(crate) struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Look at this file, not at the one that load finds
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
    /// Where the machine's files are.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
}

/// Arguments of `filterctl check`.
#[derive(Debug, Args)]
#[command(after_help = "\
The module need not be loaded. Each TCP connection is told as soon as it is decided, or else at the
end, the verdict first:
  http1, h2c, http09  what the module calls HTTP
  response            the answer of an HTTP server, of which the request is not in the capture
  other               anything else
  undecided           a gap, no start seen, or too little data
Files that are cut off or damaged are read as far as possible; stderr tells where that ends. 262,144
connections are known at a time; for more, those that were idle for longest are reported as they
stand, and told again if they go on.

With --json, an object a line:
  file     as given
  client   who sent the SYN, or else has the higher port: \"192.0.2.7:51034\", \"[2001:db8::7]:51034\"
  server   the other end
  verdict  as above, of the client's bytes; of the server's, if the client sent none
  line     the first line, escaped and cut, or null
  reason   why it is undecided, or null

Exit status: 0, whatever is found; 1, if a file could not be opened or is no capture.

Examples:
  filterctl check capture.pcap
  tcpdump -U -i any -w - tcp | filterctl check -
  filterctl check --json *.pcap | jq -r 'select(.verdict == \"http1\").server' | sort | uniq -c")]
pub(crate) struct Check {
    /// Print one JSON object for each connection
    #[arg(long)]
    pub(crate) json: bool,
    /// Capture files, pcap or pcapng; "-" is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_tells_every_allowed_value() {
        use crate::settings::{Kind, SETTINGS};

        for setting in SETTINGS.iter().filter(|setting| setting.is_parameter) {
            let mut command = Cli::command();
            let Some(load) = command.find_subcommand_mut("load") else {
                panic!("load")
            };
            let help = load.render_help().to_string();
            let line = help
                .lines()
                .find(|line| line.trim_start().starts_with(setting.name));
            let line = line.unwrap_or_else(|| panic!("{} is missing", setting.name));
            if let Kind::OneOf(words) | Kind::AnyOf(words) = setting.kind {
                assert!(line.contains(&words.join(", ")), "{line}");
            }
        }
    }
}
