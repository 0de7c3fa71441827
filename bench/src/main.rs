// SPDX-License-Identifier: GPL-2.0

//! What hooks cost: `run` measures what is registered in this network namespace packet by packet,
//! `paths` whole transactions, and `report` makes tables of what was measured.

mod cases;
mod device;
mod paths;
mod report;
mod run;
mod verdict;

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what is registered in this network namespace; prints a JSON object for each case
    Run {
        /// What it is called in the tables
        peer: String,
        /// A hook of packet_bench's own to measure
        #[arg(long)]
        hook: Option<Hook>,
    },
    /// Measure whole transactions likewise, from another network namespace and over loopback
    Paths {
        /// What it is called in the tables
        peer: String,
        /// A hook of packet_bench's own to measure
        #[arg(long)]
        hook: Option<Hook>,
        #[command(flatten)]
        options: paths::Options,
    },
    /// Give the verdict on what this network namespace's queue 0 holds: requests are dropped
    Verdict,
    /// Write tables of what was measured
    Report {
        /// What `run` has printed
        measured: PathBuf,
        /// The folder for the tables
        folder: PathBuf,
    },
}

/// The hooks of `packet_bench.ko`.
#[derive(Clone, Copy, ValueEnum)]
enum Hook {
    /// Accepts
    Empty = 1,
    /// Parses, finds the socket, reads its position, accepts
    Limit = 2,
    /// Copies the data and looks for "HTTP"
    Match = 3,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run { peer, hook } => run::run(&peer, hook.map(|hook| hook as u8)),
        Command::Paths {
            peer,
            hook,
            options,
        } => paths::run(&peer, hook.map(|hook| hook as u8), &options),
        Command::Verdict => verdict::run(),
        Command::Report { measured, folder } => report::report(&measured, &folder),
    }
}
