// SPDX-License-Identifier: GPL-2.0

//! Grace periods of RCU.

/// Grace periods: one may be under way.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Grace {
    /// How many have begun.
    begun: u16,
    /// How many of these are over.
    over: u16,
}

impl Default for Grace {
    fn default() -> Self {
        // 0 is no moment.
        Self { begun: 1, over: 1 }
    }
}

impl Grace {
    /// A moment: it is told by how many have begun.
    pub(crate) fn now(&self) -> u16 {
        self.begun
    }

    /// Whether one has begun and ended since.
    pub(crate) fn has_passed(&self, moment: u16) -> bool {
        self.over > moment
    }

    /// Whether one is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.over != self.begun
    }

    /// One begins.
    pub(crate) fn begin(&mut self) {
        assert!(!self.is_under_way());
        self.begun += 1;
    }

    /// Whether it may end, if the oldest reader began at this moment.
    pub(crate) fn can_end(&self, oldest: Option<u16>) -> bool {
        self.is_under_way() && oldest.is_none_or(|oldest| oldest == self.begun)
    }

    /// It ends.
    pub(crate) fn end(&mut self) {
        assert!(self.is_under_way());
        self.over = self.begun;
    }
}
