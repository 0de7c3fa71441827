// SPDX-License-Identifier: GPL-2.0
//! What the exit status says.

use std::io;
use std::process;

use crate::sysfs::NotLoaded;

/// The exit statuses of `filterctl`; 2, for a wrong command line, is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done = 0,
    /// Something failed, and stderr says what.
    Failed = 1,
    /// The module is not loaded.
    NotLoaded = 3,
}

impl Exit {
    /// The status that an error ends in. Whoever closes our pipe has read enough, so that is no failure.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<NotLoaded>() {
            Exit::NotLoaded
        } else if error.chain().any(is_broken_pipe) {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}

impl From<Exit> for process::ExitCode {
    fn from(exit: Exit) -> Self {
        process::ExitCode::from(exit as u8)
    }
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::{anyhow, Error};

    use super::*;

    #[test]
    fn every_error_has_its_status() {
        assert_eq!(Exit::of(&Error::new(NotLoaded)), Exit::NotLoaded);
        assert_eq!(Exit::of(&anyhow!("else")), Exit::Failed);
        let pipe = Error::new(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(Exit::of(&pipe.context("writing")), Exit::Done);
    }
}
