// SPDX-License-Identifier: GPL-2.0

//! Pages (`rust/kernel/page.rs`).

/// The size of a page in bytes.
pub const PAGE_SIZE: usize = crate::bindings::HF_PAGE_SIZE as usize;
