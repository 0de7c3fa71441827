// SPDX-License-Identifier: GPL-2.0

//! http_filter: finds and drops plaintext HTTP that is sent to this host.
//!
//! Two floors. Below, in `kernel/`, what the `kernel` crate lacks, with all of the `unsafe`. Above,
//! in safe Rust, the product: [`filter`] decides, by [`policy`], on the start of a [`stream`];
//! [`connections`] knows which were counted already in [`counters`]; [`report`] writes the log line;
//! [`control`] is sysfs and the switch.

mod connections;
mod control;
mod counters;
mod filter;
mod judge;
#[path = "kernel/mod.rs"]
mod kernel_ext;
mod policy;
mod position;
mod report;
mod stream;
mod table;
mod trajectory;
mod undecided;

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
