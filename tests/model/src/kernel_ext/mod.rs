// SPDX-License-Identifier: GPL-2.0

//! What the module's `kernel_ext` offers to its safe half, on the [`world`](crate::world) of the
//! model.

pub(crate) mod bindings;
pub(crate) mod cgroup;
pub(crate) mod flow_hash;
pub(crate) mod flow_set;
pub(crate) mod lock;
pub(crate) mod netfilter;
pub(crate) mod packet;
pub(crate) mod percpu_counter;
pub(crate) mod rcu;
pub(crate) mod socket;
pub(crate) mod time;
pub(crate) mod work;
