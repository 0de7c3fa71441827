// SPDX-License-Identifier: GPL-2.0
//! The command line.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use crate::module::Parameter;
use crate::uapi::HTTP_FILTER_SYSFS;

const EXAMPLES: &str = "\
Examples:
  filterctl load action=monitor           Load the module: find HTTP, drop nothing yet
  filterctl                               Show what it does and what it has counted
  filterctl set action drop               From now on drop HTTP
  filterctl set detect requests h2c       Choose what counts as HTTP
  filterctl rules add allow on lo         Let what comes over loopback be
  filterctl disable                       Let everything pass, at no cost
  filterctl doctor                        Find out why the module cannot be loaded
  filterctl check capture.pcap            Check the connections of a capture file
  filterctl connections                   List the inbound connections, and whose they are
  filterctl events --follow               Tell who speaks HTTP to whom, as it happens
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
    /// Show the rules, change them, or ask what they would do
    Rules(Rules),
    /// Load the module
    Load(Load),
    /// Unload the module
    Unload,
    /// Tell whether this kernel can take the module, and what to do if not
    Doctor(Doctor),
    /// Tell what the filter would find in a capture file
    Check(Check),
    /// List inbound connections and whose they are, or end them
    Connections(Connections),
    /// Tell of connections that speak HTTP as they are found, and whose they are
    Events(Events),
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
  action         what becomes of HTTP that no rule matches: \"drop\", \"reject\", \"monitor\"
  rules          the text of the rules; a comment that says why, if it can't be read here
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
    /// The file with the rules; \"-\" is standard input
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

/// Arguments of `filterctl load`.
#[derive(Debug, Args)]
#[command(after_help = "\
The module is looked for beside filterctl itself, then among the modules installed for the
running kernel, where modprobe loads it. Parameters that the module has not got are refused: the
kernel would ignore them. Nothing is loaded where /sys is not mounted: it could not be controlled.

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

/// Arguments of `filterctl connections`.
#[derive(Debug, Args)]
#[command(after_help = "\
The filter reads only the first line of a connection: those that were open before it was switched on,
or before \"monitor\" became \"drop\", stay as they are. The kernel does not tell how old a connection
is. The module need not be loaded.

A connection counts as inbound if there is a listener for its local address and port in its network
namespace. It is listed with the program that holds it, and with the systemd unit or container that
this runs in; where no program does (it is not accepted yet, or was closed), with the listener's unit.
All network namespaces are searched that have a process, or a name in /run/netns; \"initial\" is that
of process 1. Without root, only what is one's own is seen, and stderr tells so.

Selectors of one kind are alternatives; those of different kinds have to fit together.

With --end, each connection is listed with what would become of it; with --yes, it is done. The client
gets a reset, the server's program an error.
  would end  it is ended if --yes is given
  ended      done
  gone       it has ended by itself meanwhile
  kept       sshd holds it, or listens on its port; or it cannot be seen who does. --ssh ends it
  failed     stderr tells why

With --json, an object a line:
  schema_version  1
  netns           the network namespace: its \"inode\", and its \"name\" or null
  local, peer     \"192.0.2.1:8080\", \"[2001:db8::1]:8080\"
  state           as ss calls it: \"established\", \"close-wait\", ...
  program         the name of the first process that holds it, or null
  processes       all that hold it: \"pid\", \"name\", \"executable\" (the name of the file, or null)
  unit            the systemd unit, or null
  container       its \"runtime\" and its \"name\" (or long number), or null
  cgroup          the path of the control group that tells both, or null
  bytes_received  by TCP; a received end of stream counts for one. Or null
  idle            seconds since the last of these; if there are none, the age
  ssh             whether sshd holds it or listens on its port; null, if that cannot be seen
  outcome         with --end, as above; otherwise null
  error           why it failed, or null

Exit status: 1, if one could not be ended.

Examples:
  filterctl connections
  filterctl connections --long --port 80,8000-8999
  filterctl connections --unit nginx.service --end            Look first
  filterctl connections --unit nginx.service --end --yes
  filterctl connections --json | jq -r 'select(.bytes_received > 0).program' | sort | uniq -c")]
pub(crate) struct Connections {
    #[command(flatten)]
    pub(crate) selectors: Selectors,
    /// List each with its peer, state, and what it has received
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Print one JSON object for each connection
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell what would be ended; takes one of the selectors above
    #[arg(long, requires = "Selectors")]
    pub(crate) end: bool,
    /// End them
    #[arg(long, requires = "end")]
    pub(crate) yes: bool,
    /// End also what sshd holds, or may hold
    #[arg(long, requires = "end")]
    pub(crate) ssh: bool,
}

/// Arguments of `filterctl events`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line for each connection that speaks HTTP, as soon as the module has found it: what was done, its
first line without query, from where to where, whose it is, its Host field if that came in the same
packet, and the rule that has decided with the comment on it. Another line tells of the end of one
that was dropped or rejected, and why nothing more is told of it:
  aborted    the filter has ended it
  closed     its socket is gone
  silent     nothing has come for 120 seconds
  displaced  there were too many: up to 4,096 are followed at a time
  disabled   the filter was switched off
The module keeps no events: only what happens while somebody listens is told. Without --follow that
is for 10 seconds; with it, until Ctrl-C, with exit status 0, or until the module is unloaded, with 3.
What came too fast to be told is counted, as far as possible.

A connection is told with the processes that hold its socket at that moment; or if there are none,
since it is not accepted yet or has ended already, its listener. If that has gone as well, or if it
cannot be told which of several listeners it is, no process is told. The unit or container is that
of the process, or else that in which the listener was made. In a flood of events, processes that
began a short time ago may be missed: looking for them takes at most a tenth of the time.

It takes root on the host. In a network namespace of its own, whoever has CAP_NET_ADMIN there hears of
that namespace, without rules and control groups.

With --json, an object a line:
  schema_version  1
  type            \"found\", \"ended\"
  time            as in \"2026-03-01T12:00:00.123456Z\"
  flow_id         the same in all events of one connection; text
  lost            how many events were lost before this one, at least
  netns           the network namespace: its \"inode\", and its \"name\" or null
  peer, local     \"192.0.2.7:51034\", \"[2001:db8::7]:51034\"
of one that is found:
  device          the network device
  kind            \"requests\", \"h2c\", \"http09\", \"responses\"
  method          of a request; otherwise null
  target          the same: its first 64 bytes, without query, user and password
  host            the Host field, or null
  action          \"drop\", \"reject\", \"monitor\", \"allow\"
  rule            the number of the rule that has decided, or null
  comment         the comment on it, as the rules are now, or null
  program         the name of the first process that holds its socket or its listener, or null
  processes       all that do: \"pid\", \"name\", \"executable\" (the name of the file, or null)
  unit            the systemd unit, or null
  container       its \"runtime\" and its \"name\" (or long number), or null
  cgroup          the path of the control group that tells both, or null
  made_in         that of the one that its listener was made in, which rules ask for, or null
  uid             the user of its socket, or null
  accepted        true if that is the user of the process that has accepted it, false if the listener's
of one that has ended:
  reason          as above
  duration        seconds from when it was found to its last segment
  segments        how many of its segments were dropped
What came over the network is escaped: \\xNN for all but printable ASCII, for blanks, \" and \\.

With --eve, Suricata's EVE: what is found has the \"event_type\" \"http\" and a \"verdict\" (its action is
\"drop\", \"alert\" or \"pass\"); what has ended is a \"flow\". \"http_filter\" is the object above.

Examples:
  filterctl events
  filterctl events --follow
  filterctl events --for 1h --json | jq -r 'select(.type == \"found\").unit' | sort | uniq -c
  filterctl events --follow --eve >>/var/log/http_filter/eve.json
  filterctl events --follow --count 1                         Wait for the next one")]
pub(crate) struct Events {
    /// Go on until Ctrl-C
    #[arg(short, long, conflicts_with = "time")]
    pub(crate) follow: bool,
    /// Go on for so long: 30s, 5m, 1h30m
    #[arg(long = "for", id = "time", value_name = "TIME", default_value = "10s")]
    pub(crate) time: Span,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Print one JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
    /// Print one object of Suricata's EVE JSON for each event
    #[arg(long, conflicts_with = "json")]
    pub(crate) eve: bool,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<SignedDuration>().ok();
        match span.and_then(|span| Duration::try_from(span).ok()) {
            Some(span) if !span.is_zero() => Ok(Self(span)),
            _ => Err("not a span of time, such as 30s, 5m, 1h30m".to_owned()),
        }
    }
}

/// Which connections `filterctl connections` is about.
#[derive(Debug, Args)]
pub(crate) struct Selectors {
    /// Only those with these local ports: numbers, or ranges like 8000-8999
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub(crate) port: Vec<Ports>,
    /// Only those of processes with this name, or that execute a file of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Vec<String>,
    /// Only those of this systemd unit, or below this path of a control group
    #[arg(long, value_name = "UNIT")]
    pub(crate) unit: Vec<String>,
    /// Only those in this network namespace: its name or inode, or "initial"
    #[arg(long, value_name = "NETNS")]
    pub(crate) netns: Vec<String>,
}

/// A port, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self(first..=last)),
            _ => Err("neither a port, from 1 to 65535, nor a range of ports".to_owned()),
        }
    }
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
    fn ports_are_numbers_or_ranges() {
        for (text, range) in [
            ("80", 80..=80),
            ("1-65535", 1..=65535),
            ("8000-8000", 8000..=8000),
        ] {
            assert_eq!(text.parse(), Ok(Ports(range)));
        }
        for text in [
            "", "0", "65536", "9-8", "-", "80-", "-80", "http", "1-2-3", "0-9",
        ] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_of_time_have_units() {
        for (text, seconds) in [("10s", 10), ("1h30m", 5400), ("2 minutes", 120)] {
            assert_eq!(
                text.parse(),
                Ok(Span(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        for text in ["", "10", "0s", "-1s", "1 month", "s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
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
