// SPDX-License-Identifier: GPL-2.0

//! IPv6 defragmentation before the hook.
//!
//! IPv4 is reassembled before `NF_INET_LOCAL_IN`, IPv6 only behind it, unless nf_defrag_ipv6 was
//! asked to do it in `NF_INET_PRE_ROUTING`. It is asked through the pointer that BPF netfilter
//! programs use: a link against the module would make a bare `insmod` fail.
//!
//! C header: [`include/linux/netfilter.h`](srctree/include/linux/netfilter.h)

use super::{bindings, pernet::Net};
use core::ptr::NonNull;
use kernel::{error::to_result, prelude::*};

/// A reference on the nf_defrag_ipv6 module.
///
/// # Invariants
///
/// The pointer is valid, and its module is held, for as long as this lives.
pub(crate) struct Ipv6Defrag(NonNull<bindings::nf_defrag_hook>);

// SAFETY: The structure is constant, and its functions lock for themselves.
unsafe impl Send for Ipv6Defrag {}
// SAFETY: As above.
unsafe impl Sync for Ipv6Defrag {}

impl Ipv6Defrag {
    /// The module, loaded if it must be. Process context; may sleep.
    pub(crate) fn get() -> Option<Self> {
        // SAFETY: An FFI call without requirements but the context.
        let hook = unsafe { bindings::hf_defrag_ipv6_get() };
        // INVARIANT: The function returns a hook whose module it holds, or NULL.
        NonNull::new(hook.cast_mut()).map(Self)
    }

    /// Turns it on in a namespace; counted there. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EOVERFLOW` if it was turned on too often.
    pub(crate) fn enable(&self, net: &Net) -> Result {
        // SAFETY: By the type invariant.
        match unsafe { self.0.as_ref() }.enable {
            // SAFETY: The module is held by the type invariant, and the namespace is valid.
            Some(enable) => to_result(unsafe { enable(net.as_ptr()) }),
            None => Ok(()),
        }
    }

    /// Gives back one [`Self::enable`]. Process context.
    pub(crate) fn disable(&self, net: &Net) {
        // SAFETY: By the type invariant.
        if let Some(disable) = unsafe { self.0.as_ref() }.disable {
            // SAFETY: The module is held by the type invariant, and the namespace is valid.
            unsafe { disable(net.as_ptr()) }
        }
    }
}

impl Drop for Ipv6Defrag {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the module is held, once for this value.
        unsafe { bindings::module_put(self.0.as_ref().owner) }
    }
}
