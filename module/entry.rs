// SPDX-License-Identifier: GPL-2.0

//! What is known of one stream whose start is undecided.

use crate::{
    kernel_ext::{
        rcu::Moment,
        socket::{Flow, Start},
    },
    stream::Budget,
    trajectory::Trajectory,
};
use classifier::Classifier;
use kernel::prelude::*;

/// Evidence for whether packets that were let through have reached TCP.
#[derive(Clone, Copy)]
pub(crate) struct Passage {
    /// When the last of them passed.
    moment: Moment,
    /// The CPU that all of them passed on, one after the other; or [`Passage::SEVERAL`].
    cpu: u16,
}

impl Passage {
    const SEVERAL: u16 = u16::MAX;

    /// A packet passes now, on `cpu` if that keeps their order ([`serial_cpu`]).
    ///
    /// [`serial_cpu`]: crate::kernel_ext::socket::serial_cpu
    pub(crate) fn now(cpu: Option<u32>) -> Self {
        Self {
            moment: Moment::now(),
            cpu: cpu.map_or(Self::SEVERAL, |cpu| {
                u16::try_from(cpu).unwrap_or(Self::SEVERAL)
            }),
        }
    }

    /// One more passes, while the others may still be on their way.
    pub(crate) fn and_now(self, cpu: Option<u32>) -> Self {
        let now = Self::now(cpu);
        if now.cpu == self.cpu {
            now
        } else {
            Self::now(None)
        }
    }

    /// Sees to it that what is under way has arrived when a segment comes again. Any context that a hook
    /// runs in.
    pub(crate) fn hurry(self) {
        self.moment.hurry();
    }

    /// Whether all of them have reached TCP, as seen by a packet on `cpu`: those that passed on the
    /// same CPU did before this one came; the others have if a grace period is over, since bottom
    /// halves are off, or RCU is held, from the hook to the socket.
    pub(crate) fn is_over(self, cpu: Option<u32>) -> bool {
        cpu.is_some_and(|cpu| self.cpu != Self::SEVERAL && u32::from(self.cpu) == cpu)
            || self.moment.has_passed()
    }
}

/// A stream whose start is undecided, or was when its last packet passed.
///
/// All that was let through and TCP may yet take is accounted for in `trajectory`: wherever the socket
/// comes to stand, the automaton's state there is told by it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Undecided {
    flow: Flow,
    moment: Moment,
    start: Start,
    end: u32,
    trajectory: Trajectory,
    since: u16,
    cpu: u16,
    walked: u16,
    /// When that was so, in seconds of uptime, the low byte.
    walked_at: u8,
    flags: u8,
}

static_assert!(core::mem::size_of::<Undecided>() <= 128);

/// The greatest age, in seconds.
const OLD: u16 = u16::MAX / 2;

/// Segments ahead of the position may be on their way, or in the out-of-order queue.
const AHEAD: u8 = 1 << 0;
/// A segment with an urgent pointer may be on its way.
const URGENT: u8 = 1 << 1;
/// Its connection is to be ended.
const ENDING: u8 = 1 << 2;

impl Undecided {
    /// A place that holds nothing.
    pub(crate) const FREE: Self = Self {
        flow: Flow::NONE,
        moment: Moment::NEVER,
        start: Start {
            received: 0,
            sent: 0,
        },
        end: 0,
        trajectory: Trajectory::NONE,
        since: 0,
        cpu: 0,
        walked: 0,
        walked_at: 0,
        flags: 0,
    };

    /// A stream that stands at `here`, as of `since`, in seconds of uptime. `passage` is what is
    /// under way besides.
    pub(crate) fn new(
        flow: Flow,
        start: Start,
        here: Classifier,
        since: u32,
        passage: Passage,
    ) -> Self {
        let mut new = Self {
            flow,
            start,
            since: since as u16,
            ..Self::FREE
        };
        new.settle(Trajectory::NONE.restarted(here), here.offset());
        new.set_passage(passage);
        new
    }

    pub(crate) fn is_free(&self) -> bool {
        self.trajectory.is_none()
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Another device by which its packets come.
    pub(crate) fn set_flow(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// Where its connection begins.
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Offset behind the last byte that was let through without a gap.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// For how many seconds it has been so, at `now`.
    pub(crate) fn age(&self, now: u32) -> u16 {
        (now as u16).wrapping_sub(self.since)
    }

    /// Keeps the age of one that is very old from beginning anew; to be called every few hours.
    pub(crate) fn keep_age(&mut self, now: u32) {
        if self.age(now) > OLD {
            self.set_old(now);
        }
    }

    fn set_old(&mut self, now: u32) {
        self.since = (now as u16).wrapping_sub(OLD);
    }

    /// The states that its socket may come to.
    pub(crate) fn trajectory(&self) -> &Trajectory {
        &self.trajectory
    }

    /// The same, to add to it.
    pub(crate) fn trajectory_mut(&mut self) -> &mut Trajectory {
        &mut self.trajectory
    }

    /// Whether it must be kept as long as its socket may stand within it. Otherwise all it tells is
    /// what is under way: the state at the beginning needs no memory.
    pub(crate) fn is_needed(&self) -> bool {
        self.trajectory.is_undecided()
    }

    /// Takes note of where the socket may come to stand, and of the offset behind what was let through.
    pub(crate) fn settle(&mut self, trajectory: Trajectory, end: u32) {
        self.trajectory = trajectory;
        self.end = end;
    }

    /// Nothing is known of its stream but that the socket has received nothing.
    pub(crate) fn rest(&mut self) {
        self.settle(Trajectory::NONE.restarted(Classifier::new()), 0);
    }

    /// Moves [`Self::end`] on.
    pub(crate) fn extend(&mut self, end: u32) {
        self.end = end;
    }

    pub(crate) fn passage(&self) -> Passage {
        Passage {
            moment: self.moment,
            cpu: self.cpu,
        }
    }

    pub(crate) fn set_passage(&mut self, passage: Passage) {
        (self.moment, self.cpu) = (passage.moment, passage.cpu);
    }

    pub(crate) fn is_ahead(&self) -> bool {
        self.flags & AHEAD != 0
    }

    pub(crate) fn set_ahead(&mut self, ahead: bool) {
        self.set(AHEAD, ahead);
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.flags & URGENT != 0
    }

    pub(crate) fn set_urgent(&mut self, urgent: bool) {
        self.set(URGENT, urgent);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.flags & ENDING != 0
    }

    pub(crate) fn set_ending(&mut self) {
        self.set(ENDING, true);
    }

    /// It can't be ended now: it counts as the oldest, so that others are ended before it is tried again.
    pub(crate) fn postpone_ending(&mut self, now: u32) {
        self.set(ENDING, false);
        self.set_old(now);
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on {
            self.flags | flag
        } else {
            self.flags & !flag
        };
    }

    /// What reading of the queue behind its gap it may cause now, in seconds of uptime.
    pub(crate) fn budget(&self, now: u32) -> Budget {
        // After more than four minutes it may get less back than it could.
        let elapsed = (now as u8).wrapping_sub(self.walked_at);
        Budget::new(self.walked).refilled(elapsed)
    }

    /// Whether some of that is used up.
    pub(crate) fn is_spent(&self, now: u32) -> bool {
        self.budget(now).used() != 0
    }

    /// What of it is left.
    pub(crate) fn set_budget(&mut self, budget: &Budget, now: u32) {
        self.walked = budget.used();
        self.walked_at = now as u8;
    }
}
