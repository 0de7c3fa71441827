// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl connections`.

use clap::Args;

use super::Ports;

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
