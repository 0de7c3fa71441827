// SPDX-License-Identifier: GPL-2.0

//! What can happen in a run.

/// One step of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// The hook gets a segment.
    Send {
        /// Its number.
        segment: u8,
        /// The CPU that receives it.
        cpu: u8,
    },
    /// A preempted hook continues, up to the next lock.
    Hook {
        /// The CPU that it runs on.
        cpu: u8,
    },
    /// TCP receives the segment that the hook has passed.
    Receive {
        /// The CPU that the hook ran on.
        cpu: u8,
        /// Whether TCP coalesces it with the segment before it in the out-of-order queue.
        coalesces: bool,
        /// What TCP does to the queue because the receive buffer is full.
        pressure: Pressure,
    },
    /// TCP discards the segment that the hook has passed.
    Lose {
        /// The CPU that the hook ran on.
        cpu: u8,
    },
    /// A process locks a socket (`lock_sock()`).
    Own {
        /// Its number.
        socket: u8,
    },
    /// The next step of `release_sock()`: the owner takes the backlog, processes one segment of it,
    /// or unlocks the socket.
    Release {
        /// Its number.
        socket: u8,
    },
    /// A process reads all that was received.
    Read {
        /// Its number.
        socket: u8,
    },
    /// A connection is closed, and another one with the same addresses and ports is requested.
    Reopen {
        /// Its number.
        flow: u8,
    },
    /// A grace period begins.
    GraceBegins,
    /// The grace period ends.
    GraceEnds,
    /// The sweep begins, or continues, up to the next lock.
    Sweep,
    /// 31 seconds pass.
    Pause,
}

/// What TCP does to its out-of-order queue before it adds a segment (`tcp_try_rmem_schedule()`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pressure {
    /// Nothing: there is room.
    None,
    /// The queue is collapsed.
    Collapse,
    /// The queue is collapsed, and its last segment dropped.
    Prune,
    /// The queue is collapsed, and all segments are dropped that do not begin before the new one.
    PruneAll,
    /// The queue is collapsed, its last segment dropped, and the new one too.
    Drop,
}
