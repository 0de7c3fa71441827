// SPDX-License-Identifier: GPL-2.0
//! `filterctl events`: connections that are found, as they are found, and whose they are.

mod eve;
mod json;
mod people;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;

use crate::cli::Events;
use crate::events::{queue, Culprit, Event, Found, Owners, What};
use crate::genetlink::Connection;
use crate::human;
use crate::queue::Waited;
use crate::rules::RuleSet;
use crate::snapshot::Snapshot;
use crate::style::FAINT;
use crate::uapi::HTTP_FILTER_MCGRP_EVENTS;

use people::People;

/// How many connections are remembered until they end. The module does so with half as many.
const MOST_BLOCKED: usize = 8192;

/// An event, and what else is known of it.
#[derive(Debug)]
struct Told {
    event: Event,
    /// Of a connection that was found.
    culprit: Culprit,
    /// The comment on the rule that has decided.
    comment: Option<String>,
    /// What was told of the same connection when it was found; of one that has ended.
    beginning: Option<Rc<Told>>,
}

/// Tells of events as long as the arguments say.
pub(crate) fn run(arguments: &Events, out: &mut dyn Write) -> Result<()> {
    let listener = Connection::open()?.listen(HTTP_FILTER_MCGRP_EVENTS)?;
    let queue = queue(listener)?;
    let until = match arguments.follow {
        true => None,
        false => Instant::now().checked_add(arguments.time.0),
    };
    let is_for_people = !arguments.json && !arguments.eve;
    if is_for_people && io::stdout().is_terminal() {
        let end = match human::span(arguments.time.0.as_secs()) {
            Some(span) if !arguments.follow => format!("for {span}"),
            _ => "until Ctrl-C".to_owned(),
        };
        // There is nowhere left to tell of an error in telling of an error.
        let _ = writeln!(anstream::stderr(), "{FAINT}listening {end}{FAINT:#}");
    }
    let mut sources = Sources::new(Connection::open()?);
    let mut people = People::new();
    let mut rest = arguments.count;
    while rest != Some(0) {
        let event = match queue.next(until)? {
            Waited::Received(event) => *event,
            Waited::Interrupted | Waited::Late => break,
        };
        let told = sources.complete(event);
        if arguments.eve {
            writeln!(out, "{}", eve::object(&told))?;
        } else if arguments.json {
            writeln!(out, "{}", json::object(&told))?;
        } else {
            people.tell(&told, out)?;
        }
        out.flush()?;
        rest = rest.map(|rest| rest - 1);
    }
    if is_for_people {
        people.summarise(out)?;
    }
    Ok(())
}

/// Where the rest comes from that is told of an event.
struct Sources {
    owners: Owners,
    module: Connection,
    rules: Snapshot<Option<RuleSet>>,
    /// Connections of which the end will be told, by their ids, which count up.
    blocked: BTreeMap<u64, Rc<Told>>,
}

impl Sources {
    fn new(module: Connection) -> Self {
        Self {
            owners: Owners::default(),
            module,
            rules: Snapshot::default(),
            blocked: BTreeMap::new(),
        }
    }

    fn complete(&mut self, event: Event) -> Rc<Told> {
        let flow_id = event.flow_id;
        let What::Found(found) = &event.what else {
            let beginning = self.blocked.remove(&flow_id);
            return Rc::new(Told {
                culprit: Culprit::default(),
                comment: None,
                beginning,
                event,
            });
        };
        let is_blocked = found.action.blocks();
        let told = Rc::new(Told {
            culprit: self.owners.culprit(&event, found),
            comment: self.comment(found),
            beginning: None,
            event,
        });
        if is_blocked {
            self.blocked.insert(flow_id, Rc::clone(&told));
        }
        // Of some, the end was lost.
        while self.blocked.len() > MOST_BLOCKED {
            self.blocked.pop_first();
        }
        told
    }

    /// The comment on the rule that has decided, as the rules are now.
    fn comment(&mut self, found: &Found) -> Option<String> {
        let number = found.rule?;
        let module = &self.module;
        self.rules.renew(|| RuleSet::get(module).ok());
        let set = self.rules.value.as_ref()?;
        let comment = set.comment(set.find(number).ok()?)?;
        Some(comment.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EndReason, Ended, Receiver};
    use crate::owner::{Cgroup, Process};
    use crate::policy::{Action, Kind};

    pub(super) fn found() -> Found {
        Found {
            device: "eth0".to_owned(),
            kind: Kind::Requests,
            method: Some("GET".to_owned()),
            target: Some("/index.html".to_owned()),
            host: Some("example.org:8080".to_owned()),
            action: Action::Drop,
            rule: None,
            receiver: Some(Receiver {
                cgroup: Some(77),
                cookie: 4711,
                uid: 33,
                accepted: true,
            }),
        }
    }

    pub(super) fn told(what: What) -> Told {
        Told {
            event: Event {
                lost: 0,
                time: 1_700_000_000_123_456_789,
                flow_id: u64::MAX,
                netns: 4_026_531_840,
                peer: "192.0.2.7:51034".parse().unwrap(),
                local: "[2001:db8::1]:80".parse().unwrap(),
                what,
            },
            culprit: Culprit::default(),
            comment: None,
            beginning: None,
        }
    }

    /// What is known of a service.
    pub(super) fn culprit() -> Culprit {
        let process = |pid| Process {
            pid,
            name: "nginx".to_owned(),
            executable: Some("nginx".to_owned()),
            cgroup: None,
            began: None,
        };
        Culprit {
            holders: vec![Rc::new(process(812)), Rc::new(process(813))],
            cgroup: Cgroup::of_process("0::/system.slice/nginx.service\n"),
            made_in: Cgroup::of_process("0::/system.slice/nginx.socket\n"),
            netns: Some("initial".to_owned()),
        }
    }

    /// What is told of a connection that has ended after 15.25 s, having been dropped.
    pub(super) fn ended(reason: EndReason) -> Told {
        Told {
            beginning: Some(Rc::new(told(What::Found(found())))),
            ..told(What::Ended(Ended {
                reason,
                duration: 15_250,
                segments: 7,
            }))
        }
    }
}
