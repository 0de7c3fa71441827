// SPDX-License-Identifier: GPL-2.0
//! The server's side of each connection, as its kernel's segments tell it. Any thread may read
//! these.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::packet::Reply;

/// How many connections may be open at once.
pub(crate) const CAPACITY: usize = 16_384;

/// The state of one connection at the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerState {
    serial: u32,
    /// The worker that runs the connection, and is woken for a reply.
    pub(crate) worker: usize,
    /// The sequence number of its SYN-ACK.
    pub(crate) initial: Option<u32>,
    /// The highest acknowledgement.
    pub(crate) acknowledged: u32,
    /// The receive window behind that, in bytes.
    pub(crate) window: u32,
    window_shift: u8,
    pub(crate) timestamp: u32,
}

/// The states of all open connections.
pub(crate) struct PeerStates(Vec<Mutex<PeerState>>);

impl PeerStates {
    pub(crate) fn new() -> Self {
        Self((0..CAPACITY).map(|_| Mutex::default()).collect())
    }

    /// Adds a connection, before any reply.
    pub(crate) fn open(&self, serial: u32, worker: usize, initial: u32) {
        *self.slot(serial) = PeerState {
            serial,
            worker,
            acknowledged: initial,
            ..PeerState::default()
        };
    }

    pub(crate) fn get(&self, serial: u32) -> PeerState {
        *self.slot(serial)
    }

    pub(crate) fn set_worker(&self, serial: u32, worker: usize) {
        self.slot(serial).worker = worker;
    }

    /// Updates the state with a reply; returns the worker to wake, unless the connection is closed.
    pub(crate) fn update(&self, serial: u32, reply: &Reply) -> Option<usize> {
        let mut state = self.slot(serial);
        if state.serial != serial || reply.rst {
            return None;
        }
        if reply.syn {
            state.initial = Some(reply.seq);
            state.window_shift = reply.window_shift;
        }
        if reply.ack.wrapping_sub(state.acknowledged) as i32 >= 0 {
            state.acknowledged = reply.ack;
            // That of a SYN-ACK is never scaled.
            let shift = if reply.syn { 0 } else { state.window_shift };
            state.window = u32::from(reply.window) << shift;
        }
        state.timestamp = reply.timestamp;
        Some(state.worker)
    }

    fn slot(&self, serial: u32) -> MutexGuard<'_, PeerState> {
        self.0[serial as usize % CAPACITY]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
