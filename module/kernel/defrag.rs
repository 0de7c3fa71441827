// SPDX-License-Identifier: GPL-2.0

//! IPv6 defragmentation in the hook.
//!
//! IPv4 packets are reassembled before `NF_INET_LOCAL_IN`, IPv6 packets after it, by
//! `ipv6_frag_rcv()`. The hook reassembles them instead, by the function on which conntrack's
//! defragmentation is built. Conntrack's own hook, in `NF_INET_PRE_ROUTING`, does not serve: it
//! reassembles forwarded packets too, and passes fragments that conntrack has seen before, as over
//! loopback.
//!
//! Here alone are packets changed or kept: as the stack would do a moment later, by the same rules
//! for overlaps, limits and timeouts. Fragments are queued in nf_defrag_ipv6, which frees them when
//! the namespace ends, or the module nf_defrag_ipv6 does. They hold no reference to this module.
//!
//! C header:
//! [`include/net/netfilter/ipv6/nf_defrag_ipv6.h`](srctree/include/net/netfilter/ipv6/nf_defrag_ipv6.h)

use super::bindings;

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
        // INVARIANT: The function returns `nf_ct_frag6_gather()`, and holds its module, or returns
        // NULL.
        gather.map(|_| Self(gather))
    }

    /// The function, valid as long as this lives.
    pub(super) fn function(&self) -> bindings::hf_gather {
        self.0
    }
}

impl Drop for Ipv6Defrag {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the module is held, once for this value.
        unsafe { bindings::hf_defrag_ipv6_put() }
    }
}
