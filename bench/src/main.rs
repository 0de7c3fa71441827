// SPDX-License-Identifier: GPL-2.0

//! What hooks cost: `run` measures what is registered in this network namespace packet by packet,
//! `paths` whole transactions; `report` makes tables of what was measured, and `check` compares it with
//! what is known.

mod cases;
mod check;
mod connections;
mod device;
mod paths;
mod plots;
mod readers;
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
        /// How many other connections are within their first line meanwhile, ascending
        #[arg(long, value_delimiter = ',', default_value = "0")]
        undecided: Vec<usize>,
        /// Only cases whose name has this in it
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Compare what `run` prints, on standard input, with what is known
    Check {
        /// What `report` has written: packets.json
        known: PathBuf,
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
    /// Measure a packet beside established connections, with nothing, with the limit hook and with http_filter,
    /// which is loaded and switched off
    Connections {
        /// How many there are, one count after the other
        #[arg(required = true)]
        counts: Vec<usize>,
    },
    /// Give the verdict on what this network namespace's queue 0 holds: requests are dropped
    Verdict,
    /// Write tables of what was measured
    Report {
        /// What `run` and `classifier-bench` have printed, behind a line about the run
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
    /// Accepts, in Rust
    EmptyRust = 4,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run {
            peer,
            hook,
            undecided,
            only,
        } => run::run(&peer, hook.map(|hook| hook as u8), &undecided, &only),
        Command::Check { known } => check::check(&known),
        Command::Paths {
            peer,
            hook,
            options,
        } => paths::run(&peer, hook.map(|hook| hook as u8), &options),
        Command::Connections { counts } => connections::run(&counts),
        Command::Verdict => verdict::run(),
        Command::Report { measured, folder } => report::report(&measured, &folder),
    }
}
