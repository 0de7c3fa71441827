// SPDX-License-Identifier: GPL-2.0

//! Tables of what whole transactions took.

use super::{flood::REQUESTS, Taken};
use crate::report::{distinct, Run};
use anyhow::{ensure, Context, Result};
use std::fmt::Write;

/// What others are compared with.
const NOTHING: &str = "nothing";

/// What was taken, a row of the tables for each path and place.
struct All<'a>(&'a [Taken]);

impl Taken {
    fn row(&self) -> String {
        let Self { path, place, .. } = self;
        match self.flows {
            1 => format!("{path} | {place}"),
            flows => format!("{path}, {flows} flows | {place}"),
        }
    }
}

impl All<'_> {
    fn peers(&self) -> Vec<&str> {
        distinct(self.0.iter().map(|t| t.peer.as_str()))
    }

    /// The rows of the floods, or the others.
    fn rows(&self, floods: bool) -> Vec<String> {
        let rows = self.0.iter().filter(|t| t.dropped.is_some() == floods);
        let rows: Vec<_> = rows.map(Taken::row).collect();
        let rows = distinct(rows.iter().map(String::as_str));
        rows.into_iter().map(str::to_owned).collect()
    }

    /// Each time that it was measured.
    fn of<'a>(&'a self, peer: &'a str, row: &'a str) -> impl Iterator<Item = &'a Taken> {
        self.0
            .iter()
            .filter(move |t| t.peer == peer && t.row() == row)
    }

    fn median(&self, peer: &str, row: &str) -> Option<f64> {
        median(self.of(peer, row).map(|t| t.median).collect())
    }

    /// What a peer adds to a transaction.
    fn added(&self, peer: &str, row: &str) -> Option<f64> {
        Some(self.median(peer, row)? - self.median(NOTHING, row)?)
    }

    /// How many times as many transactions a peer lets through as another: of the rounds in which
    /// both were measured, the median.
    fn kept(&self, peer: &str, other: &str, row: &str) -> Option<f64> {
        let rounds = self.of(peer, row).zip(self.of(other, row));
        median(rounds.map(|(of, other)| other.median / of.median).collect())
    }

    /// A row for each path, and a column for each peer.
    fn table(&self, floods: bool, cell: impl Fn(&str, &str) -> Option<String>) -> String {
        let peers = self.peers();
        let mut text = format!("| | | {} |\n|---|---|", peers.join(" | "));
        text += &"---:|".repeat(peers.len());
        for row in self.rows(floods) {
            let cells = peers
                .iter()
                .map(|peer| cell(peer, &row).unwrap_or_default());
            let cells = cells.collect::<Vec<_>>().join(" | ");
            text += &format!("\n| {row} | {cells} |");
        }
        text
    }

    /// Whether each peer was there: it adds something to a round trip.
    fn check(&self) -> Result<()> {
        for peer in self.peers() {
            let mut rows = self.rows(false).into_iter();
            ensure!(
                peer == NOTHING || rows.any(|row| self.added(peer, &row) > Some(100.0)),
                "{peer} adds nothing to any transaction: was it loaded?"
            );
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The tables of what was taken.
pub(crate) fn text(run: &Run, taken: &[Taken]) -> Result<String> {
    let all = All(taken);
    all.check()?;
    let (filter, limit, prefixes) = ("http_filter", "limit hook", "nft prefixes");
    let mut text = format!(
        "# What whole transactions cost\n\n\
         In kernel {} under QEMU's `-icount`, on {}: time is instructions. Clients and servers, threads of their own that take\n\
         turns on one processor, over a veth pair between two network namespaces and over loopback. What is measured is\n\
         registered at both ends. Of one flow the median of some transactions, of several at once the mean. `make bench`\n\
         measures them anew.\n\n\
         - STREAM: 128 KiB one way, in packets of up to 64 KiB, answered by a byte. A byte copied is an instruction here, which\n\
           makes the shares smaller than a processor would.\n\
         - RR: a byte each way. CRR: on a new connection, which its server then closes; with a TLS hello, 517 bytes one way.\n\n\
         In the first column, the instructions of a transaction; in the others, what each adds.\n\n{}\n",
        run.kernel,
        run.date,
        all.table(false, |peer, row| {
            let (nothing, added) = (all.median(NOTHING, row)?, all.added(peer, row)?);
            Some(match peer {
                NOTHING => format!("{nothing:.0}"),
                _ => format!("{added:.0} ({:.1} %)", added / nothing * 100.0),
            })
        })
    );
    write!(
        text,
        "\n## Under a flood of HTTP\n\n\
         Transactions (RR) of an innocent connection for every 10^9 instructions, {REQUESTS} requests coming with each: on connections\n\
         of their own, which their clients then reset, or as the same segment of one connection, again and again. They go to\n\
         other ports than the one that the nft rule knows. An x: the flood was dropped.\n\n{}\n",
        all.table(true, |peer, row| {
            let sign = if all.of(peer, row).next()?.dropped? {
                " x"
            } else {
                ""
            };
            Some(format!("{:.0}{sign}", 1e9 / all.median(peer, row)?))
        })
    )?;
    text += "\n## Ratios\n\n\
        What http_filter adds to what the limit hook adds, of one flow; of STREAM, to all that nothing takes. Under a flood, the\n\
        transactions that it lets through to those that nft prefixes do: the median of rounds in turns.\n\n\
        | | | http_filter |\n|---|---|---:|\n";
    // What the clock's interrupts take is more than the difference, where a mean has it in it.
    let rows = all.rows(false).into_iter();
    for row in rows.filter(|row| !row.contains(" flows")) {
        let added = all.added(filter, &row).context(row.clone())?;
        let whole = if row.starts_with("STREAM") {
            all.median(NOTHING, &row)
        } else {
            all.added(limit, &row)
        };
        let ratio = added / whole.context(row.clone())?;
        writeln!(text, "| {row} | {ratio:.3} |")?;
    }
    for row in all.rows(true) {
        let ratio = all
            .kept(filter, prefixes, &row)
            .with_context(|| row.clone())?;
        writeln!(text, "| {row} | {ratio:.3} |")?;
    }
    Ok(text)
}
