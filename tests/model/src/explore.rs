// SPDX-License-Identifier: GPL-2.0

//! Explores a scenario: every order in which its events can happen.

use crate::{action::Action, run::Run, scenario::Scenario, trace};
use core::hash::{Hash, Hasher};
use stateright::{Checker, Model, Property};
use std::{fmt, sync::Arc, thread};

/// A state of a scenario: the actions that lead to it. They are run again to go on from there,
/// because the stack of a preempted hook cannot be copied.
#[derive(Clone)]
pub struct State {
    path: Arc<[Action]>,
    fingerprint: u64,
    actions: Arc<[Action]>,
    is_violation: bool,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.fingerprint.hash(hasher);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.path)
    }
}

impl State {
    fn new(scenario: &Scenario, path: Arc<[Action]>) -> Self {
        let run = Run::after(scenario, &path);
        let is_violation = run.violation().is_some();
        Self {
            path,
            fingerprint: run.fingerprint(),
            actions: match is_violation {
                true => Arc::new([]),
                false => run.actions().into(),
            },
            is_violation,
        }
    }

    fn holds(&self, scenario: &Scenario) -> bool {
        !self.is_violation && Run::after(scenario, &self.path).end().is_none()
    }
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self, Arc::new([]))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.actions.iter());
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let path = state.path.iter().copied().chain([action]).collect();
        Some(State::new(self, path))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |scenario: &Self, state: &State| {
            state.holds(scenario)
        })]
    }
}

const HOLDS: &str = "holds";

/// What exploring a scenario has shown.
#[derive(Debug)]
pub struct Outcome {
    /// How many different states were visited: all there are, if there is no violation.
    pub states: usize,
    /// How many actions lead to the deepest one.
    pub depth: usize,
    /// A shortest run to a violation, printed.
    pub violation: Option<String>,
}

/// Explores a scenario.
pub fn explore(scenario: Scenario) -> Outcome {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    let checker = scenario.checker().threads(threads).spawn_bfs().join();
    let violation = checker
        .discovery(HOLDS)
        .map(|path| trace::describe(checker.model(), &path.into_actions()));
    Outcome {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        violation,
    }
}
