// SPDX-License-Identifier: GPL-2.0

//! Grace periods.

use crate::world::{observe, with};

/// A grace period. Two halves, so that nothing that holds one has padding.
#[derive(Clone, Copy)]
pub(crate) struct GracePeriod([u16; 2]);

impl GracePeriod {
    pub(crate) const NONE: Self = Self([0; 2]);

    pub(crate) fn next() -> Self {
        Self([observe(with(|world| world.grace.next())), 0])
    }

    pub(crate) fn has_elapsed(self) -> bool {
        let Self([period, _]) = self;
        observe(with(|world| world.grace.has_elapsed(period)))
    }

    pub(crate) fn request(self) {
        with(|world| world.grace.request());
    }
}

/// Waits for a grace period.
pub(crate) fn synchronize() {
    with(|world| {
        world.grace.begin();
        world.grace.end();
    });
}
