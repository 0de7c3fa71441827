// SPDX-License-Identifier: GPL-2.0

//! A hook or a sweep: a coroutine on a stack of its own, which can be preempted.

use crate::world::{self, Running, Wait};
use core::hash::{Hash, Hasher};
use corosensei::{stack::DefaultStack, Coroutine, CoroutineResult};
use std::cell::RefCell;

thread_local! {
    /// Stacks that are not in use: to map memory takes longer than most of what runs on them.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Code of the module that runs, or is preempted.
pub(crate) struct Task<T: 'static> {
    /// Until it is dropped.
    coroutine: Option<Coroutine<(), Wait, T>>,
    wait: Wait,
    running: Running,
    /// How often it was resumed.
    steps: u32,
}

impl<T> Task<T> {
    /// A task that has not begun; `cpu` is `None` where packets of a CPU do not keep their order. If it
    /// `is_preemptive`, it is preempted at each lock; otherwise never.
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

    /// Runs it until it is preempted, or ends.
    pub(crate) fn resume(&mut self) -> Option<T> {
        self.steps += 1;
        if self.running.is_preemptive {
            // What it reads under a lock is known once it continues.
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

    /// Whether it can continue.
    pub(crate) fn can_go_on(&self) -> bool {
        self.wait.is_over()
    }

    /// A hash of how far it has run, and what it has observed, which determine what it will do.
    pub(crate) fn observed(&self) -> u64 {
        let mut hasher = world::hasher();
        (self.steps, self.running.observed).hash(&mut hasher);
        hasher.finish()
    }

    /// What is known of it so far.
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
