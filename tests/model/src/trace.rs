// SPDX-License-Identifier: GPL-2.0

//! A run as a person reads it.

use crate::{
    run::{Action, Pressure, Run},
    scenario::Scenario,
    world::with,
};
use core::fmt::{self, Write};

/// What happens in a run, and what is wrong in the end.
pub(crate) fn describe(scenario: &Scenario, actions: &[Action]) -> String {
    let mut text = format!("{}:\n", scenario.name);
    let mut run = Run::new(scenario);
    for (number, &action) in (1..).zip(actions) {
        run.act(action);
        let step = Step {
            scenario,
            action,
            run: &run,
        };
        let _ = writeln!(text, "{number:3}. {step}");
    }
    let violation = run.violation().map(String::from);
    let _ = match violation {
        Some(violation) => writeln!(text, "     {violation}"),
        None => match run.end() {
            Some(violation) => writeln!(text, "     {violation}, however fair the rest is"),
            None => writeln!(text, "     all is well"),
        },
    };
    text
}

struct Step<'a> {
    scenario: &'a Scenario,
    action: Action,
    run: &'a Run<'a>,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Send { segment, cpu } => {
                let segment = &self.scenario.segments[usize::from(segment)];
                write!(f, "CPU {cpu}: {segment} comes")?;
                self.verdict(f)
            }
            Action::Hook { cpu } => {
                write!(f, "CPU {cpu}: the hook goes on")?;
                self.verdict(f)
            }
            Action::Receive {
                cpu,
                joins,
                pressure,
            } => {
                write!(f, "CPU {cpu}: TCP gets it")?;
                f.write_str(if joins {
                    ""
                } else {
                    ", and queues it by itself"
                })?;
                f.write_str(match pressure {
                    Pressure::None => "",
                    Pressure::Collapse => ", and collapses its queue first",
                    Pressure::Prune | Pressure::PruneAll => {
                        ", and collapses and prunes its queue first"
                    }
                    Pressure::Drop => ", collapses and prunes its queue, and discards it",
                })?;
                with(|world| {
                    for (number, socket) in world.sockets.iter().enumerate() {
                        let read = socket.stream.escape_ascii();
                        write!(f, "; socket {number} has \"{read}\"")?;
                    }
                    Ok(())
                })
            }
            Action::Lose { cpu } => write!(f, "CPU {cpu}: TCP discards it"),
            Action::Own { socket } => write!(f, "a process owns socket {socket}"),
            Action::Release { socket } => {
                write!(f, "the owner of socket {socket} goes on with letting go")
            }
            Action::Read { socket } => write!(f, "a process reads from socket {socket}"),
            Action::Reopen { flow } => {
                write!(
                    f,
                    "connection {flow} is closed, and another of its name asked for"
                )
            }
            Action::GraceBegins => f.write_str("a grace period begins"),
            Action::GraceEnds => f.write_str("the grace period ends"),
            Action::Sweep => f.write_str("the sweep runs"),
            Action::Pause => f.write_str("half a minute passes"),
        }
    }
}

impl Step<'_> {
    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run.verdict() {
            Some(verdict) => write!(f, ": {verdict:?}"),
            None => Ok(()),
        }
    }
}
