// SPDX-License-Identifier: GPL-2.0

//! Tables of what was measured.

use crate::{
    connections::{self, Beside},
    paths::{self, Taken},
    plots::plot,
    readers::{self, Counted},
    run::{Measured, ROUNDS},
};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{fmt::Write, fs, path::Path};

/// About the whole run.
#[derive(Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) kernel: String,
    pub(crate) date: String,
    /// Whether nanoseconds were measured, rather than instructions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nanoseconds: bool,
    /// The processor of the machine that it was measured on.
    machine: String,
    qemu: String,
    gcc: String,
    rustc: String,
}

impl Run {
    pub(crate) fn made_with(&self) -> String {
        let qemu = if self.nanoseconds {
            String::new()
        } else {
            format!("{}; ", self.qemu)
        };
        format!(
            "Machine: {}. Versions: {qemu}{}; {}.",
            self.machine, self.gcc, self.rustc
        )
    }
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

/// What a peer adds to nothing, as a table shows it.
type Adds = fn(&Measured, &Measured) -> String;

/// A table of one version of IP, with the sockets known or not: what the peers add to nothing.
fn table(measured: &[Measured], family: &str, known: bool, adds: Adds) -> Result<String> {
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
        let floor = find(nothing, case)?;
        for peer in others {
            let of = find(peer, case)?;
            let sign = if of.dropped > 0.5 { " x" } else { "" };
            write!(text, " {}{sign} |", adds(of, floor))?;
        }
        text += "\n";
    }
    Ok(text)
}

/// The tables of both versions of IP.
fn tables(measured: &[Measured], adds: Adds) -> Result<String> {
    let mut text = String::new();
    for family in ["IPv4", "IPv6"] {
        for (known, title) in [(true, "known"), (false, "looked up")] {
            let table = table(measured, family, known, adds)?;
            write!(text, "## {family}, socket {title}\n\n{table}\n")?;
        }
    }
    Ok(text)
}

/// What was measured in rounds, as one: the least of all, and the median of the rounds' medians. Also returns
/// how many rounds there were.
fn over_rounds(measured: Vec<Measured>) -> (Vec<Measured>, usize) {
    let mut all: Vec<(Measured, Vec<f64>)> = Vec::new();
    for one in measured {
        match all.iter_mut().find(|(of, _)| of.key() == one.key()) {
            Some((of, medians)) => {
                of.min = of.min.min(one.min);
                medians.push(one.median);
            }
            None => {
                let medians = vec![one.median];
                all.push((one, medians));
            }
        }
    }
    let rounds = all.iter().map(|(_, medians)| medians.len()).min();
    let one = |(of, mut medians): (Measured, Vec<f64>)| {
        medians.sort_by(f64::total_cmp);
        Measured {
            median: medians[medians.len() / 2],
            ..of
        }
    };
    (all.into_iter().map(one).collect(), rounds.unwrap_or(0))
}

/// What a peer adds to nothing while other connections are undecided, in each case that was measured so.
fn undecided_table(measured: &[Measured], peer: &str) -> Result<String> {
    let rows: Vec<_> = measured.iter().filter(|m| m.peer == peer).collect();
    let find = |peer: &str, undecided, like: &Measured| {
        let key = (peer, &*like.case, undecided, &*like.family, like.known);
        let found = measured.iter().find(|m| m.key() == key).map(|m| m.min);
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
            // With nothing, what others have sent makes no difference.
            let adds = find(peer, count, like)? - find("nothing", 0, like)?;
            write!(text, " {adds:.0} |")?;
        }
        text += "\n";
    }
    Ok(text)
}

/// A line of what was measured.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Run(Run),
    Packet(Measured),
    Beside(Beside),
    Taken(Taken),
    Reader(Counted),
}

/// Writes what `run`, `paths` and `classifier-bench` have printed into `folder`: tables, plots, and JSON.
/// Each run's line comes before what it measured.
pub(crate) fn report(measured: &Path, folder: &Path) -> Result<()> {
    let lines = fs::read_to_string(measured).context("what was measured")?;
    let mut run = None;
    let (mut packets, mut readers, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let mut beside = Vec::new();
    for line in lines.lines().filter(|line| line.starts_with('{')) {
        match serde_json::from_str(line).with_context(|| line.to_owned())? {
            Line::Run(of) => run = Some(of),
            Line::Packet(packet) => packets.push(packet),
            Line::Beside(of) => beside.push(of),
            Line::Taken(taken) => whole.push(taken),
            Line::Reader(reader) => readers.push(reader),
        }
    }
    let run = run.context("the run's line is missing")?;
    fs::create_dir_all(folder)?;
    let write = |name: &str, text: String, all: serde_json::Value| -> Result<()> {
        fs::write(folder.join(name).with_extension("md"), text)?;
        fs::write(folder.join(name).with_extension("json"), format!("{all}\n"))?;
        Ok(())
    };
    if run.nanoseconds {
        let (packets, rounds) = over_rounds(packets);
        let all = json!({ "run": run, "rounds": rounds, "measured": packets });
        write(
            "nanoseconds",
            nanoseconds_text(&run, &packets, rounds)?,
            all,
        )?;
    } else if !packets.is_empty() {
        let all = json!({ "run": run, "measured": packets });
        write("packets", packets_text(&run, &packets)?, all)?;
        plot(&packets, folder)?;
    }
    if !readers.is_empty() {
        let all = json!({ "run": run, "measured": readers });
        write("classifier", readers_text(&run, &readers), all)?;
    }
    if !beside.is_empty() {
        let all = json!({ "run": run, "measured": beside });
        write("connections", connections::text(&run, &beside)?, all)?;
    }
    if !whole.is_empty() {
        let all = json!({ "run": run, "measured": whole });
        write("paths", paths::report::text(&run, &whole)?, all)?;
    }
    Ok(())
}

fn packets_text(run: &Run, measured: &[Measured]) -> Result<String> {
    let mut text = format!(
        "# What a packet costs\n\n\
         Instructions that each adds to the way of a packet through NF_INET_LOCAL_IN and its socket's filters, in kernel\n\
         {} under QEMU's `-icount`, on {}: the least of up to {} rounds. `make bench` measures them anew.\n\
         An x behind a number: the packet was dropped. *First* ones come to a connection that has received nothing, *again* is\n\
         the same segment repeated; what is neither comes to a connection whose start is known not to be HTTP, and has received\n\
         517 bytes unless another number is named. *By bytes*: that byte of a request, each of which is sent by itself.\n\n\
         {}\n\n",
        run.kernel,
        run.date,
        ROUNDS,
        run.made_with()
    );
    text += &tables(measured, |of, nothing| {
        format!("{:.0}", of.min - nothing.min)
    })?;
    let table = undecided_table(measured, "http_filter")?;
    write!(
        text,
        "## http_filter while so many other connections are within their first line\n\n{table}"
    )?;
    Ok(text)
}

fn nanoseconds_text(run: &Run, measured: &[Measured], rounds: usize) -> Result<String> {
    let (case, limit) = ("GET 60 kB, first", 20);
    let medians = |peer: &'static str| {
        let of_peer = move |m: &&Measured| m.peer == peer && m.case == case;
        measured.iter().filter(of_peer).map(|m| m.median)
    };
    let longest = medians("http_filter")
        .zip(medians("nothing"))
        .map(|(of, nothing)| of - nothing)
        .max_by(f64::total_cmp)
        .with_context(|| format!("http_filter was not measured: {case}"))?;
    let tables = tables(measured, |of, nothing| {
        let (min, median) = (of.min - nothing.min, of.median - nothing.median);
        // Plus 0.0, so that none becomes -0.
        format!("{:.0}, {:.0}", min.round() + 0.0, median.round() + 0.0)
    })?;
    Ok(format!(
        "# What a packet costs in nanoseconds\n\n\
         Nanoseconds that each adds to the packets of [packets.md](packets.md), in user-mode Linux {}, which runs at the\n\
         machine's own speed, on {}: the least, and the median, of {rounds} rounds, in each of which all were measured one after the\n\
         other. They depend on the machine and on what else it does, and nothing passes or fails by them. This kernel calls\n\
         functions by their pointers directly, where the stock kernel may take a thunk. The programs for BPF are missing: it\n\
         has no compiler for them, and no control groups' hooks. `make bench` measures all anew.\n\n\
         **A plain target of 60 kB in one packet** (*{case}*) takes http_filter {:.1} us at the median, the longest of the four\n\
         below. {limit} us are what it may take.\n\n\
         {}\n\n{tables}",
        run.kernel,
        run.date,
        longest / 1e3,
        run.made_with()
    ))
}

fn readers_text(run: &Run, counted: &[Counted]) -> String {
    format!(
        "# What the classifier costs in user space\n\n\
         Instructions under QEMU's `-icount`, on {}, without SIMD, which the kernel lacks. An x behind a number: it was taken\n\
         for HTTP. *httparse* parses the line as the beginning of a request; *memmem* searches for `HTTP` as that of the crate\n\
         memchr does where it knows no SIMD: by the rarest of its bytes, eight at a time; *C* compares at each byte, as the usual example\n\
         of a filter does. `make bench` counts them anew; `cargo bench --package classifier-bench` measures the time.\n\n\
         {}\n\n{}",
        run.date,
        run.made_with(),
        readers::table(counted)
    )
}
