// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of the kernel's headers (`rust/bindings/lib.rs`).

#![allow(
    clippy::all,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unknown_lints,
    unnecessary_transmutes,
    unsafe_op_in_unsafe_fn
)]

use crate::ffi;

include!(concat!(env!("HF_OBJ"), "/kernel/bindings_generated.rs"));

pub use {
    rust_helper___spin_lock_init as __spin_lock_init,
    rust_helper_spin_assert_is_held as spin_assert_is_held,
};
