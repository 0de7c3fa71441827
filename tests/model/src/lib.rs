// SPDX-License-Identifier: GPL-2.0

//! The module's decision, compiled from its own source, in a world in which all that can happen at
//! the same time happens in every order.

extern crate pinned_init as pin_init;

pub mod action;
pub mod explore;
pub mod host;
pub mod run;
pub mod scenario;
pub mod scope;

mod events;
mod kernel_ext;
mod report;
#[cfg(test)]
mod rules_tests;
mod task;
mod trace;
mod world;

#[path = "../../../module/classifier_states.rs"]
mod classifier_states;
#[allow(dead_code)]
#[path = "../../../module/counters.rs"]
mod counters;
#[path = "../../../module/entry.rs"]
mod entry;
#[path = "../../../module/filter.rs"]
mod filter;
#[path = "../../../module/flow_policy.rs"]
mod flow_policy;
#[path = "../../../module/http_connections.rs"]
mod http_connections;
#[allow(dead_code)]
#[path = "../../../module/inspect/mod.rs"]
mod inspect;
#[allow(dead_code)]
#[path = "../../../module/policy.rs"]
mod policy;
#[path = "../../../module/reject.rs"]
mod reject;
#[allow(dead_code, unused_imports)]
#[path = "../../../module/rules/mod.rs"]
mod rules;
#[path = "../../../module/socket_state.rs"]
mod socket_state;
#[path = "../../../module/span.rs"]
mod span;
#[path = "../../../module/stream.rs"]
mod stream;
#[path = "../../../module/table.rs"]
mod table;
