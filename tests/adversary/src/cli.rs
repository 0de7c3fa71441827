// SPDX-License-Identifier: GPL-2.0
//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::address::Family;
use crate::attack::Limits;

/// Attacks an HTTP filter with hand-made packets, sent to real sockets of the running kernel, and
/// checks what a server reads from them. Needs root and /dev/net/tun; works in a network namespace
/// of its own.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Attack with random streams, randomly segmented, reordered, repeated, overlapped and forged
    Random(Random),
    /// Run one case of a random run, and show every packet
    Replay(Replay),
    /// Run the catalogue of known techniques, row by row
    Catalogue(Catalogue),
    /// Send two segments at the same time on two CPUs: neither is a request, both together are
    Race(Race),
    /// Run random sequences of events in the model and in this kernel, and compare the outcomes
    Agree(Agree),
}

#[derive(Debug, Args)]
pub(crate) struct Agree {
    /// How many sequences
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) sequences: u64,
    /// The seed of all random choices [default: a random one]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Random {
    /// How many connections [default: 2000, or no limit with --seconds]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<u64>,
    /// The seed of all random choices [default: a random one]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Start no case after T seconds
    #[arg(long, value_name = "T")]
    pub(crate) seconds: Option<u64>,
    /// How many connections at once
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) concurrency: u16,
    /// Check safety only: for a table that is smaller than the number of connections
    #[arg(long)]
    pub(crate) safety_only: bool,
    #[command(flatten)]
    pub(crate) dimensions: Dimensions,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The run's seed
    #[arg(long)]
    pub(crate) seed: u64,
    /// The case's number
    #[arg(long)]
    pub(crate) case: u64,
    #[command(flatten)]
    pub(crate) dimensions: Dimensions,
}

/// What is drawn from the seed unless an option fixes it. Replay a case with the same options.
#[derive(Debug, Args)]
pub(crate) struct Dimensions {
    #[command(flatten)]
    pub(crate) family: FamilyChoice,
    /// How many CPUs to send from
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) cpus: Option<u8>,
    /// The server always reads a few bytes at a time, with pauses
    #[arg(long)]
    pub(crate) slow_reader: bool,
    /// A thread locks the server's sockets as often as it can, in all cases
    #[arg(long)]
    pub(crate) lock_sockets: bool,
    /// The device's MTU
    #[arg(long, value_parser = ["576", "1500", "9000"])]
    pub(crate) mtu: Option<String>,
    /// Whether the kernel does early demux
    #[arg(long, value_parser = ["0", "1"])]
    pub(crate) early_demux: Option<String>,
}

#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
pub(crate) struct FamilyChoice {
    /// IPv4 only
    #[arg(long)]
    pub(crate) ipv4: bool,
    /// IPv6 only
    #[arg(long)]
    pub(crate) ipv6: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Catalogue {
    /// One JSON object a line, a case each
    #[arg(long)]
    pub(crate) json: bool,
    /// This row only
    #[arg(long, value_name = "N")]
    pub(crate) row: Option<u8>,
    /// What is expected: what a stream filter does (`filter`), or nothing (`none`: only report)
    #[arg(long, value_enum, default_value_t = Expectation::Filter)]
    pub(crate) expect: Expectation,
    /// Run this in the namespace before the first case: `nft -f FILE`
    #[arg(long, value_name = "CMD")]
    pub(crate) setup: Option<String>,
    /// How many connections are half-started for the last row (exhaustion of tables)
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u16).range(1..=8000))]
    pub(crate) half_started: u16,
    #[command(flatten)]
    pub(crate) family: FamilyChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expectation {
    Filter,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct Race {
    /// How many rounds, for each version of IP
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) rounds: u64,
    #[command(flatten)]
    pub(crate) family: FamilyChoice,
}

impl FamilyChoice {
    fn one(self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::Ipv4),
            (_, true) => Some(Family::Ipv6),
            _ => None,
        }
    }

    /// The families that were asked for.
    pub(crate) fn all(self) -> Vec<Family> {
        self.one()
            .map_or(Family::BOTH.to_vec(), |family| vec![family])
    }
}

impl Dimensions {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            family: self.family.one(),
            slow_reader: self.slow_reader,
            cpus: self.cpus.map(usize::from),
            lock_sockets: self.lock_sockets,
            mtu: self.mtu.as_ref().and_then(|mtu| mtu.parse().ok()),
            early_demux: self
                .early_demux
                .as_ref()
                .map(|early_demux| early_demux == "1"),
            unknown_faults: Vec::new(),
        }
    }
}
