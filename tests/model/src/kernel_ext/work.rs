// SPDX-License-Identifier: GPL-2.0

//! Work in process context: the model decides when it runs, once somebody has asked for it.

use crate::world::with;
use kernel::prelude::*;

/// What the work does.
pub(crate) trait Work: Send + Sync + 'static {
    fn run(&self) -> Option<u32>;
}

/// Work that can be queued.
pub(crate) struct DelayedWork<T: Work>(KBox<T>);

impl<T: Work> DelayedWork<T> {
    pub(crate) fn new(task: T) -> Result<Self> {
        let task = KBox::new(task);
        let pointer: *const dyn Work = &*task;
        crate::world::set_work(pointer);
        Ok(Self(task))
    }

    pub(crate) fn task(&self) -> &T {
        &self.0
    }

    pub(crate) fn queue(&self, _delay: u32) {
        with(|world| world.is_sweep_due = true);
    }

    pub(crate) fn expedite(&self, _delay: u32) {
        with(|world| world.is_sweep_due = true);
    }

    pub(crate) fn cancel(&self) {
        with(|world| world.is_sweep_due = false);
    }
}

/// Gives up the CPU.
pub(crate) fn cond_resched() {}
