// SPDX-License-Identifier: GPL-2.0
//! `filterctl` controls http_filter, the kernel module that finds and drops plaintext HTTP.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod completions;
mod configuration;
mod connections;
mod doctor;
mod events;
mod exit;
mod file;
mod genetlink;
mod human;
mod journal;
mod json;
mod layout;
mod links;
mod manual;
mod metrics;
mod module;
mod netns;
mod owner;
mod policy;
mod queue;
mod rtnetlink;
mod rules;
mod settings;
mod snapshot;
mod sock_diag;
mod stats;
mod style;
mod sysfs;
mod uapi;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => commands::run(cli, &mut anstream::stdout().lock()),
        Err(answer) => give(&answer),
    };
    let exit = match done {
        Ok(()) => Exit::Done,
        Err(error) => {
            let exit = Exit::of(&error);
            if exit != Exit::Done {
                // There is nowhere left to tell of an error in telling of an error.
                let _ = writeln!(io::stderr(), "filterctl: {error:#}");
            }
            exit
        }
    };
    exit.into()
}

/// Gives the answer to a command line that asks for help or for the version; or says what is wrong
/// with it, and ends.
fn give(answer: &clap::Error) -> Result<()> {
    if answer.use_stderr() {
        answer.exit();
    }
    answer.print()?;
    io::stdout().flush()?;
    Ok(())
}
