// SPDX-License-Identifier: GPL-2.0
//! The module's rules: as it tells them, and the changes that are made to their text here. What a
//! rule means is up to the module.

pub(crate) mod edit;
pub(crate) mod sugar;

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use anyhow::{anyhow, bail, Context, Result};
use nix::errno::Errno;

use crate::genetlink::{Attribute, Attributes, Connection, Refused};
use crate::policy::{Action, Kind};
use crate::uapi::*;

/// A set of rules, and the text that it was made from.
#[derive(Debug)]
pub(crate) struct RuleSet {
    /// Tells it from the sets before and after it.
    pub(crate) generation: u32,
    /// The text, of which the rules are parts.
    pub(crate) text: Vec<u8>,
    /// The rules in order.
    pub(crate) rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its place among the rules, from 1 on.
    pub(crate) number: usize,
    /// The line of the text that it begins in, from 1 on.
    pub(crate) line: u64,
    /// Where it is in the text, without a comment.
    pub(crate) place: Range<usize>,
    /// How many connections it has decided.
    pub(crate) hits: u64,
    /// Whether its time is over.
    pub(crate) expired: bool,
}

impl RuleSet {
    /// The rules as they are.
    pub(crate) fn get(module: &Connection) -> Result<Self> {
        let reply = module.request(HTTP_FILTER_CMD_RULES_GET, Vec::new())?;
        let text = reply
            .values(HTTP_FILTER_A_RULES_TEXT)
            .flatten()
            .copied()
            .collect();
        let mut set = Self {
            generation: reply.number(HTTP_FILTER_A_RULES_GENERATION)?.try_into()?,
            text,
            rules: Vec::new(),
        };
        for rule in reply.nests(HTTP_FILTER_A_RULES_RULE) {
            let rule = Rule::read(&rule?)?;
            set.text
                .get(rule.place.clone())
                .context("the module tells of a rule outside the text")?;
            set.rules.push(rule);
        }
        Ok(set)
    }

    /// Replaces them by what `text` says, unless somebody else has done so since they were read.
    pub(crate) fn replace(self, module: &Connection, text: &[u8]) -> Result<()> {
        let generation = self.generation.to_ne_bytes();
        let generation = Attribute::new(HTTP_FILTER_A_RULES_GENERATION, generation);
        let replaced = replace(module, text, Some(generation));
        replaced.map_err(|error| match error.downcast_ref::<Refused>() {
            Some(refused) if refused.errno == Errno::EBUSY => {
                anyhow!("the rules were changed meanwhile, and nothing was done: look again")
            }
            _ => error,
        })
    }

    /// The text of a rule, without a comment.
    pub(crate) fn rule(&self, rule: &Rule) -> Cow<'_, str> {
        String::from_utf8_lossy(self.text.get(rule.place.clone()).unwrap_or_default())
    }

    /// The comment on a rule, without the `#`.
    pub(crate) fn comment(&self, rule: &Rule) -> Option<Cow<'_, str>> {
        let behind = self.text.get(edit::behind(&self.text, rule))?;
        let comment = behind.trim_ascii().strip_prefix(b"#")?;
        Some(String::from_utf8_lossy(comment.trim_ascii()))
    }

    /// The rule with this number.
    pub(crate) fn find(&self, number: usize) -> Result<&Rule> {
        let found = number
            .checked_sub(1)
            .and_then(|index| self.rules.get(index));
        found.with_context(|| match self.rules.len() {
            0 => format!("there is no rule {number}: there are none"),
            count => format!("there is no rule {number}: they are numbered from 1 to {count}"),
        })
    }
}

/// Replaces all rules by what `text` says, whatever they are.
pub(crate) fn replace_all(module: &Connection, text: &[u8]) -> Result<()> {
    replace(module, text, None)
}

fn replace(module: &Connection, text: &[u8], generation: Option<Attribute>) -> Result<()> {
    if text.len() > HTTP_FILTER_TEXT_MAX as usize {
        bail!("the rules are longer than {HTTP_FILTER_TEXT_MAX} bytes, which the module takes at most");
    }
    let chunks = text.chunks(HTTP_FILTER_CHUNK_MAX as usize);
    let chunks = chunks.map(|chunk| Attribute::new(HTTP_FILTER_A_RULES_TEXT, chunk));
    let attributes = generation.into_iter().chain(chunks).collect();
    module.request(HTTP_FILTER_CMD_RULES_REPLACE, attributes)?;
    Ok(())
}

impl Rule {
    fn read(nest: &Attributes) -> Result<Self> {
        let offset = usize::try_from(nest.number(HTTP_FILTER_A_RULE_OFFSET)?)?;
        let length = usize::try_from(nest.number(HTTP_FILTER_A_RULE_LENGTH)?)?;
        Ok(Self {
            number: nest.number(HTTP_FILTER_A_RULE_NUMBER)?.try_into()?,
            line: nest.number(HTTP_FILTER_A_RULE_LINE)?,
            place: offset..offset.saturating_add(length),
            hits: nest.number(HTTP_FILTER_A_RULE_HITS)?,
            expired: nest.has(HTTP_FILTER_A_RULE_EXPIRED),
        })
    }
}

/// A connection to ask about.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Subject {
    /// The peer's address.
    pub(crate) from: Option<IpAddr>,
    /// The local address.
    pub(crate) to: Option<IpAddr>,
    /// The local port.
    pub(crate) port: Option<u16>,
    /// The devices that it comes by.
    pub(crate) on: Vec<String>,
    /// The network namespace's inode, if it is not the initial one.
    pub(crate) netns: Option<u32>,
    /// The socket's cgroup.
    pub(crate) cgroup: Option<String>,
}

/// What would become of a connection in which a kind of HTTP is found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The kind.
    pub(crate) kind: &'static str,
    /// Whether it is looked for.
    pub(crate) detected: bool,
    /// What would become of it.
    pub(crate) action: &'static str,
    /// The number of the rule that says so; the default action does, if there is none.
    pub(crate) rule: Option<usize>,
}

/// What would become of `subject`, and by which set of rules: its generation.
pub(crate) fn test(module: &Connection, subject: &Subject) -> Result<(u32, Vec<Outcome>)> {
    let reply = module.request(HTTP_FILTER_CMD_RULES_TEST, subject.attributes())?;
    let generation = reply.number(HTTP_FILTER_A_TEST_GENERATION)?.try_into()?;
    let outcomes = reply.nests(HTTP_FILTER_A_TEST_OUTCOME);
    let outcomes: Result<_> = outcomes.map(|outcome| Outcome::read(&outcome?)).collect();
    Ok((generation, outcomes?))
}

impl Subject {
    fn attributes(&self) -> Vec<Attribute> {
        let address = |number, address: Option<IpAddr>| {
            address.map(|address| match address {
                IpAddr::V4(v4) => Attribute::new(number, v4.octets()),
                IpAddr::V6(v6) => Attribute::new(number, v6.octets()),
            })
        };
        let string = |number, text: &String| Attribute::new(number, format!("{text}\0"));
        let port = self.port;
        let netns = self.netns;
        let one = [
            address(HTTP_FILTER_A_TEST_FROM, self.from),
            address(HTTP_FILTER_A_TEST_TO, self.to),
            port.map(|port| Attribute::new(HTTP_FILTER_A_TEST_PORT, port.to_ne_bytes())),
            netns.map(|netns| Attribute::new(HTTP_FILTER_A_TEST_NETNS, netns.to_ne_bytes())),
            self.cgroup
                .as_ref()
                .map(|path| string(HTTP_FILTER_A_TEST_IN, path)),
        ];
        let devices = self
            .on
            .iter()
            .map(|device| string(HTTP_FILTER_A_TEST_ON, device));
        one.into_iter().flatten().chain(devices).collect()
    }
}

impl Outcome {
    fn read(nest: &Attributes) -> Result<Self> {
        let rule = nest.optional_number(HTTP_FILTER_A_OUTCOME_RULE);
        Ok(Self {
            kind: Kind::of(nest.number(HTTP_FILTER_A_OUTCOME_KIND)?)?.name(),
            detected: nest.has(HTTP_FILTER_A_OUTCOME_DETECTED),
            action: Action::of(nest.number(HTTP_FILTER_A_OUTCOME_ACTION)?)?.name(),
            rule: rule.map(usize::try_from).transpose()?,
        })
    }
}
