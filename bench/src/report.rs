// SPDX-License-Identifier: GPL-2.0

//! Tables of what was measured.

use crate::run::{Measured, ROUNDS};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, fs, path::Path};

/// About the whole run.
#[derive(Deserialize, Serialize)]
struct Run {
    kernel: String,
    date: String,
}

/// Each value once, in the order of their first appearance.
fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
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
        .filter(|m| m.family == family && m.known == known && m.undecided == 0)
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

/// What a peer adds to nothing while other connections are undecided, in each case that was measured so.
fn undecided_table(measured: &[Measured], peer: &str) -> Result<String> {
    let of = |peer: &str| -> Vec<_> { measured.iter().filter(|m| m.peer == peer).collect() };
    let (rows, floor) = (of(peer), of("nothing"));
    let find = |rows: &[&Measured], like: &Measured, undecided| {
        let is_alike = |m: &&&Measured| {
            (&m.case, &m.family, m.known, m.undecided)
                == (&like.case, &like.family, like.known, undecided)
        };
        let found = rows.iter().find(is_alike).map(|m| m.min);
        found.with_context(|| format!("{peer} was not measured: {}, {undecided}", like.case))
    };
    let mut counts: Vec<_> = rows.iter().map(|m| m.undecided).collect();
    counts.sort_unstable();
    counts.dedup();
    let titles: Vec<_> = counts.iter().map(usize::to_string).collect();
    let mut text = format!("| case | IP, socket | {} |\n|---|---|", titles.join(" | "));
    text += &"---:|".repeat(counts.len());
    text += "\n";
    for like in rows.iter().filter(|m| counts.last() == Some(&m.undecided)) {
        let socket = if like.known { "known" } else { "looked up" };
        write!(text, "| {} | {}, {socket} |", like.case, like.family)?;
        for &count in &counts {
            let adds = find(&rows, like, count)? - find(&floor, like, count)?;
            write!(text, " {adds:.0} |")?;
        }
        text += "\n";
    }
    Ok(text)
}

/// Writes the tables into `folder/packets.md`, and what was measured into `folder/packets.json`.
pub(crate) fn report(measured: &Path, folder: &Path) -> Result<()> {
    let lines = fs::read_to_string(measured).context("what was measured")?;
    let mut lines = lines.lines().filter(|line| line.starts_with('{'));
    let run: Run =
        serde_json::from_str(lines.next().unwrap_or_default()).context("the run's line")?;
    let measured = lines
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect::<Result<Vec<Measured>>>()?;
    let mut text = format!(
        "# What a packet costs\n\n\
         Instructions that each adds to the way of a packet through NF_INET_LOCAL_IN and its socket's filters, in kernel\n\
         {} under QEMU's `-icount`, on {}: the least of up to {} rounds. `make bench` measures them anew.\n\
         An x behind a number: the packet was dropped. *First* ones come to a connection that has received nothing, *again* is\n\
         the same segment repeated; what is neither comes to a connection whose start is known not to be HTTP, and has received\n\
         517 bytes unless another number is named. *By bytes*: that byte of a request, each of which is sent by itself.\n\n",
        run.kernel, run.date, ROUNDS
    );
    for family in ["IPv4", "IPv6"] {
        for (known, title) in [(true, "known"), (false, "looked up")] {
            let table = table(&measured, family, known)?;
            write!(text, "## {family}, socket {title}\n\n{table}\n")?;
        }
    }
    let table = undecided_table(&measured, "http_filter")?;
    write!(
        text,
        "## http_filter while so many other connections are within their first line\n\n{table}"
    )?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("packets.md"), text)?;
    let all = serde_json::json!({ "run": run, "measured": measured });
    fs::write(folder.join("packets.json"), format!("{all}\n"))?;
    Ok(())
}
