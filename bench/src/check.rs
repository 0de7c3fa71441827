// SPDX-License-Identifier: GPL-2.0

//! Compares what `http_filter` costs now with what it is known to cost: by its ratio to the limit
//! hook of the same run, so that another kernel or compiler makes little of a difference. What is not HTTP costs
//! as much with rules, as many as there can be, as without.

use crate::run::Measured;
use anyhow::{bail, Context, Result};
use serde::Deserialize;
use std::{fs, io, path::Path};

/// How much a ratio may grow.
const TOLERANCE: f64 = 1.05;

/// How much more a packet may cost that is not HTTP if there are rules: the hash of its flow makes 1 % of
/// difference.
const RULES_TOLERANCE: f64 = 1.02;

/// What `report` has written.
#[derive(Deserialize)]
struct Known {
    measured: Vec<Measured>,
}

/// What a packet of a case costs more with `http_filter` than with nothing, for each instruction that it
/// costs more with the limit hook.
fn ratio(measured: &[Measured], case: &Measured) -> Option<f64> {
    let find = |peer: &str, undecided| {
        let key = (peer, &*case.case, undecided, &*case.family, case.known);
        let found = measured.iter().find(|m| m.key() == key);
        found.map(|m| m.min)
    };
    // What others have sent makes no difference to these.
    let (nothing, limit) = (find("nothing", 0)?, find("limit hook", 0)?);
    Some((find("http_filter", case.undecided)? - nothing) / (limit - nothing))
}

/// What a packet of a case costs with rules, for each instruction that it costs without.
fn ratio_with_rules(measured: &[Measured], case: &Measured) -> Option<f64> {
    let key = ("http_filter", &*case.case, 0, &*case.family, case.known);
    let without = measured.iter().find(|m| m.key() == key)?;
    Some(case.min / without.min)
}

/// Compares what standard input tells, of `run`, with the known numbers; a line for each row, as a test.
pub(crate) fn check(known: &Path) -> Result<()> {
    let known: Known = fs::read(known)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
        .with_context(|| known.display().to_string())?;
    let measured = io::stdin().lines().filter_map(|line| {
        let line = line.ok()?;
        serde_json::from_str::<Measured>(&line).ok()
    });
    let measured: Vec<_> = measured.collect();
    let (mut passed, mut failed) = (0, 0);
    for row in measured.iter().filter(|m| m.peer == "http_filter") {
        let socket = if row.known { "known" } else { "looked up" };
        print!(
            "test {}, {}, socket {socket}, beside {} undecided ... ",
            row.case, row.family, row.undecided
        );
        match (ratio(&known.measured, row), ratio(&measured, row)) {
            (Some(known), Some(now)) if now <= known * TOLERANCE => {
                passed += 1;
                println!("ok: {now:.2} times the limit hook, known as {known:.2}");
            }
            (known, now) => {
                failed += 1;
                let show = |ratio: Option<f64>| {
                    ratio.map_or("not measured".into(), |ratio| format!("{ratio:.2}"))
                };
                println!(
                    "FAILED: {} times the limit hook, known as {}",
                    show(now),
                    show(known)
                );
            }
        }
    }
    let is_http = |m: &Measured| m.case.starts_with("GET");
    let with_rules = measured
        .iter()
        .filter(|m| m.peer == "http_filter with rules");
    for row in with_rules.filter(|m| !is_http(m)) {
        let socket = if row.known { "known" } else { "looked up" };
        print!(
            "test {}, {}, socket {socket}, with 1,024 rules ... ",
            row.case, row.family
        );
        match ratio_with_rules(&measured, row) {
            Some(ratio) if ratio <= RULES_TOLERANCE => {
                passed += 1;
                println!("ok");
            }
            ratio => {
                failed += 1;
                let ratio = ratio.map_or("not measured".into(), |ratio| format!("{ratio:.3}"));
                println!("FAILED: {ratio} times what it costs without");
            }
        }
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {result}. {passed} passed; {failed} failed; 0 ignored");
    if failed != 0 || passed == 0 {
        bail!("a packet costs more than it did: if it must, `make bench` writes the new numbers");
    }
    Ok(())
}
