// SPDX-License-Identifier: GPL-2.0
//! Whose connections are that events tell of.

use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use nix::net::if_::if_nametoindex;

use super::{Event, Found, Receiver};
use crate::netns::Netns;
use crate::owner::{Cgroup, Cgroups, Process, Processes, CGROUPS, PROC};
use crate::snapshot::Snapshot;
use crate::sock_diag::{SockDiag, TcpSocket};

/// The unit of an init process, which holds listeners that it has made for other units.
const INIT: &str = "init.scope";

/// Whose a connection is, as far as that can be found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Culprit {
    /// The processes that hold its socket, or if there are none, its listener.
    pub(crate) holders: Vec<Rc<Process>>,
    /// The control group of the first of these, or else `made_in`.
    pub(crate) cgroup: Option<Cgroup>,
    /// The control group that its listener was made in. Rules ask for this one.
    pub(crate) made_in: Option<Cgroup>,
    /// `initial`, or what `ip netns` calls its network namespace.
    pub(crate) netns: Option<String>,
}

/// The sockets that a connection may be received by.
#[derive(Default)]
struct Sockets {
    own: Option<TcpSocket>,
    /// All that listen on its port.
    listeners: Vec<TcpSocket>,
}

/// All that may own sockets, as it was when it was last looked for. What is taken from here is checked.
#[derive(Default)]
pub(crate) struct Owners {
    processes: Snapshot<Processes>,
    cgroups: Snapshot<Cgroups>,
    namespaces: Snapshot<Vec<Netns>>,
}

impl Owners {
    /// Whose the connection is that an event tells of.
    pub(crate) fn culprit(&mut self, event: &Event, found: &Found) -> Culprit {
        let mut culprit = Culprit::default();
        if let Some(receiver) = found.receiver {
            culprit.made_in = receiver.cgroup.and_then(|id| self.cgroup(id));
            culprit.holders = self.holders(event, found, receiver);
        }
        let mut of_holders = culprit.holders.iter().flat_map(|holder| &holder.cgroup);
        culprit.cgroup = of_holders.next().or(culprit.made_in.as_ref()).cloned();
        let netns = self.netns(event.netns);
        culprit.netns = netns.and_then(|netns| netns.name.clone());
        culprit
    }

    fn cgroup(&mut self, id: u64) -> Option<Cgroup> {
        // No other group ever gets its number.
        if self.cgroups.value.get(id).is_none() {
            self.cgroups.renew(|| Cgroups::read(Path::new(CGROUPS)));
        }
        self.cgroups.value.get(id).cloned()
    }

    fn netns(&self, inode: u64) -> Option<&Netns> {
        let mut namespaces = self.namespaces.value.iter();
        namespaces.find(|netns| netns.inode == inode)
    }

    /// The processes that hold the socket that receives a connection, or its listener.
    fn holders(&mut self, event: &Event, found: &Found, receiver: Receiver) -> Vec<Rc<Process>> {
        let Some(Sockets { own, listeners }) = self.sockets(event, found, receiver) else {
            return Vec::new();
        };
        let of_own = own.map(|own| self.holding(own.inode)).unwrap_or_default();
        if !of_own.is_empty() {
            return of_own;
        }
        let listeners = listeners_of(event, receiver, listeners);
        let mut of_all: Option<Vec<Rc<Process>>> = None;
        for listener in listeners {
            let holders = self.holding(listener.inode);
            match &mut of_all {
                None => of_all = Some(holders),
                Some(of_all) => of_all.retain(|one| holders.iter().any(|two| one.pid == two.pid)),
            }
        }
        let mut holders = of_all.unwrap_or_default();
        // A listener that was made since is another.
        let time = since_boot(event.time);
        holders.retain(|holder| time.is_some_and(|time| holder.was_there_at(time)));
        holders.sort_by_key(|holder| {
            let cgroup = holder.cgroup.as_ref();
            cgroup.and_then(Cgroup::unit) == Some(INIT)
        });
        holders
    }

    /// The processes that hold a socket now, as far as they were found.
    fn holding(&mut self, inode: u32) -> Vec<Rc<Process>> {
        let holders = self.processes.value.still_holding(inode);
        let read = || Processes::read(Path::new(PROC)).unwrap_or_default();
        if inode != 0 && holders.is_empty() && self.processes.renew(read) {
            return self.processes.value.still_holding(inode);
        }
        holders
    }

    /// Looks for the sockets; none, if its network namespace cannot be entered.
    fn sockets(&mut self, event: &Event, found: &Found, receiver: Receiver) -> Option<Sockets> {
        let look = |netns: Option<&Netns>| match netns {
            Some(netns) => netns.enter(|| Sockets::find(event, found, receiver)),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match look(self.netns(event.netns)) {
            // It is new, or the process has ended by which it was known.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let read = || Netns::all(Path::new(PROC)).unwrap_or_default();
                self.namespaces.renew(read);
                look(self.netns(event.netns)).ok()
            }
            looked => looked.ok(),
        }
    }
}

impl Sockets {
    fn find(event: &Event, found: &Found, receiver: Receiver) -> io::Result<Self> {
        let diag = SockDiag::open()?;
        let find = |device| diag.find(event.local, event.peer, device, receiver.cookie);
        let mut own = find(0)?;
        if let (None, Ok(device)) = (&own, if_nametoindex(found.device.as_str())) {
            own = find(device)?;
        }
        Ok(Self {
            own: own.filter(|own| !own.is_listening),
            listeners: diag.listeners(event.local.port())?,
        })
    }
}

/// Those of the listeners on its port that a connection may come from: the kernel prefers those at its address, unless
/// they are bound to another device.
fn listeners_of(event: &Event, receiver: Receiver, all: Vec<TcpSocket>) -> Vec<TcpSocket> {
    if let Some(listener) = all.iter().find(|one| one.cookie() == receiver.cookie) {
        return vec![listener.clone()];
    }
    let address = event.local.ip();
    let may = |one: &TcpSocket| {
        let made_in = one.cgroup_id.zip(receiver.cgroup);
        one.takes(address) && made_in.is_none_or(|(one, its)| one == its)
    };
    let (exact, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(may)
        .partition(|one| one.local.ip() == address);
    match exact.iter().any(|one| !one.is_bound_to_device()) {
        true => exact,
        false => [exact, others].concat(),
    }
}

/// A time in nanoseconds since 1970, since the system began; at most a clock tick too early.
fn since_boot(time: u64) -> Option<Duration> {
    let uptime = fs::read_to_string(Path::new(PROC).join("uptime")).ok()?;
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let now = u64::try_from(Timestamp::now().as_nanosecond()).ok()?;
    let elapsed = Duration::from_nanos(now.saturating_sub(time));
    Duration::try_from_secs_f64(uptime)
        .ok()?
        .checked_sub(elapsed)
}
