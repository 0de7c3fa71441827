// SPDX-License-Identifier: GPL-2.0
//! Ending connections, but SSH's only if that is asked for.

use std::io;
use std::rc::Rc;

use super::Connection;
use crate::sock_diag::{SockDiag, TcpSocket};

/// What becomes of a connection that was selected to be ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is to be ended.
    WouldEnd,
    Ended,
    /// It has ended by itself.
    Gone,
    /// It is SSH's, or may be.
    Kept,
    /// It could not be ended, for this reason.
    Failed(String),
}

impl Outcome {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Outcome::WouldEnd => "would end",
            Outcome::Ended => "ended",
            Outcome::Gone => "gone",
            Outcome::Kept => "kept",
            Outcome::Failed(_) => "failed",
        }
    }

    /// Why it failed.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Failed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<io::Result<()>> for Outcome {
    fn from(done: io::Result<()>) -> Self {
        match done {
            Ok(()) => Outcome::Ended,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => Outcome::Gone,
                io::ErrorKind::PermissionDenied => {
                    Outcome::Failed(format!("{error}: it takes root and CAP_NET_ADMIN"))
                }
                _ => Outcome::Failed(error.to_string()),
            },
        }
    }
}

/// Tells which connections are to be ended, and which are kept.
pub(crate) fn plan(connections: &mut [Connection], and_ssh: bool) {
    for connection in connections {
        connection.outcome = Some(match connection.is_ssh {
            Some(false) => Outcome::WouldEnd,
            Some(true) | None if and_ssh => Outcome::WouldEnd,
            Some(true) | None => Outcome::Kept,
        });
    }
}

/// Ends those that are to be ended. The ones of a network namespace have to follow each other.
pub(crate) fn end(connections: &mut [Connection]) {
    for together in connections.chunk_by_mut(|one, next| one.netns == next.netns) {
        let planned = together
            .iter_mut()
            .filter(|connection| matches!(connection.outcome, Some(Outcome::WouldEnd)));
        let mut planned: Vec<&mut Connection> = planned.collect();
        let Some(netns) = planned.first().map(|first| Rc::clone(&first.netns)) else {
            continue;
        };
        let sockets: Vec<&TcpSocket> = planned.iter().map(|planned| &planned.socket).collect();
        let done = netns.enter(|| {
            let kernel = SockDiag::open()?;
            let done = sockets.iter().map(|socket| kernel.destroy(socket).into());
            Ok(done.collect::<Vec<Outcome>>())
        });
        let outcomes = done.unwrap_or_else(|error| {
            let failed = || Outcome::Failed(format!("network namespace {netns}: {error}"));
            planned.iter().map(|_| failed()).collect()
        });
        for (connection, outcome) in planned.iter_mut().zip(outcomes) {
            connection.outcome = Some(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn what_has_ended_meanwhile_is_no_failure() {
        let outcome = |errno: Errno| Outcome::from(Err(errno.into()));
        assert!(matches!(outcome(Errno::ENOENT), Outcome::Gone));
        assert!(matches!(Outcome::from(Ok(())), Outcome::Ended));
        let failed = outcome(Errno::EPERM);
        assert!(failed.reason().unwrap().contains("CAP_NET_ADMIN"));
    }
}
