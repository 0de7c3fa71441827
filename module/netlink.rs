// SPDX-License-Identifier: GPL-2.0

//! The operations of the netlink family, as `uapi/http_filter.yaml` specifies them: the rules of any
//! length, whole, and what they would do.

#![forbid(unsafe_code)]

use crate::{
    configuration::Configuration,
    kernel_ext::{
        bindings,
        genetlink::{attribute_size, Handler, Message, Reply, Request, ERROR_MAX},
    },
    policy::{text, Action, Detect, Kind},
    rules::{namespace, Rule, RuleSet, RulesError, Subject, SyntaxError, MAX_TEXT},
};
use classifier::Escaped;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::{prelude::*, sync::Arc};

static_assert!(MAX_TEXT == bindings::HTTP_FILTER_TEXT_MAX as usize);

/// The length that a piece of a text in an attribute has at most, in bytes.
const CHUNK_MAX: usize = bindings::HTTP_FILTER_CHUNK_MAX as usize;

const U32_SIZE: usize = attribute_size(size_of::<u32>());
const U64_SIZE: usize = attribute_size(size_of::<u64>());
const FLAG_SIZE: usize = attribute_size(0);
/// What a rule takes in a reply, and what an outcome does, in bytes.
const RULE_SIZE: usize = attribute_size(4 * U32_SIZE + U64_SIZE + FLAG_SIZE);
const OUTCOME_SIZE: usize = attribute_size(3 * U32_SIZE + FLAG_SIZE);

/// What answers the requests.
pub(crate) struct Operations(pub(crate) Arc<Configuration>);

impl Handler for Operations {
    fn handle<'a>(&self, request: &'a Request) -> Result<Reply<'a>> {
        match request.command() {
            bindings::HTTP_FILTER_CMD_RULES_GET => get(&self.0.lock().rules, request),
            bindings::HTTP_FILTER_CMD_RULES_REPLACE => self.replace(request),
            bindings::HTTP_FILTER_CMD_RULES_TEST => self.test(request),
            _ => Err(EINVAL),
        }
    }
}

/// `rules-get`.
fn get<'a>(set: &RuleSet, request: &'a Request) -> Result<Reply<'a>> {
    let chunks = set.text().chunks(CHUNK_MAX);
    let rules_size = set.rules().len().saturating_mul(RULE_SIZE);
    let size = chunks.clone().fold(rules_size, |size, chunk| {
        size.saturating_add(attribute_size(chunk.len()))
    });

    let mut reply = request.reply(U32_SIZE.saturating_add(size))?;
    reply.put_u32(bindings::HTTP_FILTER_A_RULES_GENERATION, set.generation())?;
    for chunk in chunks {
        reply.put(bindings::HTTP_FILTER_A_RULES_TEXT, chunk)?;
    }
    for (number, rule) in (1..=u32::MAX).zip(set.rules()) {
        reply.nest(bindings::HTTP_FILTER_A_RULES_RULE, |nest| {
            put_rule(nest, number, rule)
        })?;
    }
    Ok(reply)
}

fn put_rule(nest: &mut Message, number: u32, rule: &Rule) -> Result {
    nest.put_u32(bindings::HTTP_FILTER_A_RULE_NUMBER, number)?;
    nest.put_u32(bindings::HTTP_FILTER_A_RULE_LINE, rule.line())?;
    nest.put_u32(bindings::HTTP_FILTER_A_RULE_OFFSET, rule.span().start)?;
    nest.put_u32(bindings::HTTP_FILTER_A_RULE_LENGTH, rule.span().len())?;
    nest.put_uint(bindings::HTTP_FILTER_A_RULE_HITS, rule.hits())?;
    nest.put_flag(bindings::HTTP_FILTER_A_RULE_EXPIRED, rule.is_expired())
}

impl Operations {
    /// `rules-replace`.
    fn replace<'a>(&self, request: &'a Request) -> Result<Reply<'a>> {
        let mut generation = None;
        for attribute in request.attributes() {
            if attribute.ty == bindings::HTTP_FILTER_A_RULES_GENERATION {
                generation = Some(u32::from_ne_bytes(attribute.bytes()?));
            }
        }
        // Without memory for the reply nothing is replaced.
        let mut reply = request.reply(U32_SIZE)?;
        let replaced = text_of(request).and_then(|text| self.0.replace_rules(&text, generation));
        let generation = replaced.map_err(|error| explain(request, error))?;
        reply.put_u32(bindings::HTTP_FILTER_A_RULES_GENERATION, generation)?;
        Ok(reply)
    }

    /// `rules-test`.
    fn test<'a>(&self, request: &'a Request) -> Result<Reply<'a>> {
        let subject = Connection::read(request)?;
        let mut reply = request.reply(U32_SIZE + Kind::ALL.len() * OUTCOME_SIZE)?;
        let config = self.0.lock();
        let mut rules = [0; Kind::ALL.len()];
        config.rules.look_up(&subject, Detect::ALL, |kind, number| {
            if let Some(rule) = rules.get_mut(kind as usize) {
                *rule = number;
            }
        });
        let generation = config.rules.generation();
        reply.put_u32(bindings::HTTP_FILTER_A_TEST_GENERATION, generation)?;
        for (kind, number) in Kind::ALL.into_iter().zip(rules) {
            let rule = config.rules.rule(number);
            let action = rule.map_or(config.action, Rule::action);
            reply.nest(bindings::HTTP_FILTER_A_TEST_OUTCOME, |nest| {
                nest.put_u32(bindings::HTTP_FILTER_A_OUTCOME_KIND, kind_number(kind))?;
                nest.put_flag(
                    bindings::HTTP_FILTER_A_OUTCOME_DETECTED,
                    config.detect.contains(kind),
                )?;
                nest.put_u32(
                    bindings::HTTP_FILTER_A_OUTCOME_ACTION,
                    action_number(action),
                )?;
                match rule {
                    Some(_) => nest.put_u32(bindings::HTTP_FILTER_A_OUTCOME_RULE, number),
                    None => Ok(()),
                }
            })?;
        }
        Ok(reply)
    }
}

/// The text of a request, put together.
fn text_of(request: &Request) -> Result<KVVec<u8>, RulesError> {
    let chunks = || {
        let all = request.attributes();
        all.filter(|attribute| attribute.ty == bindings::HTTP_FILTER_A_RULES_TEXT)
    };
    let len = chunks().fold(0, |len: usize, chunk| len.saturating_add(chunk.value.len()));
    let mut text = KVVec::with_capacity(len, GFP_KERNEL).map_err(|_| RulesError::NoMemory)?;
    for &byte in chunks().flat_map(|chunk| chunk.value) {
        text.push_within_capacity(byte)
            .map_err(|_| RulesError::NoMemory)?;
    }
    Ok(text)
}

/// The error for rules that were refused, with words.
fn explain(request: &Request, error: RulesError) -> Error {
    let say = |words: &'static CStr| request.set_error(format_args!("{}", text(words)), words);
    match error {
        RulesError::Syntax(error) => {
            explain_syntax(request, &error);
            EINVAL
        }
        RulesError::Stale => {
            say(c"the rules were replaced meanwhile");
            EBUSY
        }
        RulesError::TooLarge(what) => {
            say(what);
            EFBIG
        }
        RulesError::NoMemory => ENOMEM,
    }
}

/// Says which word is wrong, where and why; of a long word its beginning, since the reason counts.
fn explain_syntax(request: &Request, error: &SyntaxError) {
    /// What is around them, with a number of any length.
    const FRAME: usize = "line 4294967295: \"\": ".len();
    let reason = text(error.reason());
    let room = ERROR_MAX.saturating_sub(FRAME).saturating_sub(reason.len());
    let word = error.word();
    // A byte that is escaped takes four.
    let room = if word.iter().all(u8::is_ascii_graphic) {
        room
    } else {
        room / 4
    };
    let word = word.get(..room).unwrap_or(word);
    request.set_error(
        format_args!("line {}: \"{}\": {reason}", error.line(), Escaped(word)),
        error.reason(),
    );
}

/// A connection that is told of. What is not told is in no rule's lists.
struct Connection<'a> {
    request: &'a Request,
    from: Option<IpAddr>,
    to: Option<IpAddr>,
    port: u16,
    netns: Option<u32>,
    cgroup: Option<&'a [u8]>,
}

impl<'a> Connection<'a> {
    /// # Errors
    ///
    /// `EINVAL`, if an attribute has another length than it may.
    fn read(request: &'a Request) -> Result<Self> {
        let mut told = Self {
            request,
            from: None,
            to: None,
            port: 0,
            netns: None,
            cgroup: None,
        };
        for attribute in request.attributes() {
            match attribute.ty {
                bindings::HTTP_FILTER_A_TEST_FROM => told.from = Some(address(attribute.value)?),
                bindings::HTTP_FILTER_A_TEST_TO => told.to = Some(address(attribute.value)?),
                bindings::HTTP_FILTER_A_TEST_PORT => {
                    told.port = u16::from_ne_bytes(attribute.bytes()?)
                }
                bindings::HTTP_FILTER_A_TEST_NETNS => {
                    told.netns = namespace(u32::from_ne_bytes(attribute.bytes()?));
                }
                bindings::HTTP_FILTER_A_TEST_IN => told.cgroup = Some(attribute.string()),
                _ => {}
            }
        }
        Ok(told)
    }
}

impl Subject for Connection<'_> {
    fn peer(&self) -> Option<IpAddr> {
        self.from
    }

    fn local(&self) -> Option<IpAddr> {
        self.to
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn is_on(&self, device: &[u8]) -> bool {
        let mut attributes = self.request.attributes();
        attributes.any(|attribute| {
            attribute.ty == bindings::HTTP_FILTER_A_TEST_ON && attribute.string() == device
        })
    }

    fn netns(&self) -> Option<u32> {
        self.netns
    }

    fn is_in(&self, path: &[u8]) -> bool {
        // As hf_cgroup_is_within() has it.
        let mut told = parts(self.cgroup.unwrap_or_default());
        self.cgroup.is_some() && parts(path).all(|part| told.next() == Some(part))
    }
}

/// The names of the control groups in a path.
fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
}

/// An address of 4 or 16 bytes; one that maps IPv4 counts as that.
fn address(bytes: &[u8]) -> Result<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(bytes).map_err(|_| EINVAL)?;
    Ok(Ipv6Addr::from(v6).to_canonical())
}

pub(crate) fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::Requests => bindings::HTTP_FILTER_KIND_REQUESTS,
        Kind::H2c => bindings::HTTP_FILTER_KIND_H2C,
        Kind::Http09 => bindings::HTTP_FILTER_KIND_HTTP09,
        Kind::Responses => bindings::HTTP_FILTER_KIND_RESPONSES,
    }
}

pub(crate) fn action_number(action: Action) -> u32 {
    match action {
        Action::Drop => bindings::HTTP_FILTER_RULE_ACTION_DROP,
        Action::Reject => bindings::HTTP_FILTER_RULE_ACTION_REJECT,
        Action::Monitor => bindings::HTTP_FILTER_RULE_ACTION_MONITOR,
        Action::Allow => bindings::HTTP_FILTER_RULE_ACTION_ALLOW,
    }
}
