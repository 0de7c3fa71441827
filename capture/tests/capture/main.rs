// SPDX-License-Identifier: GPL-2.0
//! Captures made for the purpose, read.

mod bounds;
mod connections;
mod corpus;
mod endings;
mod files;
mod fragments;
mod joined;
mod links;
mod support;
mod tunnels;
