// SPDX-License-Identifier: GPL-2.0
//! `filterctl` controls http_filter, the kernel module that finds and drops plaintext HTTP.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod doctor;
mod exit;
mod human;
mod module;
mod settings;
mod stats;
mod style;
mod sysfs;
mod uapi;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let exit = match commands::run(Cli::parse(), &mut anstream::stdout().lock()) {
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
