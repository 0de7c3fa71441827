// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl metrics`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `filterctl metrics`.
#[derive(Debug, Args)]
#[command(after_help = "\
What it prints is the text format of Prometheus. It listens nowhere: Prometheus asks by plaintext HTTP,
which the filter is there to stop. With --textfile, node_exporter's textfile collector tells it, if PATH
is in its folder and ends in \".prom\". That file is replaced at once, so that it is never read half
written; if anything fails, it stays as it was. Root is not needed, but to tell of rules.

How often it is to be written is up to a timer. If node_exporter is on this host and listens without
TLS, it needs a rule, too.

Metrics, all of which begin with http_filter_:
  loaded                           whether the module is loaded; if not, there are no others
  info                             1, with the labels \"version\" and \"namespaces\"
  enabled                          whether the filter is on
  last_switch_timestamp_seconds    when it was last switched, in seconds since 1970
  action                           1 for the \"action\" where no rule matches, 0 for the others
  detect                           1 for each \"kind\" of HTTP that counts, 0 for the others
  log_enabled                      whether each connection gets a line in the kernel log
  rules, rules_expired             how many rules there are, and how many are over; for root alone
  connections_found_total          connections found to be HTTP, by \"kind\"
  connections_decided_total        the same by \"decision\": \"blocked\", \"monitored\", \"allowed\"
  requests_total                   those with a request, by its \"method\"
  undecided_connections            connections within their first line, now
  undecided_connections_limit      how many of those the table has room for
  connections_evicted_total        undecided connections that were aborted
  segments_inspected_total         segments of which the data were read
  segments_dropped_total           segments that were dropped for being HTTP
  segments_deferred_total          segments dropped to come again, when what is before them is known
  segments_refused_total           the same for want of room
  segments_malformed_total         segments without a TCP header that can be read
  segments_uninspectable_total     segments passed unread
  events_lost_total                events for which there was no room
Counters begin at 0 with \"filterctl reset\", and when the module is loaded.

Exit status: 0 also if the module is not loaded, so that this is told and no timer fails.

Examples:
  filterctl metrics | grep undecided
  filterctl metrics --textfile /var/lib/prometheus/node-exporter/http_filter.prom
  filterctl rules add allow from 192.0.2.9 port 9100 '# Prometheus, who asks node_exporter'")]
pub(crate) struct Metrics {
    /// Write this file instead, with mode 0644
    #[arg(long, value_name = "PATH")]
    pub(crate) textfile: Option<PathBuf>,
}
