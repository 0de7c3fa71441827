// SPDX-License-Identifier: GPL-2.0
//! `filterctl rules test`: asks the module what the rules would do with a connection.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use anyhow::{anyhow, bail, Context, Result};
use serde_json::json;

use crate::cli::TestRules;
use crate::genetlink::Connection;
use crate::human;
use crate::json::SCHEMA_VERSION;
use crate::rules::sugar::Sugar;
use crate::rules::{self, Outcome, RuleSet, Subject};
use crate::style::FAINT;

/// How often it is asked anew if the rules change meanwhile.
const TRIES: u32 = 10;

/// Tells for each kind of HTTP what would become of it, and by which rule.
pub(super) fn run(module: &Connection, arguments: &TestRules, out: &mut dyn Write) -> Result<()> {
    let subject = subject(&arguments.conditions)?;
    let (set, outcomes) = ask(module, &subject)?;
    let texts = outcomes.iter().map(|outcome| {
        let rule = outcome.rule.map(|number| set.find(number)).transpose()?;
        Ok(rule.map(|rule| set.rule(rule)))
    });
    let texts: Vec<_> = texts.collect::<Result<_>>()?;
    let answers = outcomes.iter().zip(&texts);
    if arguments.json {
        let outcomes = answers.map(|(outcome, text)| {
            json!({
                "kind": outcome.kind,
                "detected": outcome.detected,
                "action": outcome.action,
                "rule": outcome.rule,
                "text": text,
            })
        });
        let answer = json!({
            "schema_version": SCHEMA_VERSION,
            "generation": set.generation,
            "outcomes": outcomes.collect::<Vec<_>>(),
        });
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    for (outcome, text) in answers {
        let Outcome {
            kind,
            detected,
            action,
            rule,
        } = outcome;
        if !detected {
            writeln!(out, "  {FAINT}{kind:9}  not looked for{FAINT:#}")?;
            continue;
        }
        write!(out, "  {kind:9}  {action:7}  ")?;
        match (rule, text) {
            (Some(rule), Some(text)) => writeln!(out, "rule {rule}: {}", human::line(text))?,
            _ => writeln!(out, "{FAINT}no rule matches{FAINT:#}")?,
        }
    }
    Ok(())
}

/// The outcomes, and the rules that they are of.
fn ask(module: &Connection, subject: &Subject) -> Result<(RuleSet, Vec<Outcome>)> {
    for _ in 0..TRIES {
        let set = RuleSet::get(module)?;
        let (generation, outcomes) = rules::test(module, subject)?;
        if generation == set.generation {
            return Ok((set, outcomes));
        }
    }
    bail!("the rules are changing all the time")
}

/// The connection that conditions describe: each is a name and a value, as in rules.
fn subject(words: &[String]) -> Result<Subject> {
    let mut subject = Subject::default();
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    for pair in words.chunks(2) {
        let &[name, value] = pair else {
            bail!("{} lacks a value", pair.join(" "));
        };
        let address = || {
            let address = value.parse().ok();
            address.with_context(|| format!("{value:?} is no address"))
        };
        match name {
            "from" => subject.from = Some(address()?),
            "to" => subject.to = Some(address()?),
            "port" => {
                let port = value.parse().ok();
                subject.port = Some(port.with_context(|| format!("{value:?} is no port"))?);
            }
            "on" => subject.on.extend(value.split(',').map(str::to_owned)),
            "netns" => subject.netns = netns(value)?,
            "in" => subject.cgroup = Some(value.to_owned()),
            "unit" => subject.cgroup = Some(Sugar::new().cgroup(value)?),
            _ => bail!("{name:?} is unknown: known are from, to, port, on, netns, in and unit"),
        }
    }
    Ok(subject)
}

/// A network namespace's inode: given as such or as a file; none for the initial one.
fn netns(value: &str) -> Result<Option<u32>> {
    if value == "initial" {
        return Ok(None);
    }
    if let Ok(inode) = value.parse() {
        return Ok(Some(inode));
    }
    let file =
        fs::metadata(value).map_err(|error| anyhow!("no network namespace {value:?}: {error}"))?;
    Ok(Some(file.ino().try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Subject> {
        subject(&[words.to_owned()])
    }

    #[test]
    fn conditions_describe_a_connection() {
        let all =
            read("from 10.0.0.5 to fd00::1 port 80 on eth0,vrf0 netns 4026531840 in /a").unwrap();
        assert_eq!(
            all,
            Subject {
                from: Some([10, 0, 0, 5].into()),
                to: Some("fd00::1".parse().unwrap()),
                port: Some(80),
                on: vec!["eth0".to_owned(), "vrf0".to_owned()],
                netns: Some(4_026_531_840),
                cgroup: Some("/a".to_owned()),
            }
        );
        assert_eq!(read("netns initial").unwrap(), Subject::default());
        let own = fs::metadata("/proc/self/ns/net").unwrap().ino();
        let by_file = read("netns /proc/self/ns/net").unwrap();
        assert_eq!(by_file.netns.map(u64::from), Some(own));
    }

    #[test]
    fn what_is_none_is_named() {
        for (words, part) in [
            ("from", "from lacks a value"),
            ("from 10.0.0.0/8", "\"10.0.0.0/8\" is no address"),
            ("port 80000", "\"80000\" is no port"),
            ("kind h2c", "\"kind\" is unknown"),
            ("netns nowhere", "no network namespace \"nowhere\""),
        ] {
            let error = read(words).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{words}: {error:#}");
        }
    }
}
