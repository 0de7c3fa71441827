// SPDX-License-Identifier: GPL-2.0

//! Errors (`rust/kernel/error.rs`).

use crate::{bindings, ffi::c_int};
use core::{convert::Infallible, fmt, num::NonZeroI32, str};

/// An error of the kernel: a negative number, of which C knows the name.
///
/// # Invariants
///
/// It lies in `-MAX_ERRNO..0`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

/// A [`core::result::Result`] with an [`Error`].
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// The errors by their names in C.
pub mod code {
    macro_rules! codes {
        ($($name:ident)*) => {$(
            #[doc = concat!("`", stringify!($name), "`.")]
            pub const $name: super::Error = super::Error::of(crate::bindings::$name as i32);
        )*};
    }
    codes! { EACCES EBUSY EFBIG EINVAL EMSGSIZE ENOMEM }
}

impl Error {
    const fn of(errno: i32) -> Self {
        match NonZeroI32::new(-errno) {
            // INVARIANT: C's constants are positive, and not greater than MAX_ERRNO.
            Some(errno) => Self(errno),
            None => panic!("no error is 0"),
        }
    }

    /// The error of a number that a C function has returned; `EINVAL` if it is none.
    pub fn from_errno(errno: c_int) -> Self {
        match NonZeroI32::new(errno) {
            // INVARIANT: The range is checked.
            Some(errno) if errno.get() >= -(bindings::MAX_ERRNO as i32) && errno.get() < 0 => {
                Self(errno)
            }
            _ => code::EINVAL,
        }
    }

    /// Its number, negative.
    pub fn to_errno(self) -> c_int {
        self.0.get()
    }
}

impl fmt::Debug for Error {
    /// Its name in C where the kernel knows that, or else its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 16];
        // SAFETY: The buffer is valid for writes of its length; the function returns how many bytes
        // it has written there.
        let len = unsafe {
            bindings::rust_helper_errname(self.to_errno(), buffer.as_mut_ptr(), buffer.len())
        };
        let name = buffer.get(..len).and_then(|name| str::from_utf8(name).ok());
        match name.and_then(|name| name.strip_prefix("-E")) {
            Some(name) => write!(f, "E{name}"),
            None => f
                .debug_tuple("Error")
                .field(&self.to_errno().wrapping_neg())
                .finish(),
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The result of a C function that returns 0 or an error.
pub fn to_result(errno: c_int) -> Result {
    if errno < 0 {
        return Err(Error::from_errno(errno));
    }
    Ok(())
}

/// The result of a C function that returns a pointer or an error (`IS_ERR()`).
pub fn from_err_ptr<T>(ptr: *mut T) -> Result<*mut T> {
    let errno = ptr.addr().wrapping_neg();
    if (1..=bindings::MAX_ERRNO as usize).contains(&errno) {
        return Err(Error::from_errno(-(errno as c_int)));
    }
    Ok(ptr)
}
