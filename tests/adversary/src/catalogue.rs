// SPDX-License-Identifier: GPL-2.0
//! The catalogue: every known technique as a deterministic test, with HTTP and with a stream that
//! is not HTTP.

mod decoys;
mod exhaustion;
mod forms;
mod layers;
mod row;
mod segments;

use std::process;
use std::sync::Arc;

use anyhow::{ensure, Result};
use serde_json::json;

use self::row::Row;
use crate::address::Family;
use crate::calibrate::unknown_faults;
use crate::cli::{Catalogue, Expectation};
use crate::engine::Engine;
use crate::namespace::Environment;
use crate::oracle::{forbidden, is_delivered, is_lossless, must_be_delivered, Outcome};
use crate::plan::show::Text;
use crate::plan::{Action, Fault, Opening, Options, Plan, Retransmission, Segment, Socket};

/// How many cases at once.
const CONCURRENCY: usize = 32;

/// A request, and a benign stream, which is undecided until its version.
const REQUEST: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n";
const BENIGN: &[u8] = b"DESCRIBE rtsp://example.com/index RTSP/1.0\r\nCSeq: 2\r\n\r\n";

/// A technique, applied to one stream.
#[derive(Clone, Debug)]
struct Case {
    row: Row,
    technique: String,
    plan: Plan,
    fast_open: bool,
}

impl Case {
    /// A technique that consists of actions.
    fn new(row: Row, technique: impl Into<String>, stream: &[u8], actions: Vec<Action>) -> Self {
        let plan = Plan {
            family: Family::Ipv4,
            socket: Socket::Plain,
            options: Options {
                timestamps: true,
                selective_acks: true,
                window_scale: Some(7),
                segment_size: 1400,
            },
            opening: Opening::default(),
            stream: stream.to_vec(),
            actions,
            retransmission: Retransmission {
                tries: 0,
                recut: None,
            },
        };
        Self {
            row,
            technique: technique.into(),
            plan,
            fast_open: false,
        }
    }

    fn with_socket(mut self, socket: Socket) -> Self {
        self.plan.socket = socket;
        self
    }

    /// Whether it carries HTTP, whichever urgent bytes are left out.
    fn is_http(&self) -> bool {
        forbidden(&self.plan.stream).is_some()
            || (self.plan.copies_agree() && !must_be_delivered(&self.plan))
    }

    /// Whether it can be run in this family, and has no fault that this kernel does not know.
    fn applies(&self, family: Family, unknown: &[Fault]) -> bool {
        let ipv6_only = self
            .plan
            .segments()
            .any(|segment| segment.encapsulation.is_ipv6_only());
        let known = self
            .plan
            .segments()
            .all(|segment| segment.fault.is_none_or(|fault| !unknown.contains(&fault)));
        let needed = self.row.family().or(ipv6_only.then_some(Family::Ipv6));
        known && needed.is_none_or(|needed| family == needed)
    }

    /// Whether an outcome is what a stream filter must achieve.
    fn is_as_expected(&self, outcome: &Outcome) -> bool {
        forbidden(&outcome.read).is_none()
            && (!must_be_delivered(&self.plan) || is_delivered(&self.plan, outcome))
    }
}

/// The stream in segments, cut at these places.
fn cut(stream: &[u8], places: &[usize]) -> Vec<Segment> {
    let ends: Vec<usize> = [&[0], places, &[stream.len()]].concat();
    ends.windows(2)
        .map(|ends| Segment::new(ends[0] as i32, &stream[ends[0]..ends[1]]))
        .collect()
}

fn send(segments: impl IntoIterator<Item = Segment>) -> Vec<Action> {
    segments.into_iter().map(Action::Send).collect()
}

/// The cases of all rows but that of exhaustion.
fn cases() -> Vec<Case> {
    [
        segments::cases(),
        decoys::cases(),
        layers::cases(),
        forms::cases(),
    ]
    .concat()
}

/// Runs the catalogue; returns whether all outcomes are as expected.
pub(crate) fn run(options: &Catalogue) -> Result<bool> {
    let mut engine = Engine::start(1)?;
    let unknown = unknown_faults(&mut engine)?;
    if let Some(command) = &options.setup {
        let status = process::Command::new("sh")
            .args(["-ec", command])
            .status()?;
        ensure!(status.success(), "the set-up failed: {status}");
    }
    let mut report = Report::new(options);
    let cases = cases();
    for fast_open in [false, true] {
        engine.set_environment(&Environment {
            fast_open,
            ..Environment::default()
        })?;
        let mut plans = Vec::new();
        for case in cases
            .iter()
            .filter(|case| case.fast_open == fast_open && report.wants(case.row))
        {
            for family in options.family.all() {
                if case.applies(family, &unknown) {
                    let mut case = case.clone();
                    case.plan.family = family;
                    // A stream that must not be delivered is retransmitted only a few times.
                    case.plan.retransmission.tries =
                        if must_be_delivered(&case.plan) { 10 } else { 2 };
                    plans.push((case.clone(), Arc::new(case.plan)));
                }
            }
        }
        let mut outcomes = Vec::new();
        engine.run(plans, CONCURRENCY, |case, _, outcome| {
            outcomes.push((case, outcome));
            true
        })?;
        outcomes.sort_by_key(|(case, _)| case.row);
        for (case, outcome) in &outcomes {
            report.add(case, outcome);
        }
    }
    if report.wants(Row::Exhaustion) {
        engine.set_environment(&Environment::default())?;
        for family in options.family.all() {
            for (case, outcome) in
                exhaustion::run(&mut engine, family, options.half_started.into())?
            {
                report.add(&case, &outcome);
            }
        }
    }
    Ok(report.end())
}

/// Prints the outcomes, and counts them.
struct Report<'a> {
    options: &'a Catalogue,
    cases: usize,
    unexpected: usize,
}

impl<'a> Report<'a> {
    fn new(options: &'a Catalogue) -> Self {
        Self {
            options,
            cases: 0,
            unexpected: 0,
        }
    }

    fn wants(&self, row: Row) -> bool {
        self.options.row.is_none_or(|wanted| wanted == row.number())
    }

    fn add(&mut self, case: &Case, outcome: &Outcome) {
        let (read, delivered) = (
            forbidden(&outcome.read).is_some(),
            is_delivered(&case.plan, outcome),
        );
        let expected = case.is_as_expected(outcome);
        let kind = if case.is_http() { "http" } else { "benign" };
        let family = case.plan.family.name();
        self.cases += 1;
        self.unexpected += usize::from(!expected);
        if self.options.json {
            let sent = case.plan.stream.escape_ascii().to_string();
            println!(
                "{}",
                json!({
                    "row": case.row.number(), "title": case.row.title(), "after_start": case.row.is_after_start(),
                    "case": case.technique, "family": family, "kind": kind, "sent": sent,
                    "read": read, "delivered": delivered, "expected": expected,
                    // Segments that were sent again, and whether none need have been.
                    "repeated": outcome.client.retransmissions, "avoidable": is_lossless(&case.plan),
                })
            );
            return;
        }
        let what = match (kind, read, delivered) {
            (_, true, _) => "read HTTP",
            ("http", false, _) => "HTTP not read",
            (_, _, true) => "delivered",
            (_, _, false) => "not delivered",
        };
        let mark = if expected || self.options.expect == Expectation::None {
            " "
        } else {
            "!"
        };
        println!(
            "{mark} {:2}  {:4}  {kind:8}  {what:14}  {}",
            case.row.number(),
            family,
            case.technique
        );
        if mark == "!" {
            println!(
                "{}\n  the server read {}{}",
                case.plan,
                Text(&outcome.read),
                outcome.error.as_deref().unwrap_or("")
            );
        }
    }

    fn end(&self) -> bool {
        if !self.options.json {
            println!(
                "adversary: {} cases, {} of them not as a stream filter must do",
                self.cases, self.unexpected
            );
        }
        self.options.expect == Expectation::None || (self.unexpected == 0 && self.cases > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_cases() {
        let mut rows: Vec<Row> = cases().iter().map(|case| case.row).collect();
        rows.push(Row::Exhaustion);
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows, Row::ALL);
    }
}
