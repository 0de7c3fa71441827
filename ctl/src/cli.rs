// SPDX-License-Identifier: GPL-2.0
//! The command line, a file for each command.

mod check;
mod configuration;
mod connections;
mod doctor;
mod events;
mod generate;
mod links;
mod load;
mod metrics;
mod rules;
#[cfg(test)]
mod schemas;
mod settings;
mod status;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::check::Check;
pub(crate) use self::configuration::{Apply, Diff, Save};
pub(crate) use self::connections::{Connections, Selectors};
pub(crate) use self::doctor::Doctor;
pub(crate) use self::events::Events;
pub(crate) use self::generate::{Generate, GenerateCommand, Shell};
pub(crate) use self::links::Links;
pub(crate) use self::load::Load;
pub(crate) use self::metrics::Metrics;
pub(crate) use self::rules::{AddRule, DeleteRules, ReplaceRules, Rules, RulesCommand, TestRules};
pub(crate) use self::settings::{Get, Set};
pub(crate) use self::status::Status;
pub(crate) use self::values::{Interval, Ports, Span};
use crate::uapi::HTTP_FILTER_SYSFS;

const EXAMPLES: &str = "\
Examples:
  filterctl load action=monitor           Load the module: find HTTP, drop nothing yet
  filterctl                               Show what it does and what it has counted
  filterctl set action drop               From now on drop HTTP
  filterctl set detect requests h2c       Choose what counts as HTTP
  filterctl rules add allow on lo         Let what comes over loopback be
  filterctl save                          Keep all this in /etc/http_filter.toml
  filterctl disable                       Let everything pass, at no cost
  filterctl doctor                        Find out why the module cannot be loaded
  filterctl check capture.pcap            Check the connections of a capture file
  filterctl connections                   List the inbound connections, and whose they are
  filterctl events --follow               Tell who speaks HTTP to whom, as it happens
  filterctl metrics --textfile FILE       Tell Prometheus what was counted
  filterctl links --follow                Tell when an interface or an address changes
  filterctl status --watch 1              Watch the counters grow
  filterctl status --json | jq .stats     For programs

Exit status:
  0 done, 1 failed, 2 wrong usage, 3 the module is not loaded";

/// Control http_filter, the kernel module that finds and drops plaintext HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The module's directory.
    #[arg(long, global = true, hide = true, value_name = "DIR", default_value = HTTP_FILTER_SYSFS)]
    pub(crate) sysfs: PathBuf,

    /// What to do; without it, show the status.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What `filterctl` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show settings and counters (also without a command)
    Status(Status),
    /// Switch the filter on
    Enable,
    /// Switch the filter off: everything passes
    Disable,
    /// Print a setting, or all
    Get(Get),
    /// Change a setting
    Set(Set),
    /// Set the counters to zero
    Reset,
    /// Show the rules, change them, or ask what they would do
    Rules(Rules),
    /// Load the module
    Load(Load),
    /// Unload the module
    Unload,
    /// Show what apply would change
    Diff(Diff),
    /// Make the module what the configuration file says
    Apply(Apply),
    /// Write what the module is into the configuration file
    Save(Save),
    /// Tell whether this kernel can take the module, and what to do if not
    Doctor(Doctor),
    /// Tell what the filter would find in a capture file
    Check(Check),
    /// List inbound connections and whose they are, or end them
    Connections(Connections),
    /// Tell of connections that speak HTTP as they are found, and whose they are
    Events(Events),
    /// Show network interfaces and their addresses, and tell what changes
    Links(Links),
    /// Print what is counted for Prometheus
    Metrics(Metrics),
    /// Generate manual pages, or completions for a shell
    #[command(hide = true)]
    Generate(Generate),
}

impl Default for Command {
    fn default() -> Self {
        Command::Status(Status::default())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_tells_every_allowed_value() {
        use crate::settings::{Kind, SETTINGS};

        for setting in SETTINGS {
            let Some(default) = setting.default else {
                continue;
            };
            let mut command = Cli::command();
            let Some(load) = command.find_subcommand_mut("load") else {
                panic!("load")
            };
            let help = load.render_help().to_string();
            let line = help
                .lines()
                .find(|line| line.trim_start().starts_with(setting.name));
            let line = line.unwrap_or_else(|| panic!("{} is missing", setting.name));
            let default = match setting.kind {
                Kind::Rules => "none".to_owned(),
                _ => default.replace(' ', ","),
            };
            assert!(line.ends_with(&format!("(default: {default})")), "{line}");
            if let Kind::OneOf(words) | Kind::AnyOf(words) = setting.kind {
                assert!(line.contains(&words.join(", ")), "{line}");
            }
        }
    }
}
