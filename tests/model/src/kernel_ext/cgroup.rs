// SPDX-License-Identifier: GPL-2.0

//! Control groups, of which the model has none.

use core::marker::PhantomData;

#[derive(Clone, Copy)]
pub(crate) struct Cgroup<'a>(PhantomData<&'a ()>);

impl Cgroup<'_> {
    pub(crate) fn is_within(&self, _path: &[u8]) -> bool {
        false
    }
}
