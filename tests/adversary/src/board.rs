// SPDX-License-Identifier: GPL-2.0
//! What the server's kernel has answered to each connection, whichever thread has read the answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::packet::Reply;

/// How many connections may be open at once.
pub(crate) const CAPACITY: usize = 16_384;

/// What is known of a connection from the server's segments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    serial: u32,
    /// The thread that is to be woken for it.
    pub(crate) home: usize,
    /// The sequence number of its SYN-ACK.
    pub(crate) initial: Option<u32>,
    /// The highest acknowledgement.
    pub(crate) acknowledged: u32,
    /// The receive window behind that, in bytes.
    pub(crate) window: u32,
    window_shift: u8,
    pub(crate) timestamp: u32,
}

/// All open connections.
pub(crate) struct Board(Vec<Mutex<Seen>>);

impl Board {
    pub(crate) fn new() -> Self {
        Self((0..CAPACITY).map(|_| Mutex::default()).collect())
    }

    /// Begins with a connection that nothing was answered to.
    pub(crate) fn open(&self, serial: u32, home: usize, initial: u32) {
        *self.slot(serial) = Seen {
            serial,
            home,
            acknowledged: initial,
            ..Seen::default()
        };
    }

    pub(crate) fn get(&self, serial: u32) -> Seen {
        *self.slot(serial)
    }

    pub(crate) fn move_home(&self, serial: u32, home: usize) {
        self.slot(serial).home = home;
    }

    /// Writes an answer down; returns the thread to wake, unless nobody waits for the connection.
    pub(crate) fn note(&self, serial: u32, reply: &Reply) -> Option<usize> {
        let mut seen = self.slot(serial);
        if seen.serial != serial || reply.rst {
            return None;
        }
        if reply.syn {
            seen.initial = Some(reply.seq);
            seen.window_shift = reply.window_shift;
        }
        if reply.ack.wrapping_sub(seen.acknowledged) as i32 >= 0 {
            seen.acknowledged = reply.ack;
            // That of a SYN-ACK is never scaled.
            let shift = if reply.syn { 0 } else { seen.window_shift };
            seen.window = u32::from(reply.window) << shift;
        }
        seen.timestamp = reply.timestamp;
        Some(seen.home)
    }

    fn slot(&self, serial: u32) -> MutexGuard<'_, Seen> {
        self.0[serial as usize % CAPACITY]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
