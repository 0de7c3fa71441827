// SPDX-License-Identifier: GPL-2.0

//! The kernel log (`rust/kernel/print.rs`).
//!
//! `printk()` formats what Rust hands it only in kernels with `CONFIG_RUST` (`%pA`): here a line is
//! formatted on the stack.

use crate::{bindings, ffi::c_int};
use core::fmt::{self, Write};

/// The levels of `include/linux/kern_levels.h`, as their digits.
pub mod level {
    /// `KERN_EMERG`.
    pub const EMERG: u8 = b'0';
    /// `KERN_ERR`.
    pub const ERR: u8 = b'3';
    /// `KERN_WARNING`.
    pub const WARNING: u8 = b'4';
    /// `KERN_INFO`.
    pub const INFO: u8 = b'6';
}

/// A line's text. What does not fit is cut off.
struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let rest = self.bytes.get_mut(self.len..).unwrap_or_default();
        let len = rest.len().min(s.len());
        rest.iter_mut()
            .zip(s.bytes())
            .for_each(|(to, from)| *to = from);
        self.len = self.len.saturating_add(len);
        Ok(())
    }
}

/// Writes a line to the kernel log. Any context.
#[doc(hidden)]
pub fn call_printk(level: u8, module: &[u8], args: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; 512],
        len: 0,
    };
    let _ = line.write_fmt(args);
    // SAFETY: Both texts are valid for reads of their lengths, which are far below `c_int`'s limit.
    unsafe {
        bindings::rust_helper_printk(
            level,
            module.as_ptr(),
            module.len() as c_int,
            line.bytes.as_ptr(),
            line.len as c_int,
        )
    };
}

/// Writes a line with the module's name before it; that is what `module!` defines.
#[doc(hidden)]
#[macro_export]
macro_rules! print_macro {
    ($level:ident, $($arg:tt)+) => {
        $crate::print::call_printk(
            $crate::print::level::$level,
            crate::__LOG_PREFIX,
            ::core::format_args!($($arg)+),
        )
    };
}

/// A line of level `KERN_ERR`. Any context.
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)*) => { $crate::print_macro!(ERR, $($arg)*) };
}

/// A line of level `KERN_WARNING`. Any context.
#[macro_export]
macro_rules! pr_warn {
    ($($arg:tt)*) => { $crate::print_macro!(WARNING, $($arg)*) };
}

/// A line of level `KERN_INFO`. Any context.
#[macro_export]
macro_rules! pr_info {
    ($($arg:tt)*) => { $crate::print_macro!(INFO, $($arg)*) };
}
