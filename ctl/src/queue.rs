// SPDX-License-Identifier: GPL-2.0
//! What was received and is not told yet. A thread of its own receives it, so that little is missed while something is
//! looked into or written; Ctrl-C ends the waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Error, Result};

/// What waits, in order.
pub(crate) struct Queue<T> {
    receiver: Receiver<Item<T>>,
    interrupted: Arc<AtomicBool>,
}

pub(crate) enum Item<T> {
    Received(T),
    /// There will be no more.
    Failed(Error),
    Interrupted,
}

/// What comes of waiting.
pub(crate) enum Waited<T> {
    Received(T),
    /// Ctrl-C.
    Interrupted,
    /// It took too long.
    Late,
}

/// The end at which things are put in.
pub(crate) struct Entrance<T>(SyncSender<Item<T>>);

/// Both ends of a queue in which at most so many things wait.
pub(crate) fn channel<T>(length: usize) -> (Entrance<T>, Receiver<Item<T>>) {
    let (sender, receiver) = mpsc::sync_channel(length);
    (Entrance(sender), receiver)
}

impl<T> Entrance<T> {
    /// Puts something in, if there is room.
    pub(crate) fn offer(&self, thing: T) -> Result<(), TrySendError<()>> {
        let done = self.0.try_send(Item::Received(thing));
        done.map_err(|error| match error {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Disconnected(_) => TrySendError::Disconnected(()),
        })
    }

    /// Puts something in, as soon as there is room. False, if nobody wants it.
    pub(crate) fn put(&self, thing: T) -> bool {
        self.0.send(Item::Received(thing)).is_ok()
    }

    /// Tells that there will be no more, and why.
    pub(crate) fn fail(&self, error: Error) {
        // If nobody wants to know, the program ends.
        let _ = self.0.send(Item::Failed(error));
    }
}

impl<T: Send + 'static> Queue<T> {
    /// Begins to receive. Ctrl-C interrupts from now on the waiting, and not the program.
    pub(crate) fn new(
        length: usize,
        receive: impl FnOnce(&Entrance<T>) + Send + 'static,
    ) -> Result<Self> {
        let (entrance, receiver) = channel(length);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (flag, waker) = (Arc::clone(&interrupted), entrance.0.clone());
        ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            // If there is no room, nobody is waiting.
            let _ = waker.try_send(Item::Interrupted);
        })?;
        thread::spawn(move || receive(&entrance));
        Ok(Self {
            receiver,
            interrupted,
        })
    }

    /// Waits for the next thing, for ever, or until a certain time.
    ///
    /// # Errors
    ///
    /// The one for which there will be no more.
    pub(crate) fn next(&self, until: Option<Instant>) -> Result<Waited<T>> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Ok(Waited::Interrupted);
        }
        let item = match until {
            None => self.receiver.recv().map_err(RecvTimeoutError::from),
            Some(until) => match until.checked_duration_since(Instant::now()) {
                Some(rest) => self.receiver.recv_timeout(rest),
                None => return Ok(Waited::Late),
            },
        };
        Self::waited(item)
    }

    /// What is there already.
    ///
    /// # Errors
    ///
    /// As [`Queue::next`].
    pub(crate) fn ready(&self) -> Result<Option<T>> {
        let item = self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        });
        Ok(match Self::waited(item)? {
            Waited::Received(thing) => Some(thing),
            Waited::Interrupted | Waited::Late => None,
        })
    }

    fn waited(item: Result<Item<T>, RecvTimeoutError>) -> Result<Waited<T>> {
        match item {
            Ok(Item::Received(thing)) => Ok(Waited::Received(thing)),
            Ok(Item::Failed(error)) => Err(error),
            Ok(Item::Interrupted) => Ok(Waited::Interrupted),
            Err(RecvTimeoutError::Timeout) => Ok(Waited::Late),
            // The handler keeps a sender.
            Err(error @ RecvTimeoutError::Disconnected) => Err(error.into()),
        }
    }
}
