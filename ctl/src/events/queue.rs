// SPDX-License-Identifier: GPL-2.0
//! Events that were received and are not told yet. A thread of its own receives them, so that none is
//! missed while one is looked into.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Error, Result};

use super::Event;
use crate::genetlink::Listener;

/// How many events wait at most.
const LENGTH: usize = 16 << 10;

/// The events, in order.
pub(crate) struct Queue {
    receiver: Receiver<Item>,
    interrupted: Arc<AtomicBool>,
}

enum Item {
    Event(Box<Event>),
    /// There will be no more.
    Failed(Error),
    Interrupted,
}

/// What comes of waiting for an event.
pub(crate) enum Received {
    Event(Box<Event>),
    /// Ctrl-C.
    Interrupted,
    /// It took too long.
    Late,
}

impl Queue {
    /// Begins to receive. Ctrl-C interrupts from now on the waiting, and not the program.
    pub(crate) fn new(listener: Listener) -> Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(LENGTH);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (flag, waker) = (Arc::clone(&interrupted), sender.clone());
        ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            // If there is no room, nobody is waiting.
            let _ = waker.try_send(Item::Interrupted);
        })?;
        thread::spawn(move || fill(&listener, &sender));
        Ok(Self {
            receiver,
            interrupted,
        })
    }

    /// Waits for an event, for ever, or until a certain time.
    ///
    /// # Errors
    ///
    /// As [`Listener::receive`].
    pub(crate) fn next(&self, until: Option<Instant>) -> Result<Received> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Ok(Received::Interrupted);
        }
        let item = match until {
            None => self.receiver.recv().map_err(RecvTimeoutError::from),
            Some(until) => match until.checked_duration_since(Instant::now()) {
                Some(rest) => self.receiver.recv_timeout(rest),
                None => return Ok(Received::Late),
            },
        };
        match item {
            Ok(Item::Event(event)) => Ok(Received::Event(event)),
            Ok(Item::Failed(error)) => Err(error),
            Ok(Item::Interrupted) => Ok(Received::Interrupted),
            Err(RecvTimeoutError::Timeout) => Ok(Received::Late),
            // The handler keeps a sender.
            Err(error @ RecvTimeoutError::Disconnected) => Err(error.into()),
        }
    }
}

/// Receives events until there will be no more.
fn fill(listener: &Listener, queue: &SyncSender<Item>) {
    let mut lost = 0_u64;
    loop {
        let received = listener.receive();
        let read = received.and_then(|message| message.as_ref().map(Event::read).transpose());
        let mut event = match read {
            Ok(Some(event)) => event,
            Ok(None) => {
                lost += 1;
                continue;
            }
            Err(error) => {
                // If nobody wants to know, the program ends.
                let _ = queue.send(Item::Failed(error));
                return;
            }
        };
        event.lost = lost.saturating_add(event.lost);
        lost = event.lost;
        lost = match queue.try_send(Item::Event(Box::new(event))) {
            Ok(()) => 0,
            Err(_) => lost.saturating_add(1),
        };
    }
}
