// SPDX-License-Identifier: GPL-2.0
//! The commands, a file each.

mod apply;
mod check;
mod connections;
mod diff;
mod doctor;
mod events;
mod generate;
mod get;
mod links;
mod load;
mod metrics;
mod reset;
mod rules;
mod save;
mod set;
mod status;
mod switch;
mod unload;

use std::io::Write;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::sysfs::Sysfs;

/// Carries out a command line.
pub(crate) fn run(cli: Cli, out: &mut dyn Write) -> Result<()> {
    let root = cli.sysfs.as_path();
    match cli.command.unwrap_or_default() {
        Command::Status(arguments) => status::run(root, &arguments, out),
        Command::Enable => switch::run(&Sysfs::open(root)?, true, out),
        Command::Disable => switch::run(&Sysfs::open(root)?, false, out),
        Command::Get(arguments) => get::run(&Sysfs::open(root)?, &arguments, out),
        Command::Set(arguments) => set::run(&Sysfs::open(root)?, &arguments, out),
        Command::Reset => reset::run(&Sysfs::open(root)?, out),
        Command::Rules(arguments) => rules::run(&Sysfs::open(root)?, &arguments, out),
        Command::Load(arguments) => load::run(root, &arguments, out),
        Command::Diff(arguments) => diff::run(root, &arguments, out),
        Command::Apply(arguments) => apply::run(root, &arguments, out),
        Command::Save(arguments) => save::run(&Sysfs::open(root)?, &arguments, out),
        Command::Doctor(arguments) => doctor::run(&arguments, out),
        Command::Check(arguments) => check::run(&arguments, out),
        Command::Connections(arguments) => connections::run(&arguments, out),
        Command::Events(arguments) => events::run(&arguments, out),
        Command::Generate(arguments) => generate::run(&arguments, out),
        Command::Metrics(arguments) => metrics::run(root, &arguments, out),
        Command::Links(arguments) => links::run(&arguments, out),
        Command::Unload => unload::run(out),
    }?;
    out.flush()?;
    Ok(())
}
