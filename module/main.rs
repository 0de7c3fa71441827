// SPDX-License-Identifier: GPL-2.0

//! http_filter: finds and drops plaintext HTTP that is sent to this host.
//!
//! Two layers. Below, in `kernel/`, is what the `kernel` crate lacks, with all of the `unsafe`.
//! Above, in safe Rust:
//!
//! - [`filter`] is the netfilter hook, and counts and logs;
//! - [`inspect`] decides whether a segment may pass, given the state of its socket
//!   ([`socket_state`]) and where it lies in its [`stream`] ([`span`]);
//! - [`table`] holds the streams whose start is undecided, an [`entry`](mod@entry) each, with the
//!   classifier's [`states`](classifier_states);
//! - [`http_connections`] are those that were found, so that each is counted and logged once;
//!   [`reject`] ends them;
//! - [`policy`] has the settings, [`rules`] the exceptions, [`flow_policy`] what follows from both for one
//!   flow;
//! - [`configuration`] changes both;
//! - [`events`] are what is told of connections by netlink;
//! - [`counters`] are the counters, [`report`] the log lines;
//! - [`control`] is sysfs, and switches the filter on and off; [`netlink`] has what sysfs can't do.

mod classifier_states;
mod configuration;
mod control;
mod counters;
mod entry;
mod events;
mod filter;
mod flow_policy;
mod http_connections;
mod inspect;
#[path = "kernel/mod.rs"]
mod kernel_ext;
mod netlink;
mod policy;
mod reject;
mod report;
mod rules;
mod socket_state;
mod span;
mod stream;
mod table;

use control::Control;
use kernel::prelude::*;
use kernel_ext::param;

module! {
    type: HttpFilter,
    name: "http_filter",
    authors: ["The http_filter authors"],
    description: "Finds and drops plaintext HTTP sent to this host",
    license: "GPL v2",
}

struct HttpFilter {
    _control: Control,
}

impl kernel::Module for HttpFilter {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _control: Control::new(&param::params())?,
        })
    }
}
