// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate lacks: thin, safe wrappers, one subsystem a file. All of the module's
//! `unsafe` is in here, and no policy.

pub(crate) mod bindings;
pub(crate) mod cgroup;
pub(crate) mod cpu;
mod cstr;
pub(crate) mod defrag;
pub(crate) mod flow_hash;
pub(crate) mod flow_set;
pub(crate) mod genetlink;
pub(crate) mod lock;
pub(crate) mod netfilter;
pub(crate) mod packet;
pub(crate) mod param;
pub(crate) mod percpu_counter;
pub(crate) mod pernet;
pub(crate) mod ratelimit;
pub(crate) mod rcu;
mod skb;
pub(crate) mod socket;
pub(crate) mod sysfs;
pub(crate) mod time;
pub(crate) mod work;
