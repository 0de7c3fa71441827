// SPDX-License-Identifier: GPL-2.0

//! `/dev/packet_bench`, of the module in `bench/kernel`.

use crate::paths::ticks;
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    net::TcpStream,
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};

/// `struct packet_bench_run` of `packet_bench.h`.
#[repr(C)]
#[derive(Default)]
struct Request {
    sockets: u64,
    data: u64,
    ticks: u64,
    count: u32,
    len: u32,
    rounds: u32,
    flags: u32,
    dropped: u32,
    queued: u32,
}

const KNOWN: u32 = 1;
const PAGED: u32 = 2;
const LISTED: u32 = 4;

nix::ioctl_readwrite!(run, b'P', 1, Request);
nix::ioctl_write_int_bad!(hook, nix::request_code_none!(b'P', 2));

/// Where the data of a packet lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Behind the headers.
    Linear,
    /// In page fragments, as those of GRO.
    Paged,
    /// In a list of the shortest fragments of IP.
    Listed,
}

/// Segments, one for each of some sockets.
pub(crate) struct Segments<'a> {
    /// The sockets that would receive them.
    pub(crate) sockets: Vec<&'a TcpStream>,
    /// What each has.
    pub(crate) data: &'a [u8],
    pub(crate) layout: Layout,
    /// How many others are in the out-of-order queue of each socket, from behind them on.
    pub(crate) queued: usize,
    /// Whether early demux has found the sockets.
    pub(crate) known: bool,
}

/// What a tick of the time stamp counter counts as: an instruction, but in user-mode Linux, where nothing
/// counts these, as many nanoseconds as it takes.
fn tick() -> Result<f64> {
    if !fs::read_to_string("/proc/cpuinfo")?.contains("User Mode Linux") {
        return Ok(1.0);
    }
    let (begin, from) = (Instant::now(), ticks());
    std::thread::sleep(Duration::from_millis(100));
    Ok(begin.elapsed().as_nanos() as f64 / (ticks() - from) as f64)
}

/// The device.
pub(crate) struct Device {
    file: File,
    tick: f64,
}

impl Device {
    pub(crate) fn open() -> Result<Self> {
        let path = "/dev/packet_bench";
        let file =
            File::open(path).with_context(|| format!("{path}: is packet_bench.ko loaded?"))?;
        let tick = tick()?;
        Ok(Self { file, tick })
    }

    /// Registers a hook of the module's own, which stays as long as the device is open.
    pub(crate) fn add_hook(&self, kind: u8) -> Result<()> {
        // SAFETY: The file is open, and the argument a number.
        unsafe { hook(self.file.as_raw_fd(), kind.into()) }
            .context("the hook can't be registered")?;
        Ok(())
    }

    /// Passes the segments through the hooks again and again. Returns how many instructions or nanoseconds
    /// each round took, and how many segments did not come through in the last one.
    pub(crate) fn run(&self, segments: &Segments<'_>, rounds: usize) -> Result<(Vec<f64>, u32)> {
        let sockets: Vec<RawFd> = segments.sockets.iter().map(|s| s.as_raw_fd()).collect();
        let mut ticks = vec![0_u64; rounds];
        let mut request = Request {
            sockets: sockets.as_ptr() as u64,
            data: segments.data.as_ptr() as u64,
            ticks: ticks.as_mut_ptr() as u64,
            count: sockets.len().try_into()?,
            len: segments.data.len().try_into()?,
            rounds: rounds.try_into()?,
            flags: if segments.known { KNOWN } else { 0 }
                | match segments.layout {
                    Layout::Linear => 0,
                    Layout::Paged => PAGED,
                    Layout::Listed => LISTED,
                },
            queued: segments.queued.try_into()?,
            ..Request::default()
        };
        // SAFETY: The file is open; the request's addresses are those of buffers of the lengths that
        // it tells, which live as long as this call.
        unsafe { run(self.file.as_raw_fd(), &mut request) }
            .context("the segments can't be made")?;
        let taken = ticks.iter().map(|&ticks| ticks as f64 * self.tick);
        Ok((taken.collect(), request.dropped))
    }
}
