// SPDX-License-Identifier: GPL-2.0
//! Events for people, a line each.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{json, Told};
use crate::events::{Culprit, EndReason, Ended, Event, Found, What};
use crate::human::{self, counted};
use crate::journal::Journal;
use crate::owner::Cgroup;
use crate::policy::{Action, Kind};
use crate::style::{FAINT, HEADING};

const BLOCKED: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// What the network namespace of process 1 is called, which is not told.
const INITIAL: &str = "initial";

/// What stands for what is not known.
const UNKNOWN: &str = "-";

/// What was told so far.
#[derive(Default)]
pub(super) struct People {
    journal: Journal,
    /// How many connections were found, by what was done.
    found: BTreeMap<&'static str, u64>,
    lost: u64,
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            journal: Journal::new(),
            ..Self::default()
        }
    }

    pub(super) fn tell(&mut self, told: &Told, out: &mut dyn Write) -> io::Result<()> {
        let Event { lost, what, .. } = &told.event;
        let time = json::time(&told.event);
        if *lost > 0 {
            self.lost = self.lost.saturating_add(*lost);
            let events = format!("at least {}", counted(*lost, "event"));
            self.journal.line(time, "lost", WARNING, &[events], out)?;
        }
        let (word, style, parts) = match what {
            What::Found(found) => {
                let action = found.action.past_tense();
                *self.found.entry(action).or_default() += 1;
                (action, style(found.action), of_found(found, told))
            }
            What::Ended(ended) => ("ended", FAINT, of_ended(*ended, told)),
        };
        self.journal.line(time, word, style, &parts, out)
    }

    /// Says how many connections were found, and what was done.
    pub(super) fn summarise(&self, out: &mut dyn Write) -> io::Result<()> {
        let total = counted(self.found.values().sum(), "connection");
        write!(out, "{HEADING}{total}{HEADING:#}")?;
        let mut separator = ":";
        for (action, &number) in &self.found {
            write!(out, "{separator} {} {action}", human::count(number))?;
            separator = ",";
        }
        if self.lost > 0 {
            let events = counted(self.lost, "event");
            write!(out, "; {WARNING}at least {events} lost{WARNING:#}")?;
        }
        writeln!(out)
    }
}

fn style(action: Action) -> Style {
    match action {
        Action::Drop | Action::Reject => BLOCKED,
        Action::Monitor => WARNING,
        Action::Allow => FAINT,
    }
}

fn of_found(found: &Found, told: &Told) -> Vec<String> {
    let mut parts = connection(told);
    let host = found.host.as_ref();
    parts.extend(host.map(|host| format!("{FAINT}Host{FAINT:#} {}", human::line(host))));
    parts.extend(rule(found, told));
    parts
}

fn of_ended(ended: Ended, told: &Told) -> Vec<String> {
    let segments = counted(ended.segments, "segment");
    let why = match ended.reason {
        EndReason::Aborted => "aborted",
        EndReason::Closed => "closed",
        EndReason::Silent => "silent since",
        EndReason::Displaced => "too many to follow",
        EndReason::Disabled => "the filter was switched off",
    };
    let took = human::span(ended.duration / 1000);
    let took = took.map(|span| format!(" in {span}")).unwrap_or_default();
    let mut parts = connection(told.beginning.as_deref().unwrap_or(told));
    parts.push(format!("{segments}{took}, {why}"));
    parts
}

/// What came on a connection, from where to where, and whose it is; as far as it is told of.
fn connection(told: &Told) -> Vec<String> {
    let Event {
        peer, local, what, ..
    } = &told.event;
    let way = format!("{peer} -> {local}");
    let What::Found(found) = what else {
        return vec![way];
    };
    let request = match (found.kind, &found.method, &found.target) {
        (Kind::H2c, ..) => "HTTP/2 preface".to_owned(),
        (_, Some(method), Some(target)) => human::line(&format!("{method} {target}")),
        _ => "HTTP response".to_owned(),
    };
    let device = human::line(&found.device);
    let netns = told.culprit.netns.as_deref();
    let netns = match netns.filter(|name| *name != INITIAL) {
        Some(name) => format!(" of {}", human::line(name)),
        None => String::new(),
    };
    let whose = whose(found, &told.culprit);
    vec![
        request,
        format!("{way} {FAINT}in {device}{netns}{FAINT:#}"),
        format!("{HEADING}{whose}{HEADING:#}"),
    ]
}

/// Unit or container, and program: `nginx.service nginx[812]`; or at least whose.
fn whose(found: &Found, culprit: &Culprit) -> String {
    let place = culprit.cgroup.as_ref().map(Cgroup::to_string);
    let program = culprit.holders.split_first().map(|(first, others)| {
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}[{}]{more}", first.name, first.pid)
    });
    let user = found
        .receiver
        .map(|receiver| format!("user {}", receiver.uid));
    let known = match (place, program) {
        (None, None) => user,
        (place, program) => {
            let both: Vec<String> = place.into_iter().chain(program).collect();
            Some(both.join(" "))
        }
    };
    human::line(known.as_deref().unwrap_or(UNKNOWN))
}

fn rule(found: &Found, told: &Told) -> Option<String> {
    let number = found.rule?;
    let comment = told.comment.as_deref();
    let comment = comment.map(|comment| format!(" ({})", human::line(comment)));
    let comment = comment.unwrap_or_default();
    Some(format!("{FAINT}by rule {number}{comment}{FAINT:#}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{culprit, ended, found, told};
    use super::*;

    /// What people see of some events, without the time, and of the end.
    fn shown(events: &[Told]) -> Vec<String> {
        let (mut people, mut out) = (People::default(), Vec::new());
        for told in events {
            people.tell(told, &mut out).unwrap();
        }
        people.summarise(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let out = anstream::adapter::strip_str(&out).to_string();
        let (day, lines) = out.split_once('\n').unwrap();
        assert_eq!(day.len(), "2023-11-14".len(), "{day}");
        let lines = lines.lines().map(|line| match line.split_once(":20  ") {
            Some((_, line)) => line.to_owned(),
            None => line.to_owned(),
        });
        lines.collect()
    }

    #[test]
    fn a_connection_has_a_line_and_so_has_its_end() {
        let found = Found {
            rule: Some(3),
            ..found()
        };
        let known = Told {
            culprit: culprit(),
            comment: Some("ticket 4711".to_owned()),
            ..told(What::Found(found))
        };
        let lines = shown(&[known, ended(EndReason::Silent)]);
        let expected = [
            "dropped    GET /index.html  192.0.2.7:51034 -> [2001:db8::1]:80 in eth0  nginx.service nginx[812] and 1 more  Host example.org:8080  by rule 3 (ticket 4711)",
            "ended      GET /index.html  192.0.2.7:51034 -> [2001:db8::1]:80 in eth0  user 33  7 segments in 15 seconds, silent since",
            "1 connection: 1 dropped",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_is_broken_between_its_parts() {
        let mut people = People::default();
        people.journal.columns = Some(70);
        let mut out = Vec::new();
        people.tell(&told(What::Found(found())), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let out = anstream::adapter::strip_str(&out).to_string();
        let lines: Vec<&str> = out.lines().skip(1).collect();
        assert!(lines[0].ends_with("  dropped    GET /index.html"));
        let indent = " ".repeat("04:35:52  dropped    ".len());
        let rest = [
            "192.0.2.7:51034 -> [2001:db8::1]:80 in eth0",
            "user 33  Host example.org:8080",
        ];
        assert_eq!(lines[1..], rest.map(|line| format!("{indent}{line}")));
    }

    #[test]
    fn what_was_lost_is_told() {
        let mut first = told(What::Found(found()));
        first.event.lost = 1234;
        let lines = shown(&[first]);
        assert_eq!(lines[0], "lost       at least 1,234 events");
        assert_eq!(
            lines[2],
            "1 connection: 1 dropped; at least 1,234 events lost"
        );
    }

    #[test]
    fn an_end_alone_has_its_addresses() {
        let alone = Told {
            beginning: None,
            ..ended(EndReason::Aborted)
        };
        let lines = shown(&[alone]);
        assert_eq!(
            lines[0],
            "ended      192.0.2.7:51034 -> [2001:db8::1]:80  7 segments in 15 seconds, aborted"
        );
        assert_eq!(lines[1], "0 connections");
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let evil = || "\x1b[2J\n\u{9b}".to_owned();
        let mut whose = culprit();
        whose.netns = Some(evil());
        let told = Told {
            culprit: whose,
            comment: Some(evil()),
            ..told(What::Found(Found {
                device: evil(),
                method: Some(evil()),
                target: Some(evil()),
                host: Some(evil()),
                rule: Some(1),
                ..found()
            }))
        };
        let (mut people, mut out) = (People::default(), Vec::new());
        people.tell(&told, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("[2J\n") && !out.contains('\u{9b}') && !out.contains("\x1b[2J"));
        assert_eq!(out.matches("\\u{1b}[2J").count(), 6);
    }

    #[test]
    fn what_is_no_request_is_named() {
        let line = |kind| {
            let found = Found {
                kind,
                method: None,
                target: None,
                host: None,
                ..found()
            };
            shown(&[told(What::Found(found))]).swap_remove(0)
        };
        assert!(line(Kind::H2c).contains("  HTTP/2 preface  "));
        assert!(line(Kind::Responses).contains("  HTTP response  "));
    }
}
