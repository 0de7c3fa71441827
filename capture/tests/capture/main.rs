// SPDX-License-Identifier: GPL-2.0
//! Captures made here, and what they are judged to be.

mod connections;
mod files;
mod formats;
mod fragments;
mod links;
mod support;
