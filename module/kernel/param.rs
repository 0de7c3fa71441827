// SPDX-License-Identifier: GPL-2.0

//! Load-time parameters as text; the `module!` macro has numbers only.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use super::bindings;
use kernel::{ffi::c_char, prelude::*};

/// What was given at load time, `None` where nothing was.
pub(crate) struct Params {
    pub(crate) enabled: Option<&'static str>,
    pub(crate) action: Option<&'static str>,
    pub(crate) detect: Option<&'static str>,
    pub(crate) log: Option<&'static str>,
    pub(crate) namespaces: Option<&'static str>,
}

/// The parameters of this module.
///
/// # Errors
///
/// `EINVAL` if one is not UTF-8.
pub(crate) fn params() -> Result<Params> {
    // SAFETY: The kernel writes the parameters before `init_module`, and never again, since their
    // permissions are 0; the copy below is of plain pointers.
    let raw = unsafe { core::ptr::addr_of!(bindings::hf_params).read() };
    Ok(Params {
        enabled: text(raw.enabled)?,
        action: text(raw.action)?,
        detect: text(raw.detect)?,
        log: text(raw.log)?,
        namespaces: text(raw.namespaces)?,
    })
}

fn text(raw: *const c_char) -> Result<Option<&'static str>> {
    if raw.is_null() {
        return Ok(None);
    }
    // SAFETY: `charp` parameters are NUL-terminated and live as long as the module.
    let text = unsafe { CStr::from_char_ptr(raw) };
    text.to_str().map(Some).map_err(|_| EINVAL)
}
