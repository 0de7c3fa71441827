// SPDX-License-Identifier: GPL-2.0

//! Events between the hook, which records them and can neither allocate memory nor sleep, and a work,
//! which sends them.

#![forbid(unsafe_code)]

use super::record::Record;
use crate::{
    counters::Counter,
    kernel_ext::{
        cpu,
        lock::{new_spinlock_bh, SpinLockBh},
        percpu_counter,
        work::{DelayedWork, Work},
    },
};
use kernel::{new_mutex, prelude::*, sync::Mutex};

/// How many events wait on a CPU.
const LEN: usize = 256;

/// The queues of all CPUs: of fixed size, allocated beforehand. Each is used by its own CPU and by the
/// work, so that nobody waits for its lock.
pub(super) struct Queue(DelayedWork<Queues>);

type Records = KVVec<Record>;

struct Queues {
    /// Of the CPUs that were online. Any other CPU uses the last one.
    queues: KVVec<Pin<KBox<SpinLockBh<Records>>>>,
    sending: Pin<KBox<Mutex<Sending>>>,
}

/// What the work has.
struct Sending {
    /// What it takes from a CPU: each time, the two change places.
    records: Records,
    /// How many lost events were told of.
    lost_told: u64,
}

impl Queue {
    /// Empty queues. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let count = cpu::online() as usize;
        let mut queues = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            let records = Records::with_capacity(LEN, GFP_KERNEL)?;
            let queue = new_spinlock_bh!(records, "http_filter_events");
            queues
                .push_within_capacity(KBox::pin_init(queue, GFP_KERNEL)?)
                .map_err(|_| ENOMEM)?;
        }
        let sending = Sending {
            records: Records::with_capacity(LEN, GFP_KERNEL)?,
            lost_told: lost(),
        };
        Ok(Self(DelayedWork::new(Queues {
            queues,
            sending: KBox::pin_init(
                new_mutex!(sending, "http_filter_events_sending"),
                GFP_KERNEL,
            )?,
        })?))
    }

    /// Adds an event, which counts as lost if there is no room; in a softirq of `cpu`. Any context that
    /// a hook runs in.
    pub(super) fn push(&self, cpu: Option<u32>, record: Record) {
        let queues = &self.0.task().queues;
        let own = cpu.and_then(|cpu| queues.get(cpu as usize));
        let Some(queue) = own.or(queues.last()) else {
            return;
        };
        if queue.lock().push_within_capacity(record).is_err() {
            Counter::EventsLost.count();
        }
        self.0.queue(0);
    }

    /// Sends what there is, now. Process context; may sleep.
    pub(super) fn send(&self) {
        self.0.task().run();
    }

    /// The same where nobody adds anything meanwhile: nothing is sent afterwards. Process context; may
    /// sleep.
    pub(super) fn stop(&self) {
        self.0.cancel();
        self.send();
    }
}

/// How many events were lost since the module was loaded.
fn lost() -> u64 {
    percpu_counter::sum(Counter::EventsLost as usize)
}

impl Work for Queues {
    fn run(&self) -> Option<u32> {
        let mut sending = self.sending.lock();
        let Sending { records, lost_told } = &mut *sending;
        for queue in self.queues.iter() {
            core::mem::swap(&mut *queue.lock(), records);
            for record in records.iter() {
                let lost = lost();
                match record.send(lost.wrapping_sub(*lost_told)) {
                    Ok(()) => *lost_told = lost,
                    Err(_) => Counter::EventsLost.count(),
                }
            }
            records.truncate(0);
        }
        None
    }
}
