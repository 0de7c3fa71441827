// SPDX-License-Identifier: GPL-2.0
//! Network namespaces.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::thread;

use nix::errno::Errno;
use nix::sched::{setns, CloneFlags};

use crate::owner;

/// Where `ip netns` keeps those that have a name.
const NAMED: &str = "/run/netns";

/// What that of process 1 is called.
const INITIAL: &str = "initial";

/// A network namespace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Netns {
    /// Its number.
    pub(crate) inode: u64,
    /// `initial`, or what `ip netns` calls it.
    pub(crate) name: Option<String>,
    /// A file that stands for it, while the process lives that it is of; none for that of this process.
    file: Option<PathBuf>,
}

impl Netns {
    /// All that have a process or a name, by their numbers; of those of others' processes, only root sees all.
    pub(crate) fn all(proc: &Path) -> io::Result<Vec<Self>> {
        let own = fs::metadata(proc.join("self/ns/net"))?;
        let of_process = |pid| proc.join(format!("{pid}/ns/net"));
        let mut files = vec![(of_process(1), Some(INITIAL.to_owned()))];
        for entry in fs::read_dir(NAMED).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((entry.path(), Some(name)));
        }
        let processes = owner::pids(proc)?.into_iter();
        files.extend(processes.map(|pid| (of_process(pid), None)));
        let mut found = BTreeMap::new();
        for (file, name) in files {
            // Processes end, and a name may be that of a file on which no namespace is mounted.
            let Ok(metadata) = fs::metadata(&file) else {
                continue;
            };
            if metadata.dev() == own.dev() {
                let inode = metadata.ino();
                let file = (inode != own.ino()).then_some(file);
                found.entry(inode).or_insert(Self { inode, name, file });
            }
        }
        Ok(found.into_values().collect())
    }

    /// Does something in the namespace: in a thread of its own, since not everybody who may enter one may come back.
    pub(crate) fn enter<T: Send>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let Some(path) = &self.file else {
            return work();
        };
        let enter = || {
            let file = File::open(path)?;
            if file.metadata()?.ino() != self.inode {
                return Err(Errno::ENOENT.into());
            }
            setns(file, CloneFlags::CLONE_NEWNET)?;
            work()
        };
        let done = thread::scope(|scope| scope.spawn(enter).join());
        done.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }

    /// Whether it is meant by a name, or by a number.
    pub(crate) fn is_called(&self, text: &str) -> bool {
        self.name.as_deref() == Some(text) || text.parse() == Ok(self.inode)
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(name),
            None => f.pad(&self.inode.to_string()),
        }
    }
}
