// SPDX-License-Identifier: GPL-2.0

//! `model [short|long]`: explores the scenarios of a scope, and shows what it has found.

use model::{explore::explore, scope};
use std::{env, process::ExitCode, time::Instant};

fn main() -> ExitCode {
    let scope = env::args().nth(1);
    let scenarios = match scope.as_deref() {
        None | Some("short") => scope::short(),
        Some("long") => scope::long(),
        Some(_) => {
            eprintln!("usage: model [short|long]");
            return ExitCode::from(2);
        }
    };
    let (began, total) = (Instant::now(), scenarios.len());
    let (mut states, mut depth, mut violations) = (0, 0, 0);
    for (number, scenario) in (1..).zip(scenarios) {
        let (name, began) = (scenario.name.clone(), Instant::now());
        let outcome = explore(scenario);
        states += outcome.states;
        depth = depth.max(outcome.depth);
        let took = began.elapsed().as_secs_f32();
        println!(
            "{number:4}/{total} {:9} states, depth {:2}, {took:6.1} s: {name}",
            outcome.states, outcome.depth
        );
        if let Some(violation) = outcome.violation {
            violations += 1;
            println!("\n{violation}");
        }
    }
    let took = began.elapsed().as_secs();
    println!(
        "{total} scenarios, {states} states, depth {depth}, {violations} violations, {took} s"
    );
    ExitCode::from(u8::from(violations != 0))
}
