// SPDX-License-Identifier: GPL-2.0

//! Errors.

use core::convert::Infallible;

/// An error of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(i32);

/// A [`core::result::Result`] with an [`Error`].
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The errors by their names in C.
#[allow(missing_docs)]
pub mod code {
    use super::Error;

    pub const ENOMEM: Error = Error(-12);
    pub const EINVAL: Error = Error(-22);
}
