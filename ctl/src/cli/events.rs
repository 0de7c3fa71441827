// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl events`.

use clap::Args;

use super::Span;

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
