// SPDX-License-Identifier: GPL-2.0
//! `filterctl metrics`: what the module does and what it has counted, for Prometheus.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use crate::cli::Metrics;
use crate::{file, metrics};

/// Prints the metrics, or writes them to a file.
pub(crate) fn run(root: &Path, arguments: &Metrics, out: &mut dyn Write) -> Result<()> {
    let mut text = String::new();
    for family in metrics::collect(root)? {
        text.push_str(&family.to_string());
    }
    match &arguments.textfile {
        Some(path) => file::publish(path, text.as_bytes())?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(())
}
