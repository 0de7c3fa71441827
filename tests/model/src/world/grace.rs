// SPDX-License-Identifier: GPL-2.0

//! Grace periods of RCU.

/// Grace periods; at most one is in progress.
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
        // 0 means that nobody waits.
        Self {
            begun: 1,
            over: 1,
            is_requested: false,
        }
    }
}

impl Grace {
    /// How many have begun, by which the next one is known.
    pub(crate) fn next(&self) -> u16 {
        self.begun
    }

    /// Whether a grace period has elapsed that began after `begun` others.
    pub(crate) fn has_elapsed(&self, begun: u16) -> bool {
        self.over > begun
    }

    /// Whether one is in progress.
    pub(crate) fn is_in_progress(&self) -> bool {
        self.over != self.begun
    }

    /// Requests one.
    pub(crate) fn request(&mut self) {
        self.is_requested = true;
    }

    /// Whether one was requested. RCU may begin one without that.
    pub(crate) fn is_requested(&self) -> bool {
        self.is_requested
    }

    /// One begins.
    pub(crate) fn begin(&mut self) {
        assert!(!self.is_in_progress());
        self.begun += 1;
        self.is_requested = false;
    }

    /// Whether it may end, if `oldest` had begun when the oldest reader did.
    pub(crate) fn can_end(&self, oldest: Option<u16>) -> bool {
        self.is_in_progress() && oldest.is_none_or(|oldest| oldest == self.begun)
    }

    /// It ends.
    pub(crate) fn end(&mut self) {
        assert!(self.is_in_progress());
        self.over = self.begun;
    }
}
