// SPDX-License-Identifier: GPL-2.0

//! What the classifier and others cost for the same bytes, in user space and without SIMD.

mod inputs;
mod readers;

pub use inputs::inputs;
pub use readers::{Reader, READERS};
