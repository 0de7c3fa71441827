// SPDX-License-Identifier: GPL-2.0
//! Inbound TCP connections in all network namespaces, and whose they are.

mod ending;

use std::io;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};

use crate::netns::Netns;
use crate::owner::{Cgroup, Cgroups, Process, Processes, CGROUPS, PROC};
use crate::sock_diag::{SockDiag, TcpSocket};

pub(crate) use ending::{end, plan, Outcome};

/// How the names of OpenSSH's server begin: `sshd`, `sshd-session`, `sshd-auth`.
const SSHD: &str = "sshd";

/// What its units are called, up to `.service`, `.socket` or `@`.
const SSH_UNITS: [&str; 2] = ["ssh", "sshd"];

/// A connection with a listener on its local port.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) netns: Rc<Netns>,
    pub(crate) socket: TcpSocket,
    /// The processes that hold its socket; none, if no program has accepted it yet, or all have closed it.
    pub(crate) holders: Vec<Rc<Process>>,
    /// The control group of the first of these, or else the one that the listening socket was made in.
    pub(crate) cgroup: Option<Cgroup>,
    /// Whether it is SSH's; none, if that is not known.
    pub(crate) is_ssh: Option<bool>,
    /// What becomes of it; none, as long as nobody wants to end it.
    pub(crate) outcome: Option<Outcome>,
}

impl Connection {
    /// The names of the processes that hold it.
    pub(crate) fn program(&self) -> Option<String> {
        let names = self.holders.iter().map(|holder| holder.name.as_str());
        let mut names: Vec<&str> = names.collect();
        names.dedup();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// Whether a process that holds it goes by this name.
    pub(crate) fn is_of_program(&self, name: &str) -> bool {
        let mut names = self.holders.iter().flat_map(|holder| holder.names());
        names.any(|known| known == name)
    }

    /// Whether it is of a unit or in a control group, as `Cgroup::is_of()` has it.
    pub(crate) fn is_of_unit(&self, unit: &str) -> bool {
        let holders = self.holders.iter();
        let cgroups = holders.filter_map(|holder| holder.cgroup.as_ref());
        cgroups.chain(&self.cgroup).any(|cgroup| cgroup.is_of(unit))
    }
}

/// What there is to see on this host.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) namespaces: Vec<Rc<Netns>>,
    pub(crate) connections: Vec<Connection>,
    /// How many processes showed neither their files nor their network namespaces.
    pub(crate) hidden: u64,
    /// The network namespaces that could not be entered.
    pub(crate) closed: Vec<(Rc<Netns>, io::Error)>,
}

impl Survey {
    pub(crate) fn take() -> Result<Self> {
        let proc = Path::new(PROC);
        let namespaces = Netns::all(proc).context("/proc cannot be read")?;
        let namespaces: Vec<_> = namespaces.into_iter().map(Rc::new).collect();
        let (mut sockets, mut closed) = (Vec::new(), Vec::new());
        for netns in &namespaces {
            match netns.enter(|| SockDiag::open()?.sockets()) {
                Ok(found) => sockets.push((netns, found)),
                // It has ended meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    return Err(error).context("connections cannot be listed");
                }
                Err(error) => closed.push((Rc::clone(netns), error)),
            }
        }
        // Only now: a program may have opened a socket that is not known above, but not the other way round.
        let owners = Owners {
            processes: Processes::read(proc).context("/proc cannot be read")?,
            cgroups: Cgroups::read(Path::new(CGROUPS)),
        };
        let mut connections = Vec::new();
        for (netns, sockets) in sockets {
            connections.extend(owners.inbound(netns, sockets));
        }
        Ok(Self {
            namespaces,
            connections,
            hidden: owners.processes.hidden,
            closed,
        })
    }
}

/// All that may own sockets.
struct Owners {
    processes: Processes,
    cgroups: Cgroups,
}

impl Owners {
    /// The inbound connections among the sockets of a network namespace.
    fn inbound(&self, netns: &Rc<Netns>, sockets: Vec<TcpSocket>) -> Vec<Connection> {
        let (listeners, others): (Vec<_>, Vec<_>) =
            sockets.into_iter().partition(|socket| socket.is_listening);
        let mut connections = Vec::new();
        for socket in others {
            let local = socket.local;
            let of_port = listeners
                .iter()
                .filter(|other| other.local.port() == local.port());
            let mut takers = of_port.clone();
            if !takers.any(|other| other.takes(local.ip())) {
                continue;
            }
            let holders = self.processes.holding(socket.inode);
            let cgroup = holders.iter().find_map(|holder| holder.cgroup.as_ref());
            connections.push(Connection {
                netns: Rc::clone(netns),
                cgroup: cgroup.or_else(|| self.cgroup_of(&socket)).cloned(),
                is_ssh: any(of_port.chain([&socket]).map(|socket| self.is_ssh(socket))),
                outcome: None,
                holders,
                socket,
            });
        }
        connections.sort_by_key(|connection| {
            let TcpSocket { local, peer, .. } = connection.socket;
            (local.port(), local, peer)
        });
        connections
    }

    /// Whether a socket is SSH's. Not known, if what holds it cannot be seen: a program, or the kernel itself.
    fn is_ssh(&self, socket: &TcpSocket) -> Option<bool> {
        let holders = self.processes.holding(socket.inode);
        let made_in = self.cgroup_of(socket);
        let cgroups = holders.iter().filter_map(|holder| holder.cgroup.as_ref());
        if holders.iter().any(|holder| is_sshd(holder)) || cgroups.chain(made_in).any(is_of_ssh) {
            return Some(true);
        }
        (socket.inode == 0 || !holders.is_empty()).then_some(false)
    }

    fn cgroup_of(&self, socket: &TcpSocket) -> Option<&Cgroup> {
        self.cgroups.get(socket.cgroup_id?)
    }
}

fn is_sshd(process: &Process) -> bool {
    process.names().any(|name| name.starts_with(SSHD))
}

fn is_of_ssh(cgroup: &Cgroup) -> bool {
    let stem = cgroup.unit().and_then(|unit| unit.split(['.', '@']).next());
    stem.is_some_and(|stem| SSH_UNITS.contains(&stem))
}

/// Whether one of these is true; not known, if none is but one is not known.
fn any(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut so_far = Some(false);
    for fact in facts {
        match fact {
            Some(true) => return fact,
            Some(false) => {}
            None => so_far = None,
        }
    }
    so_far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_ssh_are_known() {
        for (unit, is_ssh) in [
            ("ssh.service", true),
            ("sshd.service", true),
            ("ssh.socket", true),
            ("sshd@0-192.0.2.1:22-192.0.2.7:5000.service", true),
            ("sshguard.service", false),
            ("ssh-agent.service", false),
            ("session-3.scope", false),
        ] {
            let text = format!("0::/system.slice/{unit}\n");
            let cgroup = Cgroup::of_process(&text).unwrap();
            assert_eq!(is_of_ssh(&cgroup), is_ssh, "{unit}");
        }
    }

    #[test]
    fn one_is_true_before_it_is_not_known() {
        let (yes, no, unknown) = (Some(true), Some(false), None);
        for (facts, all) in [
            (vec![], no),
            (vec![no, no], no),
            (vec![no, unknown, no], unknown),
            (vec![unknown, yes], yes),
            (vec![yes, unknown], yes),
        ] {
            assert_eq!(any(facts.into_iter()), all);
        }
    }
}
