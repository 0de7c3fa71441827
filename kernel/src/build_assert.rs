// SPDX-License-Identifier: GPL-2.0

//! Assertions at compile time (`rust/kernel/build_assert.rs`).

/// Fails to compile unless the condition holds.
#[macro_export]
macro_rules! static_assert {
    ($condition:expr $(, $arg:literal)? $(,)?) => {
        const _: () = ::core::assert!($condition $(, $arg)?);
    };
}
