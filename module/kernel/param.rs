// SPDX-License-Identifier: GPL-2.0

//! Load-time parameters as text; the `module!` macro has numbers only.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use super::{bindings, cstr};
use kernel::ffi::c_char;

/// The load-time parameters, `None` for those that were not given.
pub(crate) struct Params {
    pub(crate) enabled: Option<&'static str>,
    pub(crate) action: Option<&'static str>,
    pub(crate) rules: Option<&'static str>,
    pub(crate) detect: Option<&'static str>,
    pub(crate) log: Option<&'static str>,
    pub(crate) max_undecided: Option<&'static str>,
    pub(crate) namespaces: Option<&'static str>,
}

/// The parameters of this module.
pub(crate) fn params() -> Params {
    // SAFETY: The kernel writes the parameters before `init_module`, and never again, since their
    // permissions are 0; the copy below is of plain pointers.
    let raw = unsafe { core::ptr::addr_of!(bindings::hf_params).read() };
    Params {
        enabled: given(raw.enabled),
        action: given(raw.action),
        rules: given(raw.rules),
        detect: given(raw.detect),
        log: given(raw.log),
        max_undecided: given(raw.max_undecided),
        namespaces: given(raw.namespaces),
    }
}

fn given(raw: *const c_char) -> Option<&'static str> {
    // SAFETY: `charp` parameters are NUL-terminated, and stay as they are while the module lives.
    (!raw.is_null()).then(|| unsafe { cstr::from_c(raw) })
}
