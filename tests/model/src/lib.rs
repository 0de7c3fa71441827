// SPDX-License-Identifier: GPL-2.0

//! The module's decision, compiled from its own source, in a world in which all that can happen at the same
//! time happens in every order.

extern crate pinned_init as pin_init;

pub mod check;
pub mod host;
pub mod run;
pub mod scenario;
pub mod scope;

mod kernel_ext;
mod report;
mod story;
mod task;
mod world;

#[path = "../../../module/connections.rs"]
mod connections;
#[allow(dead_code)]
#[path = "../../../module/counters.rs"]
mod counters;
#[path = "../../../module/filter.rs"]
mod filter;
#[path = "../../../module/judge.rs"]
mod judge;
#[allow(dead_code)]
#[path = "../../../module/policy.rs"]
mod policy;
#[path = "../../../module/position.rs"]
mod position;
#[path = "../../../module/stream.rs"]
mod stream;
#[path = "../../../module/table.rs"]
mod table;
#[path = "../../../module/trajectory.rs"]
mod trajectory;
#[path = "../../../module/undecided.rs"]
mod undecided;
