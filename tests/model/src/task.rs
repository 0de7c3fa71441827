// SPDX-License-Identifier: GPL-2.0

//! Somebody in the kernel who can be interrupted: a hook, or the sweep, on a stack of its own.

use crate::world::{self, Running, Wait};
use core::hash::{Hash, Hasher};
use corosensei::{stack::DefaultStack, Coroutine, CoroutineResult};
use std::cell::RefCell;

thread_local! {
    /// Stacks that are not in use: to map memory takes longer than most of what runs on them.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Somebody who runs.
pub(crate) struct Task<T: 'static> {
    /// Until it is dropped.
    coroutine: Option<Coroutine<(), Wait, T>>,
    wait: Wait,
    running: Running,
    /// How often it has gone on.
    steps: u32,
}

impl<T> Task<T> {
    /// One that will do something, on a CPU if packets keep their order there. If it
    /// `is_preemptive`, it can be preempted at each lock; otherwise never.
    pub(crate) fn new(
        run: impl FnOnce() -> T + 'static,
        cpu: Option<u32>,
        is_preemptive: bool,
    ) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop).unwrap_or_default();
        let coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            world::begin_to_run(yielder);
            run()
        });
        Self {
            coroutine: Some(coroutine),
            wait: Wait::Nothing,
            running: Running::new(cpu, is_preemptive),
            steps: 0,
        }
    }

    /// Goes on to where it is preempted, or to its end.
    pub(crate) fn resume(&mut self) -> Option<T> {
        self.steps += 1;
        if self.running.is_preemptive {
            // What it reads under a lock is there when it goes on.
            self.running.observe(world::shared_state());
        }
        world::set_running(Some(self.running));
        let result = self.coroutine.as_mut()?.resume(());
        if let Some(running) = world::set_running(None) {
            self.running = running;
        }
        match result {
            CoroutineResult::Yield(wait) => {
                self.wait = wait;
                None
            }
            CoroutineResult::Return(value) => Some(value),
        }
    }

    /// Whether it can go on.
    pub(crate) fn can_go_on(&self) -> bool {
        self.wait.is_over()
    }

    /// A number that tells how far it has gone, and what it has seen: with that, what it will do is known.
    pub(crate) fn observed(&self) -> u64 {
        let mut hasher = world::hasher();
        (self.steps, self.running.observed).hash(&mut hasher);
        hasher.finish()
    }

    /// What it has done so far.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(mut coroutine) = self.coroutine.take() {
            // SAFETY: What it leaves behind, a lock that is held at most, is put back with the rest
            // of the world.
            unsafe { coroutine.force_reset() };
            STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
        }
    }
}
