// SPDX-License-Identifier: GPL-2.0
//! A network namespace of the program's own, with a TUN device behind which all clients live.
//!
//! A write to a TUN device is its reception: the packet goes through the whole stack, up to the
//! socket, on the CPU of the writing thread and before write(2) returns.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sched::{unshare, CloneFlags};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::address::{SERVER4, SERVER6};

/// A socket for each connection that may be open at once, and more.
const OPEN_FILES: u64 = 32_768;

/// The settings of a namespace and its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) early_demux: bool,
    /// The device's MTU. IPv6 needs 1280 of it; below, the clients alone keep to it.
    pub(crate) mtu: u16,
    /// Every SYN is answered with a SYN cookie, without a request socket.
    pub(crate) syn_cookies: bool,
    /// Data in a SYN is accepted without a Fast Open cookie.
    pub(crate) fast_open: bool,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            early_demux: true,
            mtu: 1500,
            syn_cookies: false,
            fast_open: false,
        }
    }
}

impl Environment {
    /// Payload that fits into a packet beside IPv6, TCP and its options.
    pub(crate) fn segment_size(&self) -> u16 {
        self.mtu - 40 - 20 - 40
    }
}

/// The namespace and its device.
pub(crate) struct Namespace {
    device: SyncDevice,
}

impl Namespace {
    /// Makes the namespace for the calling thread, and so for those that it starts.
    pub(crate) fn enter() -> Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)
            .context("a network namespace can't be made: this needs root")?;
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let raised = most.max(OPEN_FILES);
        if setrlimit(Resource::RLIMIT_NOFILE, raised, raised).is_err() {
            // Root within a container may not; fewer connections at once will do.
            setrlimit(Resource::RLIMIT_NOFILE, most, most)
                .context("the limit of open files can't be raised")?;
        }
        let device = DeviceBuilder::new()
            .name("adversary")
            .ipv4(SERVER4.0, SERVER4.1, None)
            .ipv6(SERVER6.0, SERVER6.1)
            .mtu(1500)
            .tx_queue_len(10_000)
            .multi_queue(true)
            .build_sync()
            .context("the TUN device can't be made: is /dev/net/tun there (modprobe tun)?")?;
        // When a case is over, the kernel should forget its connection soon.
        set("ipv4/tcp_synack_retries", "3")?;
        set("ipv4/tcp_max_syn_backlog", "16384")?;
        set("core/somaxconn", "16384")?;
        // No rate limit on ACKs of discarded segments: the clients need them.
        set("ipv4/tcp_invalid_ratelimit", "0")?;
        set("ipv4/tcp_challenge_ack_limit", "2147483647")?;
        Ok(Self { device })
    }

    /// The device's queues, each for a thread of its own, which must read it: answers go to any.
    pub(crate) fn queues(self, count: usize) -> Result<Vec<Arc<SyncDevice>>> {
        let more = (1..count)
            .map(|_| self.device.try_clone())
            .collect::<Result<Vec<_>, _>>();
        let mut queues = more.context("the TUN device can't have another queue")?;
        queues.insert(0, self.device);
        for queue in &queues {
            queue.set_nonblocking(true)?;
        }
        Ok(queues.into_iter().map(Arc::new).collect())
    }
}

impl Environment {
    /// Applies the settings to the namespace and its device.
    pub(crate) fn apply(&self, device: &SyncDevice) -> Result<()> {
        let number = |yes: bool| if yes { "1" } else { "0" };
        set("ipv4/ip_early_demux", number(self.early_demux))?;
        set("ipv4/tcp_early_demux", number(self.early_demux))?;
        set(
            "ipv4/tcp_syncookies",
            if self.syn_cookies { "2" } else { "1" },
        )?;
        // Server, no cookie needed, all listeners; the blackhole's memory is of no use here.
        set(
            "ipv4/tcp_fastopen",
            if self.fast_open { "1538" } else { "0" },
        )?;
        device
            .set_mtu(self.mtu.max(1280))
            .context("the TUN device's MTU can't be set")
    }
}

/// Sets one of the namespace's network settings.
fn set(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).with_context(|| format!("{path} can't be set to {value}"))
}
