// SPDX-License-Identifier: GPL-2.0
//! `filterctl` run against a tree of plain files in place of sysfs.

mod check;
mod completions;
mod configuration;
mod connections;
mod doctor;
mod events;
mod general;
mod links;
mod load;
mod manual;
mod metrics;
mod rules;
mod schema;
mod settings;
mod status;
mod terminal;
mod tree;
