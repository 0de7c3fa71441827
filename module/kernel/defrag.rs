// SPDX-License-Identifier: GPL-2.0

//! IPv6 defragmentation in the hook.
//!
//! IPv4 is reassembled before `NF_INET_LOCAL_IN`, IPv6 only behind it, by `ipv6_frag_rcv()`. It is
//! done here instead, by the function that conntrack's defragmentation is made of. That itself, in
//! `NF_INET_PRE_ROUTING`, is no help: it gathers what is only forwarded as well, and passes in
//! pieces what conntrack has seen before, as over loopback.
//!
//! This is the one place where packets are changed or kept: as the stack would a moment later, by the
//! same rules for overlaps, limits and time. They wait in nf_defrag_ipv6, which frees them when a
//! namespace or itself ends; nothing of this module is left there.
//!
//! C header: [`include/net/netfilter/ipv6/nf_defrag_ipv6.h`](srctree/include/net/netfilter/ipv6/nf_defrag_ipv6.h)

use super::bindings;
use kernel::{ffi::c_uint, prelude::*};

/// A reference on the nf_defrag_ipv6 module.
///
/// # Invariants
///
/// The function is `nf_ct_frag6_gather()`, and its module is held, for as long as this lives.
pub(crate) struct Ipv6Defrag(bindings::hf_gather);

impl Ipv6Defrag {
    /// The module, loaded if it must be; `None` if it can't be had. Process context; may sleep.
    pub(crate) fn get() -> Option<Self> {
        // SAFETY: An FFI call without requirements but the context.
        let gather = unsafe { bindings::hf_defrag_ipv6_get() };
        // INVARIANT: The function returns what it holds, or NULL.
        gather.is_some().then_some(Self(gather))
    }

    /// Puts a fragment together with those that came before. Any context that a hook runs in.
    ///
    /// # Errors
    ///
    /// The hook's answer to netfilter, where there is no packet to judge: the fragment was kept, to
    /// wait for others, or is of no use.
    ///
    /// # Safety
    ///
    /// `skb` and `state` must be those of a running `NF_INET_LOCAL_IN` hook of IPv6. After an error,
    /// `skb` is not to be touched any more.
    pub(super) unsafe fn gather(
        &self,
        skb: *mut bindings::sk_buff,
        state: *const bindings::nf_hook_state,
    ) -> Result<(), c_uint> {
        // SAFETY: By the type invariant and this function's requirements.
        match unsafe { bindings::hf_defrag_ipv6(self.0, skb, state) } {
            bindings::HF_NF_ACCEPT => Ok(()),
            answer => Err(answer),
        }
    }
}

impl Drop for Ipv6Defrag {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the module is held, once for this value.
        unsafe { bindings::hf_defrag_ipv6_put() }
    }
}
