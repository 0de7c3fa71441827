// SPDX-License-Identifier: GPL-2.0

//! Work that is put off to process context, and can be called off.
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

/// What there is to do.
pub(crate) trait Work: Send + Sync + 'static {
    /// Does it, and returns in how many milliseconds it is to be done again, if at all. Process
    /// context; may sleep.
    fn run(&self) -> Option<u32>;
}

/// [`Work`] that can be asked for from any context.
///
/// # Invariants
///
/// The inner `work` is initialised and stays where it is until it was called off.
pub(crate) struct DelayedWork<T: Work>(KBox<Inner<T>>);

#[repr(C)]
struct Inner<T> {
    // The first field: `run` gets its address.
    work: Opaque<bindings::delayed_work>,
    is_due: Atomic<bool>,
    task: T,
}

// SAFETY: Work queues lock for themselves; `T` is `Send` and `Sync`.
unsafe impl<T: Work> Send for DelayedWork<T> {}
// SAFETY: As above.
unsafe impl<T: Work> Sync for DelayedWork<T> {}

impl<T: Work> DelayedWork<T> {
    /// Work that nobody has asked for yet. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(task: T) -> Result<Self> {
        let inner = KBox::new(
            Inner {
                work: Opaque::uninit(),
                is_due: Atomic::new(false),
                task,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The memory is valid for a write, and boxed.
        unsafe { bindings::hf_delayed_work_init(inner.work.get(), Some(run::<T>)) };
        // INVARIANT: It was just initialised; `drop` calls it off.
        Ok(Self(inner))
    }

    /// What is to be worked on.
    pub(crate) fn task(&self) -> &T {
        &self.0.task
    }

    /// Asks for it in so many milliseconds, unless it is due already. Any context.
    ///
    /// What the caller did before under a lock, the work that takes the same lock will see.
    pub(crate) fn ask(&self, delay: u32) {
        if !self.0.is_due.load(Relaxed) {
            self.0.is_due.store(true, Relaxed);
            // SAFETY: By the type invariant.
            unsafe { bindings::hf_delayed_work_queue(self.0.work.get(), delay) }
        }
    }

    /// Asks for it as soon as can be, whenever it was due. Any context.
    pub(crate) fn expedite(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_delayed_work_expedite(self.0.work.get()) }
    }

    /// Calls it off, and waits for it if it is being done. Nobody may ask for it meanwhile, or it
    /// may be done once more. Process context.
    pub(crate) fn call_off(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::cancel_delayed_work_sync(self.0.work.get()) };
        self.0.is_due.store(false, Relaxed);
    }
}

impl<T: Work> Drop for DelayedWork<T> {
    fn drop(&mut self) {
        self.call_off();
    }
}

/// # Safety
///
/// Only to be called by the work queue, as the function of a [`DelayedWork<T>`].
unsafe extern "C" fn run<T: Work>(work: *mut bindings::work_struct) {
    // SAFETY: This is the function of a `delayed_work`, whose first field is the `work_struct`, and
    // which is the first field of an `Inner<T>` that lives until the work was called off.
    let inner = unsafe { &*work.cast::<Inner<T>>() };
    // From here on it must be asked for anew.
    inner.is_due.store(false, Relaxed);
    if let Some(delay) = inner.task.run() {
        inner.is_due.store(true, Relaxed);
        // SAFETY: The work is initialised; it may queue itself, `cancel_delayed_work_sync()` sees to
        // that. Where it was expedited meanwhile, that holds.
        unsafe { bindings::hf_delayed_work_queue(inner.work.get(), delay) };
    }
}
