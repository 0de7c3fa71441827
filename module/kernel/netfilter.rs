// SPDX-License-Identifier: GPL-2.0

//! A netfilter hook on packets for this host, IPv4 and IPv6.
//!
//! C header: [`include/linux/netfilter.h`](srctree/include/linux/netfilter.h)

use super::{
    bindings,
    defrag::Ipv6Defrag,
    packet::Packet,
    pernet::{self, Net, PerNet},
};
use core::ffi::c_void;
use kernel::{error::to_result, ffi::c_uint, prelude::*, sync::Arc};

/// The verdict on a packet. There is no `NF_STOLEN` and no `NF_QUEUE`, so that no packet can leak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NfVerdict {
    /// `NF_ACCEPT`: it goes on.
    Accept,
    /// `NF_DROP`: it is freed, and its sender gets no answer.
    Drop,
}

/// A filter of packets.
pub(crate) trait Hook: Send + Sync + 'static {
    /// Returns the verdict on a packet. Runs in softirq, or in process context where a packet comes
    /// back from user space, and in an RCU read-side critical section. Must not sleep or panic.
    fn verdict(&self, packet: &Packet<'_>) -> NfVerdict;
}

/// Which network namespaces are hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them, present and future.
    All,
    /// The one that the system started with.
    Initial,
}

/// The private data of the hook functions.
struct Context<T> {
    hook: Arc<T>,
    defrag: Option<Ipv6Defrag>,
}

/// The hooks of a filter, the same in all namespaces.
pub(crate) struct Hooks<T: Hook> {
    ops: [bindings::nf_hook_ops; 2],
    scope: Scope,
    // `ops` point to it.
    _context: KBox<Context<T>>,
}

// SAFETY: `ops` is never written to after construction (the kernel only compares its address), and
// what it points to is `Send` and `Sync`.
unsafe impl<T: Hook> Send for Hooks<T> {}
// SAFETY: As above.
unsafe impl<T: Hook> Sync for Hooks<T> {}

impl<T: Hook> Hooks<T> {
    /// Hooks `hook` into the namespaces of `scope`, until the registration is dropped: then no
    /// packet is in it any more. Process context; may load nf_defrag_ipv6.
    ///
    /// The priority is the last: behind IPVS and source NAT of input, which change the socket that
    /// a packet is for, and behind NFQUEUE, which could hold or reorder packets that were
    /// inspected.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EBUSY` if a filter is registered already; `E2BIG` if there are 1024 hooks in the
    /// initial namespace.
    pub(crate) fn register(hook: Arc<T>, scope: Scope) -> Result<pernet::Registration<Self>> {
        let defrag = Ipv6Defrag::get();
        if defrag.is_none() {
            pr_warn!("nf_defrag_ipv6 can't be loaded: fragments of IPv6 are passed and counted as uninspectable\n");
        }
        let context = KBox::new(Context { hook, defrag }, GFP_KERNEL)?;
        let ops = |pf, function| bindings::nf_hook_ops {
            hook: Some(function),
            priv_: core::ptr::from_ref::<Context<T>>(&context)
                .cast_mut()
                .cast::<c_void>(),
            pf,
            hooknum: bindings::HF_NF_INET_LOCAL_IN,
            priority: bindings::HF_NF_IP_PRI_LAST,
            ..Default::default()
        };
        pernet::Registration::new(Self {
            ops: [
                ops(bindings::HF_NFPROTO_IPV4, ipv4::<T>),
                ops(bindings::HF_NFPROTO_IPV6, ipv6::<T>),
            ],
            scope,
            _context: context,
        })
    }

    fn covers(&self, net: &Net) -> bool {
        self.scope == Scope::All || net.is_initial()
    }
}

impl<T: Hook> PerNet for Hooks<T> {
    fn enter(&self, net: &Net) -> Result {
        if !self.covers(net) {
            return Ok(());
        }
        // SAFETY: `ops` stays where it is until `leave` was called for this namespace, and `priv`
        // is valid until a grace period after that, by the contract of `PerNet`.
        to_result(unsafe {
            bindings::nf_register_net_hooks(
                net.as_ptr(),
                self.ops.as_ptr(),
                self.ops.len() as c_uint,
            )
        })
    }

    fn leave(&self, net: &Net) {
        if !self.covers(net) {
            return;
        }
        // SAFETY: They were registered by `enter`.
        unsafe {
            bindings::nf_unregister_net_hooks(
                net.as_ptr(),
                self.ops.as_ptr(),
                self.ops.len() as c_uint,
            )
        };
    }
}

/// The hook on IPv4.
///
/// # Safety
///
/// Only to be called by netfilter, as registered by [`Hooks::register`].
unsafe extern "C" fn ipv4<T: Hook>(
    context: *mut c_void,
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
) -> c_uint {
    // SAFETY: It is the `priv` of `Hooks::register`, alive until a grace period after the hook is
    // gone.
    let context = unsafe { &*context.cast::<Context<T>>() };
    // SAFETY: The kernel hands a hook a valid packet and state for the length of the call.
    unsafe { run_hook(&*context.hook, skb, state) }
}

/// The hook on IPv6, which inspects whole packets.
///
/// # Safety
///
/// As that of [`ipv4`].
unsafe extern "C" fn ipv6<T: Hook>(
    context: *mut c_void,
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
) -> c_uint {
    // SAFETY: As in `ipv4`.
    let context = unsafe { &*context.cast::<Context<T>>() };
    if let Some(defrag) = &context.defrag {
        // SAFETY: The kernel hands a hook a valid packet and state for the length of the call.
        if let Err(answer) = unsafe { defrag.gather(skb, state) } {
            return answer;
        }
    }
    // SAFETY: As above; the packet is still the hook's.
    unsafe { run_hook(&*context.hook, skb, state) }
}

/// # Safety
///
/// `skb` and `state` must be those of a running `NF_INET_LOCAL_IN` hook.
unsafe fn run_hook<T: Hook>(
    hook: &T,
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
) -> c_uint {
    // SAFETY: By this function's requirements; the packet is not used after it returns.
    let packet = unsafe { Packet::new(skb, state) };
    match hook.verdict(&packet) {
        NfVerdict::Accept => bindings::HF_NF_ACCEPT,
        NfVerdict::Drop => bindings::HF_NF_DROP,
    }
}
