// SPDX-License-Identifier: GPL-2.0

//! Grace periods of RCU.

/// Grace periods: one may be under way.
#[derive(Clone, Copy, Hash)]
pub(crate) struct Grace {
    /// How many have begun.
    begun: u16,
    /// How many of these are over.
    over: u16,
    /// Whether the next one was requested.
    is_requested: bool,
}

impl Default for Grace {
    fn default() -> Self {
        // 0 stands for none that anybody waits for.
        Self {
            begun: 1,
            over: 1,
            is_requested: false,
        }
    }
}

impl Grace {
    /// The one that begins next, by how many have begun before.
    pub(crate) fn next(&self) -> u16 {
        self.begun
    }

    /// Whether one has elapsed that began after so many others.
    pub(crate) fn has_elapsed(&self, begun: u16) -> bool {
        self.over > begun
    }

    /// Whether one is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.over != self.begun
    }

    /// The next one is requested.
    pub(crate) fn request(&mut self) {
        self.is_requested = true;
    }

    /// Whether the next one was requested. RCU may begin it all the same.
    pub(crate) fn is_requested(&self) -> bool {
        self.is_requested
    }

    /// One begins.
    pub(crate) fn begin(&mut self) {
        assert!(!self.is_under_way());
        self.begun += 1;
        self.is_requested = false;
    }

    /// Whether it may end, if so many had begun when the oldest reader did.
    pub(crate) fn can_end(&self, oldest: Option<u16>) -> bool {
        self.is_under_way() && oldest.is_none_or(|oldest| oldest == self.begun)
    }

    /// It ends.
    pub(crate) fn end(&mut self) {
        assert!(self.is_under_way());
        self.over = self.begun;
    }
}
