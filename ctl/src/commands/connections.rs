// SPDX-License-Identifier: GPL-2.0
//! `filterctl connections`: lists inbound connections, and ends them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use anyhow::{bail, Result};
use serde_json::{json, Value};

use crate::cli::{Connections, Selectors};
use crate::connections::{end, plan, Connection, Outcome, Survey};
use crate::human::{self, counted};
use crate::json::{joined, SCHEMA_VERSION};
use crate::layout::{self, line};
use crate::netns::Netns;
use crate::owner::{self, Cgroup};
use crate::style::{FAINT, HEADING};

/// What stands for what is not known.
const UNKNOWN: &str = "-";

/// From how many on the processes of a line are only counted.
const MANY: usize = 4;

/// What is told of connections that have all of it in common.
const COLUMNS: [&str; 6] = [
    "local",
    "program",
    "pid",
    "unit or container",
    "netns",
    "connections",
];

/// Lists the selected connections; with `--end`, tells what would become of each, and with `--yes`, does it.
pub(crate) fn run(arguments: &Connections, out: &mut dyn Write) -> Result<()> {
    let survey = Survey::take()?;
    tell_what_is_hidden(&survey);
    for name in &arguments.selectors.netns {
        let mut namespaces = survey.namespaces.iter();
        if !namespaces.any(|netns| netns.is_called(name)) {
            bail!("there is no network namespace {name} to be seen");
        }
    }
    let mut connections = survey.connections;
    connections.retain(|connection| is_selected(&arguments.selectors, connection));
    if arguments.end {
        plan(&mut connections, arguments.ssh);
    }
    if arguments.yes {
        end(&mut connections);
    }
    if arguments.json {
        for connection in &connections {
            writeln!(out, "{}", to_json(connection))?;
        }
    } else {
        show(&connections, arguments.long || arguments.end, out)?;
        summarise(&connections, out)?;
    }
    let mut reasons = outcomes(&connections).filter_map(Outcome::reason);
    let Some(reason) = reasons.next() else {
        return Ok(());
    };
    let failed = counted(1 + reasons.count() as u64, "connection");
    bail!("{failed} could not be ended: {reason}")
}

/// Says on stderr what is missing below.
fn tell_what_is_hidden(survey: &Survey) {
    // There is nowhere left to tell of an error in telling of an error.
    let tell = |text: fmt::Arguments<'_>| _ = writeln!(io::stderr(), "filterctl: {text}");
    if survey.hidden > 0 {
        tell(format_args!(
            "only root sees the sockets and network namespaces of all processes; {} are hidden",
            human::count(survey.hidden)
        ));
    }
    for (netns, error) in &survey.closed {
        tell(format_args!("network namespace {netns}: {error}"));
    }
}

/// Whether a connection was asked for: where there are selectors of a kind, one of them has to fit.
fn is_selected(selectors: &Selectors, connection: &Connection) -> bool {
    fn one_of<T>(selectors: &[T], fits: impl FnMut(&T) -> bool) -> bool {
        selectors.is_empty() || selectors.iter().any(fits)
    }
    let port = connection.socket.local.port();
    one_of(&selectors.port, |ports| ports.0.contains(&port))
        && one_of(&selectors.program, |name| connection.is_of_program(name))
        && one_of(&selectors.unit, |unit| connection.is_of_unit(unit))
        && one_of(&selectors.netns, |name| connection.netns.is_called(name))
}

fn outcomes(connections: &[Connection]) -> impl Iterator<Item = &Outcome> {
    connections
        .iter()
        .filter_map(|connection| connection.outcome.as_ref())
}

fn to_json(connection: &Connection) -> Value {
    let Connection {
        netns,
        socket,
        holders,
        cgroup,
        is_ssh,
        outcome,
    } = connection;
    let common = json!({
        "schema_version": SCHEMA_VERSION,
        "netns": {"inode": netns.inode, "name": netns.name},
        "local": socket.local.to_string(),
        "peer": socket.peer.to_string(),
        "state": socket.state,
    });
    let state = json!({
        "bytes_received": socket.received.map(|(bytes, _)| bytes),
        "idle": socket.received.map(|(_, elapsed)| elapsed.as_millis() as f64 / 1000.0),
        "ssh": is_ssh,
        "outcome": outcome.as_ref().map(Outcome::name),
        "error": outcome.as_ref().and_then(Outcome::reason),
    });
    joined([common, owner::json::object(holders, cgroup.as_ref()), state])
}

/// What connections have in common that are told of together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    netns: &'a Netns,
    port: u16,
    local: SocketAddr,
    program: Option<String>,
    place: Option<String>,
}

impl<'a> Group<'a> {
    fn of(connection: &'a Connection) -> Self {
        let local = connection.socket.local;
        Self {
            netns: &connection.netns,
            port: local.port(),
            local,
            program: connection.program(),
            place: connection.cgroup.as_ref().map(Cgroup::to_string),
        }
    }

    /// What is told of it: all this, its processes, and how many connections it has.
    fn cells(&self, connections: &[&Connection]) -> [String; 6] {
        let known = |text: &Option<String>| text.as_deref().unwrap_or(UNKNOWN).to_owned();
        [
            self.local.to_string(),
            known(&self.program),
            pids(connections),
            known(&self.place),
            self.netns.to_string(),
            human::count(connections.len() as u64),
        ]
    }
}

/// What is told of a connection alone: its peer, processes and state, and what it has received.
fn cells(connection: &Connection) -> [String; 4] {
    let socket = &connection.socket;
    let received = socket.received.map(|(bytes, elapsed)| {
        let ago = human::ago(elapsed.as_secs());
        match bytes {
            0 => format!("received nothing, made {ago}"),
            _ => format!("received {}, last {ago}", counted(bytes, "byte")),
        }
    });
    [
        socket.peer.to_string(),
        pids(&[connection]),
        socket.state.to_owned(),
        received.unwrap_or_default(),
    ]
}

/// The processes that hold connections, or if there are many, how many.
fn pids(connections: &[&Connection]) -> String {
    let holders = connections
        .iter()
        .flat_map(|connection| &connection.holders);
    let pids: BTreeSet<u32> = holders.map(|holder| holder.pid).collect();
    match pids.len() {
        0 => UNKNOWN.to_owned(),
        many @ MANY.. => format!("{many} processes"),
        _ => pids
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(","),
    }
}

/// Shows connections by what they have in common, and each one, if asked for.
fn show(connections: &[Connection], is_long: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut groups: BTreeMap<Group<'_>, Vec<&Connection>> = BTreeMap::new();
    for connection in connections {
        groups
            .entry(Group::of(connection))
            .or_default()
            .push(connection);
    }
    if groups.is_empty() {
        return Ok(());
    }
    let heading = COLUMNS.map(str::to_owned);
    let groups = groups
        .iter()
        .map(|(group, members)| (group.cells(members), members));
    let groups: Vec<_> = groups.collect();
    let widths = layout::widths(groups.iter().map(|(cells, _)| cells).chain([&heading]));
    let each: Vec<_> = connections.iter().map(cells).collect();
    let widths_of_each = layout::widths(each.iter());
    writeln!(out, "{HEADING}{}{HEADING:#}", line(&heading, &widths))?;
    for (group, members) in groups {
        writeln!(out, "{}", line(&group, &widths))?;
        for member in members.iter().filter(|_| is_long) {
            write!(out, "  ")?;
            if let Some(outcome) = &member.outcome {
                let style = style(outcome);
                write!(out, "{style}{:9}{style:#}  ", outcome.name())?;
            }
            writeln!(out, "{}", line(&cells(member), &widths_of_each))?;
        }
    }
    Ok(())
}

fn style(outcome: &Outcome) -> Style {
    match outcome {
        Outcome::WouldEnd | Outcome::Ended | Outcome::Gone => Style::new(),
        Outcome::Kept => AnsiColor::Yellow.on_default(),
        Outcome::Failed(_) => AnsiColor::Red.on_default().bold(),
    }
}

/// Says how many there are, what becomes of them, and what else can be done.
fn summarise(connections: &[Connection], out: &mut dyn Write) -> io::Result<()> {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in outcomes(connections) {
        *numbers.entry(outcome.name()).or_default() += 1;
    }
    let total = counted(connections.len() as u64, "inbound connection");
    write!(out, "{HEADING}{total}{HEADING:#}")?;
    let mut separator = ":";
    for (name, &number) in &numbers {
        write!(out, "{separator} {} {name}", human::count(number))?;
        separator = ",";
    }
    writeln!(out)?;
    for (outcome, advice) in [
        (Outcome::WouldEnd, "--yes ends them"),
        (
            Outcome::Kept,
            "--ssh ends also what sshd holds, or may hold",
        ),
    ] {
        if numbers.contains_key(outcome.name()) {
            writeln!(out, "{FAINT}->{FAINT:#} {advice}")?;
        }
    }
    Ok(())
}
