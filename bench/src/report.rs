// SPDX-License-Identifier: GPL-2.0

//! Tables of what was measured.

use crate::{
    paths::{self, Taken},
    run::{Measured, ROUNDS},
};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, fs, path::Path};

/// About the whole run.
#[derive(Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) kernel: String,
    pub(crate) date: String,
}

/// What a line of what was measured tells.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Run(Run),
    Packet(Measured),
    Taken(Taken),
}

/// Each value once, in the order of their first appearance.
pub(crate) fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

/// A table of one version of IP, with the sockets known or not: what the peers add to nothing.
fn table(measured: &[Measured], family: &str, known: bool) -> Result<String> {
    let rows: Vec<_> = measured
        .iter()
        .filter(|m| m.family == family && m.known == known)
        .collect();
    let peers = distinct(rows.iter().map(|m| m.peer.as_str()));
    let Some((&nothing, others)) = peers.split_first() else {
        bail!("nothing was measured for {family}");
    };
    let find = |peer: &str, case: &str| {
        rows.iter()
            .find(|m| m.peer == peer && m.case == case)
            .with_context(|| format!("{peer} was not measured: {case}"))
    };
    for peer in others {
        if !rows
            .iter()
            .any(|m| m.peer == *peer && m.min > find(nothing, &m.case).map_or(0.0, |n| n.min) + 1.0)
        {
            bail!("{peer} adds nothing to any packet: was it loaded?");
        }
    }
    let mut text = format!("| case | {} |\n|---|", others.join(" | "));
    text += &"---:|".repeat(others.len());
    text += "\n";
    for case in distinct(rows.iter().map(|m| m.case.as_str())) {
        write!(text, "| {case} |")?;
        let floor = find(nothing, case)?.min;
        for peer in others {
            let of = find(peer, case)?;
            let sign = if of.dropped > 0.5 { " x" } else { "" };
            write!(text, " {:.0}{sign} |", of.min - floor)?;
        }
        text += "\n";
    }
    Ok(text)
}

/// Writes tables of what was measured into a folder. Each run's line comes before what it measured.
pub(crate) fn report(measured: &Path, folder: &Path) -> Result<()> {
    let mut run = None;
    let (mut packets, mut whole) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(measured)
        .context("what was measured")?
        .lines()
        .filter(|line| line.starts_with('{'))
    {
        match serde_json::from_str(line).with_context(|| line.to_owned())? {
            Line::Run(of) => run = Some(of),
            Line::Packet(packet) => packets.push(packet),
            Line::Taken(taken) => whole.push(taken),
        }
    }
    let run = run.context("the run's line is missing")?;
    fs::create_dir_all(folder)?;
    if !packets.is_empty() {
        report_packets(&run, &packets, folder)?;
    }
    if !whole.is_empty() {
        paths::report::report(&run, whole, folder)?;
    }
    Ok(())
}

/// Writes the tables into `folder/packets.md`, and what was measured into `folder/packets.json`.
fn report_packets(run: &Run, measured: &[Measured], folder: &Path) -> Result<()> {
    let mut text = format!(
        "# What a packet costs\n\n\
         Instructions that each adds to the way of a packet through NF_INET_LOCAL_IN and its socket's filters, in kernel\n\
         {} under QEMU's `-icount`, on {}: the least of up to {} rounds. `make bench` measures them anew.\n\
         An x behind a number: the packet was dropped. *First* ones come to a connection that has received nothing, *again* is\n\
         the same segment repeated; what is neither comes to a connection whose start is known not to be HTTP.\n\n",
        run.kernel, run.date, ROUNDS
    );
    for family in ["IPv4", "IPv6"] {
        for (known, title) in [(true, "known"), (false, "looked up")] {
            let table = table(measured, family, known)?;
            write!(text, "## {family}, socket {title}\n\n{table}\n")?;
        }
    }
    fs::write(folder.join("packets.md"), text)?;
    let all = serde_json::json!({ "run": run, "measured": measured });
    fs::write(folder.join("packets.json"), format!("{all}\n"))?;
    Ok(())
}
