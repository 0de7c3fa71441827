// SPDX-License-Identifier: GPL-2.0

//! The hook that accepts, in Rust: what one costs that does nothing.

use core::ffi::{c_uint, c_void};

const NF_ACCEPT: c_uint = 1;

/// An `nf_hookfn`, which is registered as those in C are.
#[no_mangle]
pub extern "C" fn packet_bench_empty_rust_hook(
    _private: *mut c_void,
    _skb: *mut c_void,
    _state: *const c_void,
) -> c_uint {
    NF_ACCEPT
}
