// SPDX-License-Identifier: GPL-2.0

//! Prints a run.

use crate::{
    action::{Action, Pressure},
    run::Run,
    scenario::Scenario,
    world::with,
};
use core::fmt::{self, Write};

/// The actions of a run, a line each, and the property that is violated in the end.
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
            Some(violation) => writeln!(text, "     {violation}, even if all is fair from here on"),
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
                write!(f, "CPU {cpu}: the hook gets {segment}")?;
                self.verdict(f)
            }
            Action::Hook { cpu } => {
                write!(f, "CPU {cpu}: the hook continues")?;
                self.verdict(f)
            }
            Action::Receive {
                cpu,
                coalesces,
                pressure,
            } => {
                write!(f, "CPU {cpu}: TCP receives it")?;
                f.write_str(if coalesces {
                    ""
                } else {
                    ", and does not coalesce it"
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
                        let received = socket.stream.escape_ascii();
                        write!(f, "; socket {number} has received \"{received}\"")?;
                        for (queue, len) in [
                            ("in the backlog", socket.backlog.len()),
                            ("out of order", socket.queue.len()),
                        ] {
                            if len != 0 {
                                write!(f, ", {len} {queue}")?;
                            }
                        }
                    }
                    Ok(())
                })
            }
            Action::Lose { cpu } => write!(f, "CPU {cpu}: TCP discards it"),
            Action::Own { socket } => write!(f, "a process locks socket {socket}"),
            Action::Release { socket } => {
                write!(f, "the owner of socket {socket} continues to release it")
            }
            Action::Read { socket } => write!(f, "a process reads from socket {socket}"),
            Action::Reopen { flow } => {
                write!(f, "connection {flow} is closed and requested again")
            }
            Action::GraceBegins => f.write_str("a grace period begins"),
            Action::GraceEnds => f.write_str("the grace period ends"),
            Action::Sweep => f.write_str("the sweep runs"),
            Action::Pause => f.write_str("31 seconds pass"),
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
