// SPDX-License-Identifier: GPL-2.0
//! Whose a socket is: the processes that hold it, and the control group that it was made in, with the
//! systemd unit or container that this stands for.

mod cgroup;
pub(crate) mod json;
mod process;

pub(crate) use cgroup::{Cgroup, Cgroups, Container};
pub(crate) use process::{pids, Process, Processes};

/// Where the kernel shows processes and control groups.
pub(crate) const PROC: &str = "/proc";
pub(crate) const CGROUPS: &str = "/sys/fs/cgroup";
