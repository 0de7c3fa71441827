// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the kernel's own `kernel` crate, for kernels that don't carry it.
//!
//! It has the part of the Rust-for-Linux API that this module uses, as that is in Linux 7.3: each
//! item names the file of the kernel's `rust/` that has the original. `scripts/kernel-tree` selects
//! which of the two a build takes; nothing in `module/` knows which it is.
//!
//! It needs a kernel's headers, and any rustc from 1.85 on. `stand_in.mk` builds it.

pub mod alloc;
pub mod bindings;
pub mod error;
pub mod page;
pub mod prelude;
pub mod print;
pub mod str;
pub mod sync;
pub mod types;

mod build_assert;
mod module;

/// Formatting. `rust/kernel/fmt.rs` has traits of its own, so that it can format types of `core` in
/// its own way; here they are those of `core`.
pub mod fmt {
    pub use core::fmt::*;
}

/// The C types of the kernel, which are not those of `core::ffi`: `char` is unsigned, and `long` is
/// the size of a pointer (`rust/ffi.rs`).
#[allow(non_camel_case_types)]
pub mod ffi {
    pub use core::ffi::{
        c_int, c_longlong, c_schar, c_short, c_uchar, c_uint, c_ulonglong, c_ushort, c_void,
    };

    /// `char`.
    pub type c_char = u8;
    /// `long`.
    pub type c_long = isize;
    /// `unsigned long`.
    pub type c_ulong = usize;
}

pub use module::{Module, ThisModule};

/// Ends the machine: the code of this module has no path to it.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    print::call_printk(
        print::level::EMERG,
        b"http_filter",
        format_args!("{info}\n"),
    );
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::rust_helper_BUG() };
    // It does not return. objtool knows that if it sees the helper too, and wants nothing behind it;
    // otherwise it wants the function to end.
    #[cfg(hf_objtool_per_object)]
    loop {}
    #[cfg(not(hf_objtool_per_object))]
    // SAFETY: As above.
    unsafe {
        core::hint::unreachable_unchecked()
    }
}
