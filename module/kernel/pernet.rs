// SPDX-License-Identifier: GPL-2.0

//! Something that is set up in every network namespace, present and future.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use super::bindings;
use core::ptr::null_mut;
use kernel::{
    error::to_result,
    ffi::c_int,
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

/// What is done in each namespace. Callbacks run in process context and may sleep.
pub(crate) trait PerNet: Send + Sync + Sized + 'static {
    /// Where the callbacks find the registered value: the kernel gives them no context of ours.
    /// So only one value of a type can be registered at a time.
    fn active() -> &'static Active<Self>;

    /// A namespace begins, or exists already on registration. An error makes its creation, or the
    /// registration, fail.
    fn enter(&self, net: &Net) -> Result;

    /// A namespace ends, or the registration does. RCU readers may still be at work with what
    /// [`Self::enter`] published; they are waited for before the value is dropped.
    fn leave(&self, net: &Net);
}

/// The place for the registered value of a type.
pub(crate) struct Active<T>(Atomic<*mut T>);

impl<T> Active<T> {
    /// An empty place.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(null_mut()))
    }
}

/// A registration; dropping it leaves every namespace, waits for an RCU grace period, then drops
/// the value.
///
/// # Invariants
///
/// `ops` is registered, and `T::active()` points to `_value`, which does not move.
pub(crate) struct Registration<T: PerNet> {
    ops: KBox<Opaque<bindings::pernet_operations>>,
    _value: KBox<T>,
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
    /// `ENOMEM`; `EBUSY` if a value of this type is registered; what [`PerNet::enter`] returned.
    pub(crate) fn new(value: T) -> Result<Self> {
        let value = KBox::new(value, GFP_KERNEL)?;
        let ops = KBox::new(
            Opaque::new(bindings::pernet_operations {
                init: Some(init::<T>),
                pre_exit: Some(pre_exit::<T>),
                ..Default::default()
            }),
            GFP_KERNEL,
        )?;
        let ptr = (&*value as *const T).cast_mut();
        let active = &T::active().0;
        active.cmpxchg(null_mut(), ptr, Full).map_err(|_| EBUSY)?;
        // SAFETY: `ops` is boxed, and unregistered before it is freed.
        let result = to_result(unsafe { bindings::register_pernet_subsys(ops.get()) });
        if let Err(e) = result {
            active.store(null_mut(), Release);
            return Err(e);
        }
        // INVARIANT: Both hold as of the calls above.
        Ok(Self { ops, _value: value })
    }
}

impl<T: PerNet> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered. `pre_exit` runs for every namespace, then
        // a grace period passes (`ops_undo_list()`), before this returns.
        unsafe { bindings::unregister_pernet_subsys(self.ops.get()) };
        T::active().0.store(null_mut(), Release);
    }
}

/// The value whose callback runs.
///
/// # Safety
///
/// Only to be called by the callbacks below.
unsafe fn registered<'a, T: PerNet>() -> Option<&'a T> {
    let ptr = T::active().0.load(Acquire);
    // SAFETY: By the invariant of `Registration`: callbacks run only between `register_pernet_subsys()`
    // and the end of `unregister_pernet_subsys()`.
    unsafe { ptr.as_ref() }
}

unsafe extern "C" fn init<T: PerNet>(net: *mut bindings::net) -> c_int {
    // SAFETY: This is a callback, and the kernel hands it a valid namespace.
    let (value, net) = unsafe { (registered::<T>(), Net::from_ptr(net)) };
    match value.map(|value| value.enter(net)) {
        Some(Err(e)) => e.to_errno(),
        _ => 0,
    }
}

unsafe extern "C" fn pre_exit<T: PerNet>(net: *mut bindings::net) {
    // SAFETY: This is a callback, and the kernel hands it a valid namespace.
    let (value, net) = unsafe { (registered::<T>(), Net::from_ptr(net)) };
    if let Some(value) = value {
        value.leave(net);
    }
}
