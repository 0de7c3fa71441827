// SPDX-License-Identifier: GPL-2.0

//! A netfilter hook on packets for this host, IPv4 and IPv6.
//!
//! C header: [`include/linux/netfilter.h`](srctree/include/linux/netfilter.h)

use super::{
    bindings,
    defrag::Ipv6Defrag,
    flow_set::FlowSet,
    packet::{Segment, Unreadable},
    pernet::{self, Net, PerNet},
    socket::SocketLookup,
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
///
/// Its functions run in softirq, or in process context where a packet comes back from user space,
/// and in an RCU read-side critical section. They must not sleep or panic.
///
/// A packet is accepted without them if nothing can be read of it: it is not TCP, or has no data, nor
/// points to urgent data, nor is a SYN of Multipath TCP; and if its socket is established, has received something, and its flow is not in
/// [`Self::inspected_flows`].
pub(crate) trait Hook: Send + Sync + 'static {
    /// The flows whose packets are inspected though their sockets have received something. What is
    /// added while something passes the hook is seen by whoever sees that received.
    fn inspected_flows(&self) -> &FlowSet;

    /// Returns the verdict on a packet with a segment for `socket`, which was not looked up for a SYN.
    fn verdict(&self, segment: &Segment<'_>, socket: SocketLookup<'_>) -> NfVerdict;

    /// Takes note of a packet that can't be read, and is accepted.
    fn unreadable(&self, why: Unreadable);
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
#[repr(C)]
struct Context<T> {
    // The first field: the functions in C have its address, and call those in Rust.
    functions: bindings::hf_hook,
    hook: Arc<T>,
    // `functions` has its function.
    _defrag: Option<Ipv6Defrag>,
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
        let functions = bindings::hf_hook {
            inspected: hook.inspected_flows().as_ptr(),
            gather: defrag.as_ref().and_then(Ipv6Defrag::function),
            verdict: Some(verdict::<T>),
            unreadable: Some(unreadable::<T>),
        };
        let context = KBox::new(
            Context {
                functions,
                hook,
                _defrag: defrag,
            },
            GFP_KERNEL,
        )?;
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
                ops(bindings::HF_NFPROTO_IPV4, bindings::hf_hook_ipv4),
                ops(bindings::HF_NFPROTO_IPV6, bindings::hf_hook_ipv6),
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

/// The verdict on a packet.
///
/// # Safety
///
/// Only to be called by the functions in C, as registered by [`Hooks::register`].
unsafe extern "C" fn verdict<T: Hook>(
    context: *mut c_void,
    packet: *const bindings::hf_packet,
) -> c_uint {
    // SAFETY: It is the `priv` of `Hooks::register`, alive until a grace period after the hook is
    // gone.
    let context = unsafe { &*context.cast::<Context<T>>() };
    // SAFETY: C has parsed it, and hands it over for the length of the call.
    let packet = unsafe { &*packet };
    // SAFETY: As above.
    let segment = unsafe { Segment::new(packet) };
    // SAFETY: C has set them together, and leaves the reference to this function; a socket without
    // one is the packet's.
    let socket = unsafe { SocketLookup::new(packet.lookup, packet.socket, &packet.first_seq) };
    match context.hook.verdict(&segment, socket) {
        NfVerdict::Accept => bindings::HF_NF_ACCEPT,
        NfVerdict::Drop => bindings::HF_NF_DROP,
    }
}

/// Counts a packet that can't be read.
///
/// # Safety
///
/// As [`verdict`].
unsafe extern "C" fn unreadable<T: Hook>(context: *mut c_void, why: bindings::hf_parse) {
    // SAFETY: As in `verdict`.
    let context = unsafe { &*context.cast::<Context<T>>() };
    context.hook.unreadable(Unreadable::new(why));
}
