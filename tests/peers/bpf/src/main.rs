// SPDX-License-Identifier: GPL-2.0

//! Attaches a BPF program that filters HTTP, and pins what keeps it there.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, NetfilterOpts, Object, ObjectBuilder, ProgramMut,
};
use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// Where the root of the cgroups is mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// What the counters of `stream.bpf.c` are called, in its order.
const DROPPED: [&str; 3] = ["http", "condemned", "deferred"];

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A folder to be made in a BPF file system; removing it detaches the program.
#[derive(clap::Args)]
struct Folder {
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Attach what compares the first bytes of each segment, in this network namespace
    Prefixes(Folder),
    /// Attach what reads the start of each stream, in all network namespaces
    Stream(Folder),
    /// Print how many segments the latter has dropped, and why
    Dropped(Folder),
}

fn load(program: &[u8]) -> Result<Object> {
    let object = ObjectBuilder::default().open_memory(program)?.load();
    object.context("the kernel does not take the program")
}

/// The only program.
fn program(object: &mut Object) -> Result<ProgramMut<'_>> {
    object.progs_mut().next().context("there is no program")
}

fn pin(mut link: Link, path: &Path) -> Result<()> {
    link.pin(path)
        .with_context(|| format!("{}", path.display()))
}

fn attach_prefixes(folder: &Path) -> Result<()> {
    let mut object = load(include_bytes!(concat!(env!("OUT_DIR"), "/prefixes.bpf.o")))?;
    let program = program(&mut object)?;
    for (protocol_family, name) in [(2, "ipv4"), (10, "ipv6")] {
        let link = program.attach_netfilter_with_opts(NetfilterOpts {
            protocol_family,
            hooknum: 1, // NF_INET_LOCAL_IN
            ..NetfilterOpts::default()
        })?;
        pin(link, &folder.join(name))?;
    }
    Ok(())
}

fn attach_stream(folder: &Path) -> Result<()> {
    let mut object = load(include_bytes!(concat!(env!("OUT_DIR"), "/stream.bpf.o")))?;
    for mut map in object.maps_mut().filter(|map| map.name() == "dropped") {
        map.pin(folder.join("dropped"))?;
    }
    let cgroup = File::open(CGROUPS).context(CGROUPS)?;
    let link = program(&mut object)?.attach_cgroup(cgroup.as_raw_fd())?;
    pin(link, &folder.join("link"))
}

fn print_dropped(folder: &Path) -> Result<()> {
    let map = MapHandle::from_pinned_path(folder.join("dropped"))?;
    for (key, name) in (0_u32..).zip(DROPPED) {
        let each = map.lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)?;
        let counts = each.unwrap_or_default().into_iter();
        let counts = counts.filter_map(|count| Some(u64::from_ne_bytes(count.try_into().ok()?)));
        println!("{name} {}", counts.sum::<u64>());
    }
    Ok(())
}

fn main() -> Result<()> {
    let command = Arguments::parse().command;
    let (Command::Prefixes(Folder { folder })
    | Command::Stream(Folder { folder })
    | Command::Dropped(Folder { folder })) = &command;
    if !matches!(command, Command::Dropped(_)) {
        fs::create_dir(folder).with_context(|| format!("{}", folder.display()))?;
    }
    match command {
        Command::Prefixes(_) => attach_prefixes(folder),
        Command::Stream(_) => attach_stream(folder),
        Command::Dropped(_) => print_dropped(folder),
    }
}
