// SPDX-License-Identifier: GPL-2.0
//! What was read some time ago, and costs too much to be read for each question.

use std::time::{Duration, Instant};

/// The part of the time that is spent with reading in the long run: one in so many.
const PART: u32 = 10;

/// How much more may be spent at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What was read.
#[derive(Debug)]
pub(crate) struct Snapshot<T> {
    pub(crate) value: T,
    /// When `spent` was counted.
    counted: Instant,
    /// The time that was spent with reading, beyond its part.
    spent: Duration,
}

/// What was not read yet.
impl<T: Default> Default for Snapshot<T> {
    fn default() -> Self {
        Self {
            value: T::default(),
            counted: Instant::now(),
            spent: Duration::ZERO,
        }
    }
}

impl<T> Snapshot<T> {
    /// Reads it anew, unless too much time was spent with that lately. Whether it was read.
    pub(crate) fn renew(&mut self, read: impl FnOnce() -> T) -> bool {
        let begun = Instant::now();
        self.spent = self.spent.saturating_sub((begun - self.counted) / PART);
        self.counted = begun;
        if self.spent > AT_ONCE {
            return false;
        }
        self.value = read();
        self.spent += begun.elapsed();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn what_takes_too_much_time_is_not_read_again_at_once() {
        let mut snapshot = Snapshot::<u32>::default();
        assert!(snapshot.renew(|| 1));
        assert!(snapshot.renew(|| {
            sleep(AT_ONCE * 5 / 4);
            2
        }));
        assert!(!snapshot.renew(|| 3));
        assert_eq!(snapshot.value, 2);
        // A part of the time that has passed since is that of reading.
        snapshot.counted -= AT_ONCE * PART;
        assert!(snapshot.renew(|| 4));
        assert_eq!(snapshot.value, 4);
    }
}
