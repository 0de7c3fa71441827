// SPDX-License-Identifier: GPL-2.0

//! Every order in which things can happen, in the scenarios of a small scope.

use model::{explore::explore, scope};

#[test]
fn nothing_goes_wrong_in_the_short_scope() {
    let mut states = 0;
    for scenario in scope::short() {
        let outcome = explore(scenario);
        assert!(
            outcome.violation.is_none(),
            "{}",
            outcome.violation.unwrap_or_default()
        );
        states += outcome.states;
    }
    assert!(
        states >= 100_000,
        "{states} states are too few to tell much"
    );
}
