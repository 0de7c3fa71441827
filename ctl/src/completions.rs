// SPDX-License-Identifier: GPL-2.0
//! Completions for shells, from the definition of the command line.

use clap::builder::{PossibleValuesParser, ValueRange};
use clap::{Arg, ArgGroup, Command, Id, ValueHint};
use clap_complete::aot;

use crate::cli::Shell;
use crate::settings::{Kind, Setting, SETTINGS};
use crate::uapi::{
    HTTP_FILTER_ACTION_ALLOW, HTTP_FILTER_ACTION_DROP, HTTP_FILTER_ACTION_MONITOR,
    HTTP_FILTER_ACTION_REJECT,
};

/// The words that a rule begins with.
const RULE_ACTIONS: [&str; 4] = [
    HTTP_FILTER_ACTION_ALLOW,
    HTTP_FILTER_ACTION_MONITOR,
    HTTP_FILTER_ACTION_DROP,
    HTTP_FILTER_ACTION_REJECT,
];

/// The names of the conditions of rules.
const CONDITIONS: [&str; 10] = [
    "from", "to", "port", "on", "netns", "in", "kind", "until", "unit", "for",
];

/// Those that a connection is told of by.
const TEST_CONDITIONS: [&str; 7] = ["from", "to", "port", "on", "netns", "in", "unit"];

/// The script of a shell that completes what can be said to `command`.
pub(crate) fn script(command: Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut offered = offered(&command, shell);
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut script = Vec::new();
    aot::generate(shell, &mut offered, name, &mut script);
    script
}

/// A command as it is completed: without what is hidden, which generators would offer, and with values where
/// the command line itself takes any, for the module to judge.
fn offered(command: &Command, shell: Shell) -> Command {
    let subcommands = command.get_subcommands();
    let subcommands = subcommands.filter(|subcommand| !subcommand.is_hide_set());
    let mut offered = Command::new(command.get_name().to_owned())
        .about(command.get_about().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .subcommands(subcommands.map(|subcommand| self::offered(subcommand, shell)));
    if let Some(version) = command.get_version() {
        offered = offered.version(version.to_owned());
    }
    for argument in shown(command) {
        offered = match (command.get_name(), argument.get_id().as_str()) {
            // Which values there are depends on the key.
            ("set", "key") => {
                let settable = SETTINGS.iter().filter(|setting| is_settable(setting));
                offered.subcommands(settable.map(|setting| key(setting, shell)))
            }
            ("set", "value") => offered,
            (command, id) => add(offered, with_values(argument, words(command, id)), shell),
        };
    }
    let groups: Vec<_> = groups(command, &offered).collect();
    offered.groups(groups)
}

/// Adds an argument. For fish, whose generator knows no words but commands, its values are these.
fn add(command: Command, argument: Arg, shell: Shell) -> Command {
    let values = argument.get_possible_values();
    if shell == Shell::Fish && argument.is_positional() && !values.is_empty() {
        command.subcommands(values.iter().map(|value| word(value.get_name())))
    } else {
        command.arg(argument)
    }
}

/// The arguments of a command that are shown.
fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    let arguments = command.get_arguments();
    arguments.filter(|argument| !argument.is_hide_set())
}

/// The groups of a command, which its arguments refer to, of those arguments that are offered.
fn groups<'a>(command: &'a Command, offered: &'a Command) -> impl Iterator<Item = ArgGroup> + 'a {
    let is_offered = |id: &&Id| {
        let mut arguments = offered.get_arguments();
        arguments.any(|argument| argument.get_id() == *id)
    };
    command.get_groups().map(move |group| {
        let members = group.get_args().filter(is_offered);
        ArgGroup::new(group.get_id()).args(members).multiple(true)
    })
}

/// An argument that takes these words; without any, whatever its type tells of: files, or nothing that a
/// shell could know.
fn with_values(argument: &Arg, words: Vec<String>) -> Arg {
    let argument = argument.clone();
    match argument.get_value_hint() {
        _ if !words.is_empty() => argument.value_parser(PossibleValuesParser::new(words)),
        ValueHint::Unknown if argument.get_action().takes_values() => {
            argument.value_hint(ValueHint::Other)
        }
        _ => argument,
    }
}

/// The words that the argument `id` of a command takes, as far as they can be listed.
fn words(command: &str, id: &str) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    match (command, id) {
        ("get", "key") => SETTINGS
            .iter()
            .map(|setting| setting.name.to_owned())
            .collect(),
        ("load", "parameters") => {
            let parameters = SETTINGS.iter().filter(|setting| setting.default.is_some());
            let with_value = |setting: &'static Setting| {
                let values = setting.kind.words().iter();
                values.map(|value| format!("{}={value}", setting.name))
            };
            parameters.flat_map(with_value).collect()
        }
        ("add", "rule") => owned(&[RULE_ACTIONS.as_slice(), &CONDITIONS].concat()),
        ("test", "conditions") => owned(&TEST_CONDITIONS),
        _ => Vec::new(),
    }
}

/// A setting as a command, whose words are its values.
fn key(setting: &'static Setting, shell: Shell) -> Command {
    let words = setting.kind.words();
    let value = Arg::new("value").num_args(match setting.kind {
        Kind::AnyOf(_) | Kind::Rules => ValueRange::from(1..),
        _ => ValueRange::SINGLE,
    });
    let words = words.iter().map(|&word| word.to_owned()).collect();
    add(word(setting.name), with_values(&value, words), shell)
}

/// A word that is completed as a command is.
fn word(name: &str) -> Command {
    Command::new(name.to_owned()).disable_help_flag(true)
}

/// Whether a setting can be changed while the module is loaded.
fn is_settable(setting: &Setting) -> bool {
    setting.default.is_some() && !setting.is_fixed()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::cli::Cli;

    /// The help of a command, by its name in several words.
    fn help(path: &[&str]) -> String {
        let mut command = Cli::command();
        command.build();
        let mut command = &mut command;
        for name in path {
            command = command.find_subcommand_mut(name).unwrap();
        }
        command.render_help().to_string()
    }

    #[test]
    fn what_is_offered_is_consistent() {
        for &shell in Shell::value_variants() {
            offered(&Cli::command(), shell).debug_assert();
        }
    }

    #[test]
    fn the_words_of_rules_are_those_of_the_help() {
        let rules = help(&["rules"]);
        assert!(
            rules.contains(&format!("  {} [CONDITION", RULE_ACTIONS.join("|"))),
            "{rules}"
        );
        for condition in CONDITIONS {
            assert!(rules.contains(&format!("\n  {condition} ")), "{condition}");
        }
        let test = help(&["rules", "test"]);
        for condition in TEST_CONDITIONS {
            assert!(test.contains(&format!(" {condition} ")), "{condition}");
        }
    }

    #[test]
    fn the_keys_that_can_be_set_are_those_of_the_help() {
        let help = help(&["set"]);
        let (_, list) = help.split_once("Settings:\n").unwrap();
        let listed = list.lines().map_while(|line| line.strip_prefix("  "));
        let listed: Vec<_> = listed.filter_map(|line| line.split(' ').next()).collect();
        let settable = SETTINGS.iter().filter(|setting| is_settable(setting));
        let settable: Vec<_> = settable.map(|setting| setting.name).collect();
        assert_eq!(settable, listed);
    }
}
