// SPDX-License-Identifier: GPL-2.0

//! Modules (`rust/kernel/lib.rs`, `rust/macros/module.rs`).

use crate::error::Result;
use core::marker::PhantomData;

/// What a module does when it is loaded; dropping it is what it does when it is unloaded.
pub trait Module: Sized + Sync + Send {
    /// Runs when the module is loaded, in process context.
    ///
    /// # Errors
    ///
    /// With any, the module is not loaded.
    fn init(module: &'static ThisModule) -> Result<Self>;
}

/// The module that this code belongs to.
pub struct ThisModule(PhantomData<*mut crate::bindings::module>);

// SAFETY: It can't be used for anything here.
unsafe impl Sync for ThisModule {}

impl ThisModule {
    /// The only one.
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Declares a kernel module: its metadata, and what the kernel calls when it loads and unloads it.
#[macro_export]
macro_rules! module {
    (
        type: $type:ty,
        name: $name:literal,
        authors: [$($author:literal),* $(,)?],
        description: $description:literal,
        license: $license:literal $(,)?
    ) => {
        /// The module's name, which the lines that it logs begin with.
        const __LOG_PREFIX: &[u8] = $name.as_bytes();

        /// What runs when the kernel loads and unloads the module.
        mod __module_init {
            use super::*;
            use ::core::{cell::UnsafeCell, ffi::c_int, mem::MaybeUninit};

            $crate::modinfo!(LICENSE, "license", $license);
            $crate::modinfo!(DESCRIPTION, "description", $description);
            $($crate::modinfo!(AUTHOR, "author", $author);)*

            static THIS_MODULE: $crate::ThisModule = $crate::ThisModule::new();

            struct Slot(UnsafeCell<MaybeUninit<$type>>);
            // SAFETY: The kernel calls `init_module()` and `cleanup_module()` one after the other.
            unsafe impl Sync for Slot {}
            /// The module, between these two calls.
            static MODULE: Slot = Slot(UnsafeCell::new(MaybeUninit::uninit()));

            // Pointers to both, or objtool takes them for functions that are never called indirectly,
            // and seals them (IBT).
            #[used(compiler)]
            static INIT: unsafe extern "C" fn() -> c_int = init_module;
            #[used(compiler)]
            static CLEANUP: unsafe extern "C" fn() = cleanup_module;

            /// # Safety
            ///
            /// Only to be called by the kernel, once, when it loads the module.
            #[no_mangle]
            #[link_section = ".init.text"]
            unsafe extern "C" fn init_module() -> c_int {
                match <$type as $crate::Module>::init(&THIS_MODULE) {
                    Ok(module) => {
                        // SAFETY: Nobody else accesses it now.
                        unsafe { (*MODULE.0.get()).write(module) };
                        0
                    }
                    Err(error) => error.to_errno(),
                }
            }

            /// # Safety
            ///
            /// Only to be called by the kernel, once, after `init_module()` has returned 0.
            #[no_mangle]
            #[link_section = ".exit.text"]
            unsafe extern "C" fn cleanup_module() {
                // SAFETY: `init_module()` has written it, and nobody else accesses it now.
                unsafe { (*MODULE.0.get()).assume_init_drop() };
            }
        }
    };
}

/// An entry of the section that `modinfo` reads (`MODULE_INFO()`).
#[doc(hidden)]
#[macro_export]
macro_rules! modinfo {
    ($static:ident, $key:literal, $value:literal) => {
        const _: () = {
            const TEXT: &str = ::core::concat!($key, "=", $value, "\0");
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static $static: [u8; TEXT.len()] = {
                let mut bytes = [0; TEXT.len()];
                let mut index = 0;
                while index < bytes.len() {
                    bytes[index] = TEXT.as_bytes()[index];
                    index += 1;
                }
                bytes
            };
        };
    };
}
