// SPDX-License-Identifier: GPL-2.0
//! `filterctl doctor`: whether this kernel can take the module, and whether the module can be built here.

use std::io::Write;

use anstyle::AnsiColor;
use anyhow::{bail, Result};
use serde_json::{json, Value};

use crate::cli::Doctor;
use crate::doctor::{examine, Facts, Finding, Status};
use crate::json::SCHEMA_VERSION;
use crate::style::FAINT;

/// Shows all findings. It fails if there is a problem among them.
pub(crate) fn run(arguments: &Doctor, out: &mut dyn Write) -> Result<()> {
    let facts = Facts::collect(&arguments.root, arguments.module.as_deref())?;
    let findings = examine(&facts);
    let count = |status| {
        let of_status = findings.iter().filter(|finding| finding.status == status);
        of_status.count()
    };
    let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
    if arguments.json {
        let findings: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        let object = json!({
            "schema_version": SCHEMA_VERSION,
            "problems": problems,
            "findings": findings,
        });
        writeln!(out, "{object}")?;
    } else {
        show(&findings, out)?;
    }
    match (problems, warnings) {
        (0, _) if arguments.json => {}
        (0, 0) if facts.loaded.is_some() => writeln!(out, "\nall is well: the module is loaded")?,
        (0, 0) => writeln!(out, "\nall is well: the module can be loaded")?,
        (0, 1) => writeln!(out, "\nno problem, a warning")?,
        (0, _) => writeln!(out, "\nno problem, {warnings} warnings")?,
        (1, _) => bail!("a problem was found; what to do is told with it"),
        _ => bail!("{problems} problems were found; what to do is told with each"),
    }
    Ok(())
}

fn show(findings: &[Finding], out: &mut dyn Write) -> Result<()> {
    let names = findings.iter().map(|finding| finding.name.len());
    let names = names.max().unwrap_or_default();
    for finding in findings {
        let style = match finding.status {
            Status::Ok => AnsiColor::Green.on_default(),
            Status::Warning => AnsiColor::Yellow.on_default().bold(),
            Status::Problem => AnsiColor::Red.on_default().bold(),
        };
        let (status, name, found) = (finding.status.name(), finding.name, &finding.found);
        writeln!(out, "{style}{status:7}{style:#}  {name:names$}  {found}")?;
        if let Some(advice) = &finding.advice {
            let indent = "warning  ".len() + names;
            writeln!(out, "{:indent$}  {FAINT}->{FAINT:#} {advice}", "")?;
        }
    }
    Ok(())
}
