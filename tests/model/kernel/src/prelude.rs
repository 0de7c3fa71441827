// SPDX-License-Identifier: GPL-2.0

//! What modules import as a whole.

pub use crate::{
    alloc::{flags::GFP_KERNEL, InPlaceInit, KBox, KVBox, KVVec},
    error::{code::*, Error, Result},
    pr_err, static_assert,
};
pub use core::{ffi::CStr, pin::Pin};
pub use pinned_init::{init, Init, PinInit};
