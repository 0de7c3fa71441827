// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Arguments of `filterctl rules`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
The first rule that matches decides; the setting \"action\" does where none matches. A rule is
  allow|monitor|drop|reject [CONDITION VALUE]...
and all of its conditions have to hold:
  from   the peer's address, or any of several: 10.0.0.5,fd00::/8
  to     the local address
  port   the local port: 80, 8000-8099, 80,443
  on     the network device: lo
  netns  the network namespace: \"initial\", or its inode
  in     the socket's cgroup, or one above it: /system.slice/nginx.service
  kind   what is found: any of requests, h2c, http09, responses
  until  until then, in seconds since 1970
The commands below take these as well, and give the module its own words for them:
  unit   a unit of systemd: nginx; with a service, the socket unit that activates it
  until  a date in local time: 2026-12-31, 2026-12-31T18:00
  for    a span of time from now on: 30m, 12h, 7d, 2w, 1d12h
A comment begins with #. It ends with the line or at a semicolon, and so does a rule.

With --json, one object:
  schema_version  1
  generation      another number whenever the rules are replaced
  action          what becomes of HTTP where no rule matches
  rules           a list of objects:
    number        its place, from 1 on
    line          the line of the text that it begins in, from 1 on
    rule          the rule
    comment       the comment on it, or null
    hits          how many connections it has decided
    expired       whether its time is over
    until         that time, in seconds since 1970, or null
  text            the rules as the module has them

Examples:
  filterctl rules
  filterctl rules add allow from 10.0.0.5 port 9100 '# Prometheus'
  filterctl rules --json | jq '.rules[] | select(.hits == 0)'
  filterctl rules --json | jq -j .text >rules"
)]
pub(crate) struct Rules {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// What to do; without it, show them.
    #[command(subcommand)]
    pub(crate) command: Option<RulesCommand>,
}

/// What `filterctl rules` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Add a rule
    Add(AddRule),
    /// Delete rules
    Delete(DeleteRules),
    /// Replace all rules
    Replace(ReplaceRules),
    /// Tell what the rules would do with a connection
    Test(TestRules),
}

/// Arguments of `filterctl rules add`.
#[derive(Debug, Args)]
#[command(after_help = "\
\"filterctl rules --help\" tells what a rule is.

Examples:
  filterctl rules add allow on lo
  filterctl rules add --at 1 monitor port 8000-8099 for 7d
  filterctl rules add allow unit haproxy '# ticket 4711'")]
pub(crate) struct AddRule {
    /// Where: it gets this number, and those from there on the next; at the end, if not given
    #[arg(long, value_name = "N")]
    pub(crate) at: Option<usize>,
    /// The rule; its words need no quotes, but a comment and a semicolon do
    #[arg(
        value_name = "RULE",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) rule: Vec<String>,
}

/// Arguments of `filterctl rules delete`.
#[derive(Debug, Args)]
#[command(after_help = "\
A comment goes with the rule that it is on. Nothing is deleted if one of them is not there.

Examples:
  filterctl rules delete 3
  filterctl rules delete 1 4 5")]
pub(crate) struct DeleteRules {
    /// Their numbers
    #[arg(value_name = "N", required = true)]
    pub(crate) numbers: Vec<usize>,
}

/// Arguments of `filterctl rules replace`.
#[derive(Debug, Args)]
#[command(after_help = "\
All rules change at once, or none does, whoever has changed them meanwhile. A rule that stays as it was
keeps its hits.

Examples:
  filterctl rules replace /etc/http_filter/rules
  filterctl rules replace - </dev/null            No rules any more")]
pub(crate) struct ReplaceRules {
    /// The file with the rules; "-" is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Arguments of `filterctl rules test`.
#[derive(Debug, Args)]
#[command(after_help = "\
A connection is told of by conditions as in rules, each with one value:
  from ADDRESS, to ADDRESS, port PORT, on DEVICE (in a VRF two of them: eth0,vrf0),
  netns INODE|FILE|initial, in CGROUP, unit UNIT
What is not told is in no rule's list; without netns, it is the initial one. Nothing is sent: the
module is asked.

With --json, one object:
  schema_version  1
  generation      of the rules that were asked
  outcomes        a list of objects, one for each kind of HTTP:
    kind          \"requests\", \"h2c\", \"http09\", \"responses\"
    detected      whether it is looked for at all
    action        what would become of it: \"allow\", \"monitor\", \"drop\", \"reject\"
    rule          the number of the rule that says so, or null: the setting \"action\"
    text          that rule, or null

Examples:
  filterctl rules test from 10.0.0.5 to 192.0.2.1 port 9100 on eth0
  filterctl rules test port 80 unit nginx
  filterctl rules test from fd00::5 netns /run/netns/blue")]
pub(crate) struct TestRules {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The connection
    #[arg(value_name = "CONDITION VALUE")]
    pub(crate) conditions: Vec<String>,
}
