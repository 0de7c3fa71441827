// SPDX-License-Identifier: GPL-2.0
//! How text looks on a terminal, wherever it comes from.

use anstyle::Style;

/// Titles and totals.
pub(crate) const HEADING: Style = Style::new().bold();

/// What is of less interest than what is beside it.
pub(crate) const FAINT: Style = Style::new().dimmed();
