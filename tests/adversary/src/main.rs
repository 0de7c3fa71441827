// SPDX-License-Identifier: GPL-2.0
//! Attacks the filter with hand-made packets, and checks what a server reads.

#![deny(unsafe_code)]

mod address;
mod agree;
mod attack;
mod calibrate;
mod catalogue;
mod cli;
mod connection;
mod engine;
mod missing_page;
mod namespace;
mod oracle;
mod packet;
mod peer_state;
mod plan;
mod race;
mod random;
mod server;
mod shrink;
mod socket_locker;
mod stream;
mod tally;
mod worker;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;

use crate::cli::{Cli, Command};
use crate::tally::Tally;

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("adversary: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; returns whether there was no violation.
fn run(command: &Command) -> Result<bool> {
    let begin = Instant::now();
    match command {
        Command::Random(options) => {
            let seed = options.seed.unwrap_or_else(rand::random);
            println!("seed {seed}");
            let tally = random::run(random::Run {
                seed,
                connections: options.connections.unwrap_or(if options.seconds.is_some() {
                    u64::MAX / 2
                } else {
                    2000
                }),
                time: options.seconds.map(Duration::from_secs),
                concurrency: options.concurrency.into(),
                limits: options.dimensions.limits(),
                safety_only: options.safety_only,
            })?;
            println!(
                "{} streams were HTTP, {} had to be delivered",
                tally.http, tally.benign
            );
            for (cases, cpus) in [
                (&tally.avoidable_on_one_cpu, "one CPU"),
                (&tally.avoidable_on_two_cpus, "two CPUs"),
            ] {
                if !cases.is_empty() {
                    println!("avoidable retransmissions from {cpus} in cases {cases:?}");
                }
            }
            Ok(summary(&tally, &format!("seed {seed}"), begin))
        }
        Command::Replay(options) => {
            Ok(random::replay(options.seed, options.case, options.dimensions.limits())?.is_none())
        }
        Command::Catalogue(options) => catalogue::run(options),
        Command::Agree(options) => {
            let seed = options.seed.unwrap_or_else(rand::random);
            println!("seed {seed}");
            let agreement = agree::run(seed, options.sequences)?;
            println!(
                "adversary: {} sequences of {} events, {} in which the model and the kernel differ, {} s",
                agreement.sequences,
                agreement.events,
                agreement.differ,
                begin.elapsed().as_secs()
            );
            Ok(agreement.differ == 0)
        }
        Command::Race(options) => {
            let tally = race::run(options.rounds, &options.family.all())?;
            Ok(summary(
                &tally,
                &format!("{} rounds", options.rounds),
                begin,
            ))
        }
    }
}

/// Prints the last line; returns whether there was no violation.
fn summary(tally: &Tally, run: &str, begin: Instant) -> bool {
    println!(
        "adversary: {} connections, {} safety violations, {} liveness violations, {} avoidable retransmissions, {run}, {} s",
        tally.connections,
        tally.safety,
        tally.liveness,
        tally.avoidable,
        begin.elapsed().as_secs()
    );
    tally.violations() == 0
}
