// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl check`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Arguments of `filterctl check`.
#[derive(Debug, Args)]
#[command(after_help = "\
The module need not be loaded. Each TCP connection is told as soon as it is decided, or else at the
end, the verdict first:
  http1, h2c, http09  what the module calls HTTP
  response            the answer of an HTTP server, of which the request is not in the capture
  other               anything else
  undecided           a gap, no start seen, or too little data
Connections in tunnels are told as well, those of each tunnel by themselves, and marked \"in\" with the
kinds of the tunnels, the outermost first: gre, erspan, pptp, ipip, 6in4, 4in6, 6in6, vxlan, geneve,
gtp, gue, l2tp, mpls, etherip. The module sees them on the host at which the tunnel ends.

Stderr tells how many packets were not read that may hold TCP, and why (encrypted, a link type that
is not known, fragments without the rest); UDP, ARP and the like are not counted. Files that are cut
off or damaged are read as far as possible; stderr tells where that ends. 262,144 connections are
known at a time; for more, those that were idle for longest are reported as they stand, and told
again if they go on.

Each file is a capture of its own. With --join they are one, as tcpdump -C, -G or -W splits it: they
are read in the order of their first packets' times, whatever their names, and a connection that
goes on in the next file is told once. Standard input comes last.

With --json, an object a line:
  file     as given; with --join, that in which the connection begins
  client   who sent the SYN, or else has the higher port: \"192.0.2.7:51034\", \"[2001:db8::7]:51034\"
  server   the other end
  tunnel   the kinds of the tunnels around it: \"vxlan\", \"gre/vxlan\", or null
  verdict  as above, of the client's bytes; of the server's, if the client sent none
  line     the first line, escaped and cut, or null
  reason   why it is undecided, or null

Exit status: 0, whatever is found; 1, if a file could not be opened or is no capture.

Examples:
  filterctl check capture.pcap
  filterctl check --join rotated.pcap*
  tcpdump -i nflog:1 -w - | filterctl check -
  tcpdump -U -i any -w - tcp | filterctl check -
  filterctl check --json *.pcap | jq -r 'select(.verdict == \"http1\").server' | sort | uniq -c")]
pub(crate) struct Check {
    /// Print one JSON object for each connection
    #[arg(long)]
    pub(crate) json: bool,
    /// Read the files as one capture that was split: follow connections from file to file
    #[arg(long)]
    pub(crate) join: bool,
    /// Capture files, pcap or pcapng; "-" is standard input
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}
