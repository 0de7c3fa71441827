// SPDX-License-Identifier: GPL-2.0
//! Events that were received and are not told yet, and how many were lost meanwhile.

use anyhow::Result;

use super::Event;
use crate::genetlink::Listener;
use crate::queue::{Entrance, Queue};

/// How many events wait at most.
const LENGTH: usize = 16 << 10;

/// Begins to receive events. Ctrl-C interrupts from now on the waiting for them, and not the program.
pub(crate) fn queue(listener: Listener) -> Result<Queue<Box<Event>>> {
    let receive = move || {
        let message = listener.receive()?;
        message.as_ref().map(Event::read).transpose()
    };
    Queue::new(LENGTH, move |entrance| fill(receive, entrance))
}

/// Receives events until there will be no more, and counts those that are lost.
fn fill(mut receive: impl FnMut() -> Result<Option<Event>>, queue: &Entrance<Box<Event>>) {
    let mut lost = 0_u64;
    loop {
        let mut event = match receive() {
            Ok(Some(event)) => event,
            Ok(None) => {
                lost += 1;
                continue;
            }
            Err(error) => return queue.fail(error),
        };
        event.lost = lost.saturating_add(event.lost);
        lost = event.lost;
        lost = match queue.offer(Box::new(event)) {
            Ok(()) => 0,
            Err(_) => lost.saturating_add(1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EndReason, Ended, What};
    use super::*;
    use crate::queue::{channel, Item};
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
        let (entrance, receiver) = channel::<Box<Event>>(1);
        let (mut step, mut told) = (0, Vec::new());
        let mut take = || match receiver.recv().unwrap() {
            Item::Received(event) => told.push(event.lost),
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
        fill(receive, &entrance);
        assert!(matches!(receiver.recv(), Ok(Item::Failed(error)) if error.is::<NotLoaded>()));
        assert_eq!(told, [3, 6, 0]);
    }
}
