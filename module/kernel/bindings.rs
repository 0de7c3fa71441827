// SPDX-License-Identifier: GPL-2.0

//! Bindings that the `kernel` crate lacks, generated from `bindings_helper.h`; the rest of the
//! types and functions are the crate's own.

#![allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

pub(crate) use kernel::bindings::*;
use kernel::ffi;

include!(concat!(
    env!("HF_OBJ"),
    "/module/kernel/bindings_generated.rs"
));

/// bindgen derives `Copy` where it can see all fields' types, not where they are the crate's own.
macro_rules! plain_data {
    ($($name:ident),*) => {$(
        impl Copy for $name {}
        impl Clone for $name {
            fn clone(&self) -> Self {
                *self
            }
        }
    )*};
}
plain_data!(
    hf_first_seq,
    hf_flow,
    hf_ofo_segment,
    hf_receiver,
    hf_socket
);
