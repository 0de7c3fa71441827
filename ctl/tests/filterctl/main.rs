// SPDX-License-Identifier: GPL-2.0
//! `filterctl` run against a tree of plain files in place of sysfs.

mod check;
mod doctor;
mod general;
mod load;
mod settings;
mod status;
mod terminal;
mod tree;
