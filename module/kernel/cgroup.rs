// SPDX-License-Identifier: GPL-2.0

//! Control groups, of version 2.
//!
//! C header: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h)

use super::bindings;
use core::{marker::PhantomData, ptr::NonNull};
use kernel::ffi::c_char;

/// A control group.
///
/// # Invariants
///
/// The pointer is valid for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Cgroup<'a>(NonNull<bindings::cgroup>, PhantomData<&'a ()>);

impl Cgroup<'_> {
    /// # Safety
    ///
    /// `cgroup` must be NULL, or valid for as long as what is returned.
    pub(super) unsafe fn new(cgroup: *mut bindings::cgroup) -> Option<Self> {
        // INVARIANT: By this function's requirements.
        NonNull::new(cgroup).map(|cgroup| Self(cgroup, PhantomData))
    }

    /// Whether it is at `path`, seen from the root, or below. Any context.
    pub(crate) fn is_within(&self, path: &[u8]) -> bool {
        // SAFETY: By the type invariant; the path is valid for reads of its length.
        unsafe {
            bindings::hf_cgroup_is_within(
                self.0.as_ptr(),
                path.as_ptr().cast::<c_char>(),
                path.len(),
            )
        }
    }
}
