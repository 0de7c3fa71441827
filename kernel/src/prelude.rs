// SPDX-License-Identifier: GPL-2.0

//! What modules import as a whole (`rust/kernel/prelude.rs`).

pub use crate::{
    alloc::{flags::*, InPlaceInit, KBox, KVBox, KVVec},
    error::{code::*, Error, Result},
    module, pr_err, pr_info, pr_warn, static_assert,
    str::CStrExt,
    ThisModule,
};
pub use ::pin_init::{init, Init, PinInit};
pub use core::{ffi::CStr, pin::Pin};
