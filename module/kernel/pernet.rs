// SPDX-License-Identifier: GPL-2.0

//! Something that is set up in every network namespace, present and future.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use super::bindings;
use core::{ffi::c_void, ptr::null_mut};
use kernel::{
    error::to_result,
    ffi::{c_int, c_uint},
    prelude::*,
    sync::atomic::{
        ordering::{Acquire, Full, Release},
        Atomic,
    },
    types::Opaque,
};

/// A network namespace, borrowed for the length of a callback.
#[repr(transparent)]
pub(crate) struct Net(Opaque<bindings::net>);

impl Net {
    /// # Safety
    ///
    /// `net` must be valid for `'a`.
    unsafe fn from_ptr<'a>(net: *mut bindings::net) -> &'a Self {
        // SAFETY: By this function's requirements, and `repr(transparent)`.
        unsafe { &*net.cast::<Self>() }
    }

    /// The C structure.
    pub(crate) fn as_ptr(&self) -> *mut bindings::net {
        self.0.get()
    }

    /// Whether this is the one that the system started with.
    pub(crate) fn is_initial(&self) -> bool {
        core::ptr::eq(self.as_ptr(), core::ptr::addr_of!(bindings::init_net))
    }
}

/// The cookie of the namespace that the system started with. Any context.
pub(crate) fn initial_cookie() -> u64 {
    // SAFETY: An FFI call without requirements.
    unsafe { bindings::hf_net_initial_cookie() }
}

/// An object that is set up and torn down in each namespace. Process context; may sleep.
pub(crate) trait PerNet: Send + Sync + 'static {
    /// Sets it up in a namespace that is new, or exists already on registration.
    ///
    /// An error in the initial namespace makes the registration fail. Any other namespace is left
    /// out, with a line in the kernel log: its owner, who need not be privileged, may have caused
    /// the error, and must not be able to keep it from the others.
    fn enter(&self, net: &Net) -> Result;

    /// Tears it down, because the namespace or the registration ends. RCU readers may still use
    /// what [`Self::enter`] has published; a grace period elapses before the value is dropped.
    fn leave(&self, net: &Net);
}

/// The object that is registered. `pernet_operations` has no private pointer, so its callbacks find
/// the object here; so there is only one registration at a time.
///
/// # Invariants
///
/// Not null exactly while a [`Registration`] exists or is being made; then it points to its
/// `inner`, and only that registration's callbacks can run.
static REGISTERED: Atomic<*mut c_void> = Atomic::new(null_mut());

struct Inner<T> {
    ops: Opaque<bindings::pernet_operations>,
    /// Where each namespace keeps its `hf_net`.
    id: Opaque<c_uint>,
    value: T,
}

/// A registration; dropping it leaves every namespace, waits for an RCU grace period, then drops
/// the value.
///
/// # Invariants
///
/// `inner.ops` is registered, and [`REGISTERED`] points to `inner`.
pub(crate) struct Registration<T: PerNet> {
    inner: KBox<Inner<T>>,
}

// SAFETY: The C structure is only handed back to the kernel, which locks for itself; `T` is `Send`.
unsafe impl<T: PerNet> Send for Registration<T> {}
// SAFETY: Nothing can be done with a shared reference; `T` is `Sync`.
unsafe impl<T: PerNet> Sync for Registration<T> {}

impl<T: PerNet> Registration<T> {
    /// Enters every namespace with `value`. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EBUSY` if there is a registration; what [`PerNet::enter`] returned for the
    /// initial namespace.
    pub(crate) fn new(value: T) -> Result<Self> {
        let inner = KBox::new(
            Inner {
                ops: Opaque::new(bindings::pernet_operations {
                    init: Some(init::<T>),
                    pre_exit: Some(pre_exit::<T>),
                    size: core::mem::size_of::<bindings::hf_net>(),
                    ..Default::default()
                }),
                id: Opaque::new(0),
                value,
            },
            GFP_KERNEL,
        )?;
        let ptr = (&*inner as *const Inner<T>).cast_mut().cast::<c_void>();
        REGISTERED
            .cmpxchg(null_mut(), ptr, Full)
            .map_err(|_| EBUSY)?;
        // SAFETY: Nobody else has `ops` yet.
        unsafe { (*inner.ops.get()).id = inner.id.get() };
        // SAFETY: `ops` and `id` are boxed, so they stay where they are, and are unregistered
        // before they are freed.
        let result = to_result(unsafe { bindings::register_pernet_subsys(inner.ops.get()) });
        if let Err(e) = result {
            REGISTERED.store(null_mut(), Release);
            return Err(e);
        }
        // INVARIANT: Both hold as of the calls above.
        Ok(Self { inner })
    }
}

impl<T: PerNet> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered. `pre_exit` runs for every namespace, then
        // a grace period passes (`ops_undo_list()`), before this returns.
        unsafe { bindings::unregister_pernet_subsys(self.inner.ops.get()) };
        REGISTERED.store(null_mut(), Release);
    }
}

/// The registered object, the namespace, and the registration's per-namespace data.
///
/// # Safety
///
/// Only to be called by the callbacks below, with the namespace that they were handed.
unsafe fn context<'a, T: PerNet>(
    net: *mut bindings::net,
) -> (&'a T, &'a Net, *mut bindings::hf_net) {
    let inner = REGISTERED.load(Acquire).cast::<Inner<T>>();
    // SAFETY: Callbacks run only between `register_pernet_subsys()` and the end of
    // `unregister_pernet_subsys()`, so the invariant of `REGISTERED` holds.
    let inner = unsafe { &*inner };
    // SAFETY: The kernel allocated `size` zeroed bytes under `id` for this namespace before `init`.
    let entry = unsafe { bindings::hf_net_of(net, *inner.id.get()) };
    // SAFETY: By this function's requirements; a namespace outlives its callbacks.
    let net = unsafe { Net::from_ptr(net) };
    (&inner.value, net, entry)
}

/// # Safety
///
/// Only to be called by the kernel, as `pernet_operations::init` of a [`Registration`].
unsafe extern "C" fn init<T: PerNet>(net: *mut bindings::net) -> c_int {
    // SAFETY: This is a callback.
    let (value, net, entry) = unsafe { context::<T>(net) };
    let result = value.enter(net);
    match result {
        Ok(()) => {}
        Err(e) if net.is_initial() => {
            pr_err!("the initial network namespace can't be entered: {e:?}\n");
            return e.to_errno();
        }
        Err(e) => pr_warn!("a network namespace can't be entered and is left out: {e:?}\n"),
    }
    // SAFETY: The entry is this callback's alone: the kernel never runs two of a namespace at once.
    unsafe { (*entry).entered = result.is_ok() };
    // SAFETY: The entry is zeroed, and lives until a grace period after `pre_exit`.
    unsafe { bindings::hf_net_add(entry, net.as_ptr()) };
    0
}

/// # Safety
///
/// Only to be called by the kernel, as `pernet_operations::pre_exit` of a [`Registration`].
unsafe extern "C" fn pre_exit<T: PerNet>(net: *mut bindings::net) {
    // SAFETY: This is a callback.
    let (value, net, entry) = unsafe { context::<T>(net) };
    // SAFETY: The entry is this callback's alone, as above.
    if unsafe { (*entry).entered } {
        value.leave(net);
    }
    // SAFETY: `init` has added it; a grace period passes before it is freed (`ops_undo_list()`).
    unsafe { bindings::hf_net_remove(entry) };
}
