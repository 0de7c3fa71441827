// SPDX-License-Identifier: GPL-2.0
//! The command line of `filterctl generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Arguments of `filterctl generate`.
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "\
It is made from the definition that --help shows. \"make install\" installs all of it.

Examples:
  filterctl generate man build/man
  filterctl generate completions bash >/etc/bash_completion.d/filterctl"
)]
pub(crate) struct Generate {
    /// What to generate
    #[command(subcommand)]
    pub(crate) command: GenerateCommand,
}

/// What `filterctl generate` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write a manual page for each command
    Man(GenerateMan),
    /// Print the completions for a shell
    Completions(GenerateCompletions),
}

/// Arguments of `filterctl generate man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Pages that are there are replaced. They get today's date, or that of SOURCE_DATE_EPOCH, in seconds
since 1970.

Examples:
  filterctl generate man build/man
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) filterctl generate man build/man")]
pub(crate) struct GenerateMan {
    /// The folder for them; it is made, if it is not there
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

/// Arguments of `filterctl generate completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  filterctl generate completions bash >/etc/bash_completion.d/filterctl
  filterctl generate completions zsh >/usr/local/share/zsh/site-functions/_filterctl
  filterctl generate completions fish >/etc/fish/completions/filterctl.fish
  source <(filterctl generate completions bash)                   In this shell alone")]
pub(crate) struct GenerateCompletions {
    /// The shell
    pub(crate) shell: Shell,
}

/// The shells that there are completions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}
