// SPDX-License-Identifier: GPL-2.0
//! Whether this kernel can take the module, and whether the module can be built here.

mod build;
mod facts;
mod findings;

pub(crate) use facts::Facts;
pub(crate) use findings::{judge, Finding, Status};
