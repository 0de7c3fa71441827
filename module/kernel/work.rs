// SPDX-License-Identifier: GPL-2.0

//! Work that is queued to run in process context, and can be cancelled.
//!
//! `kernel::workqueue` has none that can: a module could be unloaded under it.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::bindings;
use kernel::{
    prelude::*,
    sync::atomic::{ordering::Relaxed, Atomic},
    types::Opaque,
};

/// What the work does.
pub(crate) trait Work: Send + Sync + 'static {
    /// Runs, and returns after how many milliseconds it is to run again, if at all. Process
    /// context; may sleep.
    fn run(&self) -> Option<u32>;
}

/// [`Work`] that can be queued from any context.
///
/// # Invariants
///
/// The inner `work` is initialised and is pinned until it has been cancelled.
pub(crate) struct DelayedWork<T: Work>(KBox<Inner<T>>);

#[repr(C)]
struct Inner<T> {
    // The first field: `run` gets its address.
    work: Opaque<bindings::delayed_work>,
    is_queued: Atomic<bool>,
    is_expedited: Atomic<bool>,
    task: T,
}

// SAFETY: Work queues lock for themselves; `T` is `Send` and `Sync`.
unsafe impl<T: Work> Send for DelayedWork<T> {}
// SAFETY: As above.
unsafe impl<T: Work> Sync for DelayedWork<T> {}

impl<T: Work> DelayedWork<T> {
    /// Work that is not queued yet. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(task: T) -> Result<Self> {
        let inner = KBox::new(
            Inner {
                work: Opaque::uninit(),
                is_queued: Atomic::new(false),
                is_expedited: Atomic::new(false),
                task,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The memory is valid for a write, and boxed.
        unsafe { bindings::hf_delayed_work_init(inner.work.get(), Some(run::<T>)) };
        // INVARIANT: It was just initialised; `drop` cancels it.
        Ok(Self(inner))
    }

    /// The data of the work.
    #[inline]
    pub(crate) fn task(&self) -> &T {
        &self.0.task
    }

    /// Queues it to run after `delay` milliseconds, unless it is queued already. Any context.
    ///
    /// The work sees what the caller did before under a lock, if it takes the same lock.
    pub(crate) fn queue(&self, delay: u32) {
        if !self.0.is_queued.load(Relaxed) {
            self.0.is_queued.store(true, Relaxed);
            // SAFETY: By the type invariant.
            unsafe { bindings::hf_delayed_work_queue(self.0.work.get(), delay) }
        }
    }

    /// Queues it to run after `delay` milliseconds at the latest, even if it is queued already. Any
    /// context.
    pub(crate) fn expedite(&self, delay: u32) {
        if !self.0.is_expedited.load(Relaxed) {
            self.0.is_expedited.store(true, Relaxed);
            // SAFETY: By the type invariant.
            unsafe { bindings::hf_delayed_work_expedite(self.0.work.get(), delay) }
        }
    }

    /// Cancels it, and waits for it if it is running. If somebody queues it meanwhile, it may run
    /// once more. Process context.
    pub(crate) fn cancel(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::cancel_delayed_work_sync(self.0.work.get()) };
        self.0.is_queued.store(false, Relaxed);
        self.0.is_expedited.store(false, Relaxed);
    }
}

/// Gives up the CPU if others wait for it. Process context; may sleep.
pub(crate) fn cond_resched() {
    // SAFETY: An FFI call without requirements but the context.
    unsafe { bindings::hf_cond_resched() }
}

impl<T: Work> Drop for DelayedWork<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// # Safety
///
/// Only to be called by the work queue, as the function of a [`DelayedWork<T>`].
unsafe extern "C" fn run<T: Work>(work: *mut bindings::work_struct) {
    // SAFETY: This is the function of a `delayed_work`, whose first field is the `work_struct`, and
    // which is the first field of an `Inner<T>` that lives until the work has been cancelled.
    let inner = unsafe { &*work.cast::<Inner<T>>() };
    // From here on it can be queued again.
    inner.is_queued.store(false, Relaxed);
    inner.is_expedited.store(false, Relaxed);
    if let Some(delay) = inner.task.run() {
        inner.is_queued.store(true, Relaxed);
        // SAFETY: The work is initialised; it may queue itself, `cancel_delayed_work_sync()` sees
        // to that. Where it was expedited meanwhile, that holds.
        unsafe { bindings::hf_delayed_work_queue(inner.work.get(), delay) };
    }
}
