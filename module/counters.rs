// SPDX-License-Identifier: GPL-2.0

//! What is counted, and under which names.

#![forbid(unsafe_code)]

use crate::kernel_ext::{bindings, percpu_counter};
use classifier::Method;
use kernel::{
    prelude::*,
    sync::atomic::{ordering::Relaxed, Atomic},
};

/// What is counted, but for methods; see the header in `uapi/`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Connections that began with an HTTP/1 request.
    Requests,
    /// ... with the preface of HTTP/2.
    H2c,
    /// ... with a request of HTTP/0.9.
    Http09,
    /// ... with an answer.
    Responses,
    /// Connections that were dropped or rejected.
    Blocked,
    /// Connections that were monitored.
    Monitored,
    /// Connections that a rule allowed.
    Allowed,
    /// Segments whose payload was looked at.
    Inspected,
    /// Segments dropped.
    Dropped,
    /// Segments dropped for their sender to retransmit: their effect on an undecided stream was not known.
    Deferred,
    /// The same, because there was no free slot, or because they belong to a second subflow or device.
    Refused,
    /// Undecided connections that were aborted.
    Evicted,
    /// Segments whose headers could not be read.
    Malformed,
    /// Segments passed without a verdict.
    Uninspectable,
    /// Events for which there was no room.
    EventsLost,
}

impl Counter {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 15] = [
        Self::Requests,
        Self::H2c,
        Self::Http09,
        Self::Responses,
        Self::Blocked,
        Self::Monitored,
        Self::Allowed,
        Self::Inspected,
        Self::Dropped,
        Self::Deferred,
        Self::Refused,
        Self::Evicted,
        Self::Malformed,
        Self::Uninspectable,
        Self::EventsLost,
    ];

    /// Its file's name.
    pub(crate) fn name(self) -> &'static CStr {
        match self {
            Self::Requests => bindings::HTTP_FILTER_STAT_REQUESTS,
            Self::H2c => bindings::HTTP_FILTER_STAT_H2C,
            Self::Http09 => bindings::HTTP_FILTER_STAT_HTTP09,
            Self::Responses => bindings::HTTP_FILTER_STAT_RESPONSES,
            Self::Blocked => bindings::HTTP_FILTER_STAT_BLOCKED,
            Self::Monitored => bindings::HTTP_FILTER_STAT_MONITORED,
            Self::Inspected => bindings::HTTP_FILTER_STAT_INSPECTED,
            Self::Dropped => bindings::HTTP_FILTER_STAT_DROPPED,
            Self::Deferred => bindings::HTTP_FILTER_STAT_DEFERRED,
            Self::Refused => bindings::HTTP_FILTER_STAT_REFUSED,
            Self::Allowed => bindings::HTTP_FILTER_STAT_ALLOWED,
            Self::Evicted => bindings::HTTP_FILTER_STAT_EVICTED,
            Self::Malformed => bindings::HTTP_FILTER_STAT_MALFORMED,
            Self::Uninspectable => bindings::HTTP_FILTER_STAT_UNINSPECTABLE,
            Self::EventsLost => bindings::HTTP_FILTER_STAT_EVENTS_LOST,
        }
    }

    /// Adds one. Any context.
    #[inline]
    pub(crate) fn count(self) {
        percpu_counter::count(self as usize);
    }
}

/// Adds one request of `method`. Any context.
pub(crate) fn count_method(method: Method) {
    percpu_counter::count(method_index(method));
}

fn method_index(method: Method) -> usize {
    Counter::ALL.len().wrapping_add(method as usize)
}

// Both kinds fit.
static_assert!(Counter::ALL.len() + Method::ALL.len() <= percpu_counter::COUNTERS);

/// The counters as they are shown: since the last reset.
///
/// A reset notes the sums instead of clearing what other CPUs are adding to.
pub(crate) struct Counters {
    at_reset: [Atomic<u64>; percpu_counter::COUNTERS],
}

impl Counters {
    /// All at zero, whatever was counted before.
    pub(crate) fn new() -> Self {
        Self {
            at_reset: core::array::from_fn(|index| Atomic::new(percpu_counter::sum(index))),
        }
    }

    /// The value of `counter`.
    pub(crate) fn value(&self, counter: Counter) -> u64 {
        self.since_reset(counter as usize)
    }

    /// The requests of `method`.
    pub(crate) fn method(&self, method: Method) -> u64 {
        self.since_reset(method_index(method))
    }

    /// Sets all to zero.
    pub(crate) fn reset(&self) {
        for (index, at_reset) in self.at_reset.iter().enumerate() {
            at_reset.store(percpu_counter::sum(index), Relaxed);
        }
    }

    fn since_reset(&self, index: usize) -> u64 {
        let at_reset = self.at_reset.get(index).map_or(0, |sum| sum.load(Relaxed));
        percpu_counter::sum(index).saturating_sub(at_reset)
    }
}
