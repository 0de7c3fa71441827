// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl links`.

use clap::Args;

/// Arguments of `filterctl links`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line for each network interface of this network namespace, or for those that are named: its name
(with what it lies on: \"vlan5@eth0\"), whether it is up and has carrier, MTU, hardware address, kind,
the bridge, bond or VRF that it is a port of, and its addresses. The operational state is told where it
is not what follows from these. The module need not be loaded, and it takes no root.

With --follow, then a line for each change, until Ctrl-C, with exit status 0:
  new, vanished   the interface
  moved           to another network namespace, by the number that it has in this one
  renamed, altname, alias
  up, down        switched on or off
  carrier         gained or lost, while it is up
  operstate       the operational state: \"up\", \"dormant\", \"lowerlayerdown\", ...
  mtu, mac, kind, lower
  joined, left    its bridge, bond or VRF
  added, removed, changed
                  an address; changed is its state (\"tentative\" until it is found to be unique,
                  \"dadfailed\" if it is not, \"deprecated\", ...), its lifetime or what else it has
  absent          an interface that is named and is not there: it is waited for
  resync          changes came faster than they were read. All was read anew, and what differs from
                  what was told before is told next; what came and went meanwhile is not
An interface that was named stays followed when it is renamed. The kernel does not tell of everything: a
second after a change, and every ten seconds, all is read anew as well, and what differs is told.

With --json, an object a line:
  schema_version  1
  type            \"link\", \"address\"; with --follow also \"resync\", \"absent\"
  time            as in \"2026-03-01T12:00:00.123456Z\"
of a link or an address:
  event           \"state\": so it is at the beginning; \"added\", \"changed\", \"removed\"
  was             with \"changed\": what was different before, by the keys below; otherwise null
of a link:
  index           its number, which it keeps when it is renamed
  name            its name
  altnames        its other names
  alias           what somebody has written about it, or null
  kind            \"veth\", \"vlan\", ..., or null
  up              whether it is switched on
  carrier         whether it has carrier; null, if it is down
  operstate       the operational state
  mtu             its MTU
  mac             its hardware address, or null
  master          the name of what it is a port of, or null
  master_index    the index of the same
  lower           the name of what it lies on, or of its other end in this namespace; or null
  lower_index     the index of the same, also in another namespace
  lower_nsid      the number of that namespace, or null
  moved_to        with \"removed\", if it has moved: \"nsid\", and there its \"index\"; otherwise null
of an address:
  index, link     those of its interface
  family          \"inet\", \"inet6\"
  address         as in \"192.0.2.1\"
  prefix_length   as in 24
  peer            the address of the other end, or null
  broadcast       or null
  scope           \"global\", \"link\", \"host\", \"site\", or a number
  label           of IPv4, or null
  protocol        who has made it: \"kernel_ll\", \"kernel_ra\", \"kernel_lo\", a number, or null
  metric          of the route to its prefix, or null
  flags           \"tentative\", \"optimistic\", \"dadfailed\", \"deprecated\", \"secondary\", \"temporary\",
                  \"nodad\", \"home\", \"mngtmpaddr\", \"noprefixroute\", \"autojoin\", \"stable-privacy\",
                  \"dynamic\"
  valid_lifetime  seconds that are left, or null if it has no end
  preferred_lifetime  the same, before it is deprecated
of \"absent\":
  name            which is not there
An address is the same one if its index and address are, and for IPv4, its prefix and peer.

Examples:
  filterctl links
  filterctl links eth0 --follow
  filterctl links --netns web
  filterctl links --json | jq -r 'select(.type == \"link\" and .carrier == false).name'
  filterctl links --follow --json | jq -c 'select(.event == \"removed\")'")]
pub(crate) struct Links {
    /// Only these interfaces: names, or altnames
    #[arg(value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
    /// Then tell of changes, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Those of this network namespace: its name or inode, or "initial"
    #[arg(long, value_name = "NETNS")]
    pub(crate) netns: Option<String>,
    /// Print one JSON object for each interface, address and change
    #[arg(long)]
    pub(crate) json: bool,
}
