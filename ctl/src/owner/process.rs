// SPDX-License-Identifier: GPL-2.0
//! Processes, by the sockets that they hold.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str;
use std::time::Duration;

use nix::unistd::{sysconf, SysconfVar};

use super::Cgroup;

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Its name, of 15 bytes at most, as `ps` and `ss` show it.
    pub(crate) name: String,
    /// The name of the file that it executes.
    pub(crate) executable: Option<String>,
    pub(crate) cgroup: Option<Cgroup>,
    /// When it began, since the system did; at most a clock tick too early.
    pub(crate) began: Option<Duration>,
}

impl Process {
    fn read(folder: &Path, pid: u32) -> io::Result<Self> {
        let name = fs::read(folder.join("comm"))?;
        // Behind that of a file that was replaced meanwhile, the kernel says so.
        let executable = fs::read_link(folder.join("exe")).ok().and_then(|path| {
            let name = path.file_name()?.to_string_lossy();
            Some(name.trim_end_matches(" (deleted)").to_owned())
        });
        let cgroup = fs::read_to_string(folder.join("cgroup")).ok();
        Ok(Self {
            pid,
            name: String::from_utf8_lossy(name.trim_ascii_end()).into_owned(),
            executable,
            cgroup: cgroup.as_deref().and_then(Cgroup::of_process),
            began: fs::read(folder.join("stat"))
                .ok()
                .and_then(|stat| began(&stat)),
        })
    }

    /// Whether it is certain that it was there before a time since the system began, which is also told at most a clock
    /// tick too early.
    pub(crate) fn was_there_at(&self, time: Duration) -> bool {
        const TICK: Duration = Duration::from_millis(10);
        self.began.is_some_and(|began| began + TICK <= time)
    }

    /// The two names that it goes by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.name.as_str()), self.executable.as_deref()]
            .into_iter()
            .flatten()
    }
}

/// A process that holds a socket.
#[derive(Debug)]
struct Holder {
    process: Rc<Process>,
    /// The open file that is the socket, in its `/proc/PID/fd`.
    file: PathBuf,
}

/// The processes that hold sockets.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    by_socket: HashMap<u32, Vec<Holder>>,
    /// How many processes did not show their open files, for lack of rights.
    pub(crate) hidden: u64,
}

impl Processes {
    /// Looks into all processes of a `/proc`.
    pub(crate) fn read(proc: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for pid in pids(proc)? {
            let folder = proc.join(pid.to_string());
            match sockets(&folder) {
                Ok(sockets) if sockets.is_empty() => {}
                Ok(sockets) => {
                    // It may end meanwhile.
                    let Ok(process) = Process::read(&folder, pid).map(Rc::new) else {
                        continue;
                    };
                    for (socket, file) in sockets {
                        let process = Rc::clone(&process);
                        let holders = found.by_socket.entry(socket).or_default();
                        holders.push(Holder { process, file });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.hidden += 1,
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Those that hold a socket, by its inode, in the order of their numbers.
    pub(crate) fn holding(&self, inode: u32) -> Vec<Rc<Process>> {
        let holders = self.holders(inode).iter();
        holders.map(|holder| Rc::clone(&holder.process)).collect()
    }

    /// Those of them that hold it still, if not by another open file. Whatever has become of the process
    /// meanwhile, also of its number: one that has the socket in that place is the same, or made from it.
    pub(crate) fn still_holding(&self, inode: u32) -> Vec<Rc<Process>> {
        let holders = self.holders(inode).iter();
        let still = holders.filter(|holder| socket_at(&holder.file) == Some(inode));
        still.map(|holder| Rc::clone(&holder.process)).collect()
    }

    fn holders(&self, inode: u32) -> &[Holder] {
        self.by_socket.get(&inode).map_or(&[], Vec::as_slice)
    }
}

/// The numbers of all processes of a `/proc`, in order.
pub(crate) fn pids(proc: &Path) -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir(proc)? {
        pids.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u32>().ok()),
        );
    }
    pids.sort_unstable();
    Ok(pids)
}

/// The inodes of the sockets that a process has open, each once, with one of its open files.
fn sockets(process: &Path) -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut sockets = BTreeMap::new();
    for entry in fs::read_dir(process.join("fd"))? {
        let file = entry?.path();
        sockets.extend(socket_at(&file).map(|inode| (inode, file)));
    }
    Ok(sockets)
}

/// The inode of an open file that is a socket. It may be closed meanwhile.
fn socket_at(file: &Path) -> Option<u32> {
    let target = fs::read_link(file).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

/// When a process began, from its `/proc/PID/stat`: the 20th field behind its name, which may hold anything.
fn began(stat: &[u8]) -> Option<Duration> {
    let behind = stat.rsplit(|&byte| byte == b')').next()?;
    let mut fields = str::from_utf8(behind).ok()?.split_whitespace();
    let ticks: u64 = fields.nth(19)?.parse().ok()?;
    let per_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    Some(Duration::from_millis(ticks.checked_mul(1000)? / per_second))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Makes a process, in a tree of files like /proc.
    fn add(proc: &Path, pid: u32, name: &str, executable: &str, files: &[&str]) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        fs::write(folder.join("cgroup"), "0::/system.slice/web.service\n").unwrap();
        symlink(executable, folder.join("exe")).unwrap();
        let stat = format!("{pid} ({name}) ) S {}4711 0", "1 ".repeat(18));
        fs::write(folder.join("stat"), stat).unwrap();
        for (number, target) in files.iter().enumerate() {
            symlink(target, folder.join(format!("fd/{number}"))).unwrap();
        }
    }

    #[test]
    fn a_socket_is_held_by_whoever_has_it_open() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        fs::create_dir(proc.join("sys")).unwrap();
        let web = "/usr/sbin/web";
        add(
            proc,
            20,
            "worker 1",
            web,
            &["socket:[7]", "socket:[7]", "/dev/null"],
        );
        add(
            proc,
            3,
            "web",
            &format!("{web} (deleted)"),
            &["socket:[7]", "socket:[8]"],
        );
        add(
            proc,
            4,
            "other",
            "/bin/other",
            &["pipe:[7]", "anon_inode:[eventpoll]"],
        );
        let processes = Processes::read(proc).unwrap();
        let holders = |inode| {
            let holders = processes.holding(inode).into_iter();
            holders.map(|process| process.pid).collect::<Vec<_>>()
        };
        assert_eq!(holders(7), [3, 20]);
        assert_eq!(holders(8), [3]);
        assert!(holders(9).is_empty());
        assert_eq!(processes.hidden, 0);
        let worker = &processes.holding(7)[1];
        assert_eq!(worker.names().collect::<Vec<_>>(), ["worker 1", "web"]);
        assert_eq!(processes.holding(8)[0].executable.as_deref(), Some("web"));
        let cgroup = worker.cgroup.as_ref().unwrap();
        assert_eq!(cgroup.unit(), Some("web.service"));
        assert_eq!(worker.began, Some(Duration::from_millis(47_110)));
        assert!(worker.was_there_at(Duration::from_millis(47_120)));
        assert!(!worker.was_there_at(Duration::from_millis(47_119)));
    }

    #[test]
    fn who_has_closed_a_socket_holds_it_no_longer() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        for pid in [3, 4] {
            add(proc, pid, "web", "/usr/sbin/web", &["socket:[7]"]);
        }
        let processes = Processes::read(proc).unwrap();
        assert_eq!(processes.still_holding(7).len(), 2);
        let file = proc.join("3/fd/0");
        fs::remove_file(&file).unwrap();
        assert_eq!(processes.still_holding(7)[0].pid, 4);
        symlink("socket:[8]", &file).unwrap();
        assert_eq!(processes.still_holding(7).len(), 1);
        assert_eq!(processes.holding(7).len(), 2);
    }

    #[test]
    fn without_proc_nothing_is_said() {
        let empty = tempfile::tempdir().unwrap();
        assert!(Processes::read(&empty.path().join("proc")).is_err());
    }
}
