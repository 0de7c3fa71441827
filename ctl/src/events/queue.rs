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
        let receive = move || {
            let message = listener.receive()?;
            message.as_ref().map(Event::read).transpose()
        };
        thread::spawn(move || fill(receive, &sender));
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

/// Receives events until there will be no more, and counts those that are lost.
fn fill(mut receive: impl FnMut() -> Result<Option<Event>>, queue: &SyncSender<Item>) {
    let mut lost = 0_u64;
    loop {
        let mut event = match receive() {
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

#[cfg(test)]
mod tests {
    use super::super::{EndReason, Ended, What};
    use super::*;
    use crate::sysfs::NotLoaded;

    /// An event before which the module has lost some.
    fn event(lost: u64) -> Event {
        let end = Ended {
            reason: EndReason::Closed,
            duration: 0,
            segments: 1,
        };
        let any = "192.0.2.1:80".parse().unwrap();
        Event {
            lost,
            time: 0,
            flow_id: 0,
            netns: 0,
            peer: any,
            local: any,
            what: What::Ended(end),
        }
    }

    #[test]
    fn what_is_lost_anywhere_is_told_with_the_next_event() {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (mut step, mut told) = (0, Vec::new());
        let mut take = || match receiver.recv().unwrap() {
            Item::Event(event) => told.push(event.lost),
            Item::Failed(_) | Item::Interrupted => panic!("an event"),
        };
        let receive = || {
            step += 1;
            Ok(match step {
                1 => None,
                2 => Some(event(2)),
                // For these there is no room.
                3 => Some(event(4)),
                4 => Some(event(0)),
                5 => {
                    take();
                    Some(event(0))
                }
                6 => {
                    take();
                    Some(event(0))
                }
                _ => {
                    take();
                    return Err(NotLoaded.into());
                }
            })
        };
        fill(receive, &sender);
        assert!(matches!(receiver.recv(), Ok(Item::Failed(error)) if error.is::<NotLoaded>()));
        assert_eq!(told, [3, 6, 0]);
    }
}
