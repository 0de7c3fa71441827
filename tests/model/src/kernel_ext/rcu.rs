// SPDX-License-Identifier: GPL-2.0

//! Grace periods.

use crate::world::{observe, with};

/// A moment. Two halves, so that nothing that holds one has padding.
#[derive(Clone, Copy)]
pub(crate) struct Moment([u16; 2]);

impl Moment {
    pub(crate) const NEVER: Self = Self([0; 2]);

    pub(crate) fn now() -> Self {
        Self([observe(with(|world| world.grace.now())), 0])
    }

    pub(crate) fn has_passed(self) -> bool {
        let Self([period, _]) = self;
        observe(with(|world| world.grace.has_passed(period)))
    }

    pub(crate) fn hurry(self) {}
}

/// Waits for a grace period.
pub(crate) fn synchronize() {
    with(|world| {
        world.grace.begin();
        world.grace.end();
    });
}
