// SPDX-License-Identifier: GPL-2.0
//! `filterctl links`: network interfaces and their addresses, and what changes.

mod json;
mod people;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use jiff::Timestamp;

use crate::cli::Links;
use crate::links::{Change, Link, Notice, State};
use crate::netns::Netns;
use crate::queue::{Entrance, Queue, Waited};
use crate::rtnetlink::{Monitor, Reader};
use crate::style::FAINT;

use people::People;

/// How many datagrams wait until they are looked into; further ones wait in the socket.
const LENGTH: usize = 4 << 10;

/// How long after changes all is read anew: the kernel does not tell everything, such as that an address of IPv6 is
/// tentative again where it is kept while its interface is down.
const SETTLED: Duration = Duration::from_secs(1);

/// How often it is at least: of other names, for one, nothing is told while an interface is down.
const LOOK: Duration = Duration::from_secs(10);

/// How long after changes were lost: there may be more of them to come.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the state is asked for, if changes are made meanwhile again and again.
const ATTEMPTS: u32 = 50;

/// Tells of interfaces as they are, and with `--follow` of what changes.
pub(crate) fn run(arguments: &Links, out: &mut dyn Write) -> Result<()> {
    let netns = arguments.netns.as_deref().map(namespace).transpose()?;
    let mut teller = Teller::new(arguments);
    if arguments.follow {
        // Subscribed before anything is asked.
        let open = || Ok((Monitor::open()?, Reader::open()?));
        let (monitor, reader) = opened(netns.as_ref(), open)?;
        return Follower::new(monitor, reader)?.follow(&mut teller, out);
    }
    let mut reader = opened(netns.as_ref(), Reader::open)?;
    let state = read(&mut reader, &mut teller)?;
    teller.tell_state(&state, out)?;
    match &teller.selection.absent(&state)[..] {
        [] => Ok(()),
        absent => bail!("there is no interface {}", absent.join(", ")),
    }
}

/// The network namespace that a name or a number means.
fn namespace(name: &str) -> Result<Netns> {
    let mut all = Netns::all(Path::new("/proc"))?.into_iter();
    let found = all.find(|netns| netns.is_called(name));
    found.with_context(|| format!("there is no network namespace {name} to be seen"))
}

/// Opens sockets, in a network namespace if one is named: they stay in it.
fn opened<T: Send>(
    netns: Option<&Netns>,
    open: impl FnOnce() -> io::Result<T> + Send,
) -> Result<T> {
    let opened = match netns {
        Some(netns) => netns.enter(open),
        None => open(),
    };
    opened.context("cannot open a netlink socket")
}

/// The state as it is, with as many attempts as it takes, within reason.
fn read(reader: &mut Reader, teller: &mut Teller) -> Result<State> {
    for _ in 0..ATTEMPTS {
        if let Some(notices) = reader.read().context("cannot read the interfaces")? {
            return Ok(notices.into_iter().inspect(|it| teller.heed(it)).collect());
        }
        std::thread::sleep(PAUSE);
    }
    bail!("interfaces or addresses change faster than they can be read: try again later")
}

/// What was heard.
enum Heard {
    Notices(Timestamp, Vec<Notice>),
    /// Something was missed.
    Overrun,
}

/// Puts all that is heard into a queue. While that is full, it waits in the socket; when that is full as well, the
/// kernel tells, and it is as if more had come than could be received.
fn listen(mut monitor: Monitor, queue: &Entrance<Heard>) {
    loop {
        let heard = match monitor.receive() {
            Ok(Some(notices)) => Heard::Notices(Timestamp::now(), notices),
            Ok(None) => Heard::Overrun,
            Err(error) => {
                let error = anyhow::Error::new(error);
                return queue.fail(error.context("cannot receive a netlink message"));
            }
        };
        if !queue.put(heard) {
            return;
        }
    }
}

/// What follows the changes.
struct Follower {
    reader: Reader,
    queue: Queue<Heard>,
    /// What was told; nothing yet, before the first.
    state: Option<State>,
    /// Whether changes were lost since all was read.
    has_missed: bool,
    /// When all is to be read anew.
    due: Instant,
    /// When it was tried last.
    looked: Instant,
}

impl Follower {
    fn new(monitor: Monitor, reader: Reader) -> Result<Self> {
        let queue = Queue::new(LENGTH, move |queue| listen(monitor, queue))?;
        let now = Instant::now();
        Ok(Self {
            reader,
            queue,
            state: None,
            has_missed: false,
            due: now,
            looked: now,
        })
    }

    fn follow(mut self, teller: &mut Teller, out: &mut dyn Write) -> Result<()> {
        if teller.people.is_some() && io::stdout().is_terminal() {
            // There is nowhere left to tell of an error in telling of an error.
            let _ = writeln!(anstream::stderr(), "{FAINT}listening until Ctrl-C{FAINT:#}");
        }
        loop {
            match self.queue.next(Some(self.due))? {
                Waited::Interrupted => return Ok(()),
                Waited::Late => self.look(teller, out)?,
                Waited::Received(Heard::Notices(time, notices)) => {
                    self.take(time, notices, teller, out)?;
                }
                Waited::Received(Heard::Overrun) => self.miss(),
            }
            out.flush()?;
        }
    }

    /// Tells what is new of what was heard. What comes before all was read for the first time, that has.
    fn take(
        &mut self,
        time: Timestamp,
        notices: Vec<Notice>,
        teller: &mut Teller,
        out: &mut dyn Write,
    ) -> Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        for notice in notices {
            teller.heed(&notice);
            let changes = state.apply(notice);
            teller.tell_changes(time, &changes, state, out)?;
        }
        if !self.has_missed {
            self.due = (self.looked + LOOK).min(Instant::now() + SETTLED);
        }
        Ok(())
    }

    /// Some of what the kernel has told was lost.
    fn miss(&mut self) {
        if !self.has_missed {
            self.has_missed = true;
            self.due = Instant::now() + PAUSE;
        }
    }

    /// Reads all anew, and tells what differs from what is known.
    fn look(&mut self, teller: &mut Teller, out: &mut dyn Write) -> Result<()> {
        let notices = self.reader.read().context("cannot read the interfaces")?;
        let Some(notices) = notices else {
            self.looked = Instant::now();
            self.due = self.looked + PAUSE;
            return Ok(());
        };
        let mut new: State = notices.into_iter().inspect(|it| teller.heed(it)).collect();
        let has_missed = std::mem::take(&mut self.has_missed);
        // What was heard meanwhile may be older than the answer, or newer: it is taken in before anything is told.
        while let Some(heard) = self.queue.ready()? {
            match heard {
                Heard::Notices(_, notices) => {
                    for notice in notices {
                        teller.heed(&notice);
                        new.apply(notice);
                    }
                }
                Heard::Overrun => self.miss(),
            }
        }
        self.looked = Instant::now();
        if !self.has_missed {
            self.due = self.looked + LOOK;
        }
        let time = Timestamp::now();
        match &mut self.state {
            None => {
                teller.tell_state(&new, out)?;
                teller.tell_absent(time, &new, out)?;
                self.state = Some(new);
            }
            Some(state) => {
                if has_missed {
                    teller.tell_resync(time, out)?;
                }
                for change in state.become_like(new) {
                    teller.tell_changes(time, &[change], state, out)?;
                }
            }
        }
        Ok(())
    }
}

/// Which interfaces are asked for.
struct Selection {
    /// All, if none is named.
    names: Vec<String>,
    /// Those that had one of these names.
    followed: BTreeSet<u32>,
}

impl Selection {
    fn has_name(&self, link: &Link) -> bool {
        self.names.iter().any(|name| link.is_called(name))
    }

    /// Whether it is one of them, and is followed from now on.
    fn takes(&mut self, link: &Link) -> bool {
        if self.names.is_empty() || self.followed.contains(&link.index) {
            return true;
        }
        self.has_name(link) && self.followed.insert(link.index)
    }

    /// Whether it is one of them already.
    fn has(&self, index: u32) -> bool {
        self.names.is_empty() || self.followed.contains(&index)
    }

    /// The names of which there is none.
    fn absent(&self, state: &State) -> Vec<&str> {
        let names = self.names.iter().map(String::as_str);
        let is_there = |name: &str| state.links().any(|link| link.is_called(name));
        names.filter(|name| !is_there(name)).collect()
    }
}

/// What tells it, in either form.
struct Teller {
    selection: Selection,
    /// For people; for programs, if there is none.
    people: Option<People>,
    /// Why messages could not be read: each reason is told once.
    unread: BTreeSet<String>,
}

impl Teller {
    fn new(arguments: &Links) -> Self {
        Self {
            selection: Selection {
                names: arguments.interfaces.clone(),
                followed: BTreeSet::new(),
            },
            people: (!arguments.json).then(People::new),
            unread: BTreeSet::new(),
        }
    }

    /// Tells on stderr what the kernel has told that cannot be read.
    fn heed(&mut self, notice: &Notice) {
        if let Notice::Unread(why) = notice {
            if self.unread.insert(why.clone()) {
                // There is nowhere left to tell of an error in telling of an error.
                let _ = writeln!(
                    io::stderr(),
                    "filterctl: a part of what the kernel tells cannot be read, and is left out: {why}"
                );
            }
        }
    }

    fn tell_state(&mut self, state: &State, out: &mut dyn Write) -> Result<()> {
        let selection = &mut self.selection;
        let links = state.links().filter(|link| selection.takes(link));
        let links: Vec<_> = links.map(|link| state.named(link)).collect();
        if let Some(people) = &mut self.people {
            return Ok(people.tell_state(&links, state, out)?);
        }
        let time = Timestamp::now();
        for named in &links {
            writeln!(out, "{}", json::link_state(time, named))?;
            for address in state.addresses(named.link.index) {
                let link = Some(named.link.name.as_str());
                writeln!(out, "{}", json::address_state(time, link, address))?;
            }
        }
        Ok(())
    }

    fn tell_absent(&mut self, time: Timestamp, state: &State, out: &mut dyn Write) -> Result<()> {
        for name in self.selection.absent(state) {
            match &mut self.people {
                Some(people) => people.tell_absent(time, name, out)?,
                None => writeln!(out, "{}", json::absent(time, name))?,
            }
        }
        Ok(())
    }

    fn tell_resync(&mut self, time: Timestamp, out: &mut dyn Write) -> Result<()> {
        match &mut self.people {
            Some(people) => people.tell_resync(time, out)?,
            None => writeln!(out, "{}", json::resync(time))?,
        }
        Ok(())
    }

    /// Tells of changes of the selected interfaces, after which the state is as it is.
    fn tell_changes(
        &mut self,
        time: Timestamp,
        changes: &[Change],
        state: &State,
        out: &mut dyn Write,
    ) -> Result<()> {
        for change in changes {
            let Some(index) = change.index() else {
                continue;
            };
            let mut is_found = false;
            if let Change::Link {
                after: Some(after),
                before,
                ..
            } = change
            {
                let was_followed = self.selection.has(index);
                is_found = self.selection.takes(&after.link) && !was_followed && before.is_some();
            }
            if !self.selection.has(index) {
                continue;
            }
            self.tell_change(time, change, out)?;
            // It has got one of the names, and had its addresses before.
            let own = state.addresses(index).filter(|_| is_found);
            for address in own {
                let link = state.name(index);
                match &mut self.people {
                    Some(people) => people.tell_address(time, link, address, out)?,
                    None => writeln!(out, "{}", json::address_state(time, link, address))?,
                }
            }
            if let Change::Link { after: None, .. } = change {
                self.selection.followed.remove(&index);
            }
        }
        Ok(())
    }

    fn tell_change(&mut self, time: Timestamp, change: &Change, out: &mut dyn Write) -> Result<()> {
        match &mut self.people {
            Some(people) => people.tell_change(time, change, out)?,
            None => {
                let object = json::change(time, change);
                object.map_or(Ok(()), |object| writeln!(out, "{object}"))?;
            }
        }
        Ok(())
    }
}
