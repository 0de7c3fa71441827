// SPDX-License-Identifier: GPL-2.0
//! x
use crate::cli::Catalogue;
pub(crate) fn run(_: &Catalogue) -> anyhow::Result<bool> { todo!() }
