// SPDX-License-Identifier: GPL-2.0
//! `filterctl rules`: shows and changes the rules, and asks what they would do.

mod list;
mod test;

use std::io::Write;

use anyhow::{Context, Result};

use crate::cli::{AddRule, DeleteRules, ReplaceRules, Rules, RulesCommand};
use crate::file;
use crate::genetlink::Connection;
use crate::human;
use crate::rules::sugar::Sugar;
use crate::rules::{self, edit, RuleSet};
use crate::sysfs::Sysfs;

/// Carries out one of its commands.
pub(crate) fn run(sysfs: &Sysfs, arguments: &Rules, out: &mut dyn Write) -> Result<()> {
    let module = &Connection::open()?;
    match &arguments.command {
        None => list::run(sysfs, module, arguments.json, out),
        Some(RulesCommand::Add(arguments)) => add(module, arguments, out),
        Some(RulesCommand::Delete(arguments)) => delete(module, arguments, out),
        Some(RulesCommand::Replace(arguments)) => replace(module, arguments, out),
        Some(RulesCommand::Test(arguments)) => test::run(module, arguments, out),
    }
}

/// Adds a rule, or several, in front of another one or at the end.
fn add(module: &Connection, arguments: &AddRule, out: &mut dyn Write) -> Result<()> {
    let rule = Sugar::new().expand(&arguments.rule.join(" "))?;
    let rule = rule.trim();
    let set = RuleSet::get(module)?;
    let count = set.rules.len();
    let at = arguments.at.unwrap_or(count + 1);
    let text = if at == count + 1 {
        edit::append(&set.text, rule)
    } else {
        edit::insert(&set.text, set.find(at)?, rule)
    };
    set.replace(module, &text)?;
    // A comment alone is no rule, and with a semicolon it may be two.
    let set = RuleSet::get(module)?;
    let added = set.rules.len().saturating_sub(count);
    for rule in set.rules.iter().skip(at - 1).take(added) {
        writeln!(
            out,
            "rule {} is now: {}",
            rule.number,
            human::line(&set.rule(rule))
        )?;
    }
    Ok(())
}

/// Deletes rules by their numbers, all or none of them.
fn delete(module: &Connection, arguments: &DeleteRules, out: &mut dyn Write) -> Result<()> {
    let set = RuleSet::get(module)?;
    let mut numbers = arguments.numbers.clone();
    numbers.sort_unstable();
    numbers.dedup();
    let deleted: Result<Vec<_>> = numbers.iter().map(|&number| set.find(number)).collect();
    let deleted = deleted?;
    // From behind, so that the places of the others stay what they are.
    let without = |text: Vec<u8>, rule: &&rules::Rule| edit::delete(&text, rule);
    let text = deleted.iter().rev().fold(set.text.clone(), without);
    let mut told = Vec::new();
    for rule in deleted {
        writeln!(
            told,
            "rule {} is deleted: {}",
            rule.number,
            human::line(&set.rule(rule))
        )?;
    }
    set.replace(module, &text)?;
    out.write_all(&told)?;
    Ok(())
}

/// Replaces all rules by those of a file.
fn replace(module: &Connection, arguments: &ReplaceRules, out: &mut dyn Write) -> Result<()> {
    let text = file::read(&arguments.file)
        .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    rules::replace_all(module, Sugar::new().expand(&text)?.as_bytes())?;
    let count = RuleSet::get(module)?.rules.len();
    match count {
        1 => writeln!(out, "there is 1 rule now")?,
        _ => writeln!(out, "there are {count} rules now")?,
    }
    Ok(())
}
