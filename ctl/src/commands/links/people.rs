// SPDX-License-Identifier: GPL-2.0
//! Links and addresses for people: a table of how they are, and a line for each change.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use crate::human;
use crate::journal::Journal;
use crate::layout;
use crate::links::{Address, Change, Lifetime, Link, Move, Named, State};
use crate::style::{FAINT, HEADING};

const GOOD: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PLAIN: Style = Style::new();

/// What stands for what there is not.
const NONE: &str = "-";

/// What is told of each link, before its addresses.
const COLUMNS: [&str; 7] = ["link", "index", "state", "mtu", "mac", "kind", "master"];

/// Flags of addresses that say how they came to be, and not how they are.
const QUIET: [&str; 6] = [
    "nodad",
    "home",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "stable-privacy",
];

/// What was told so far.
pub(super) struct People {
    journal: Journal,
}

/// A word for what has happened, how it looks, and what there is to tell of it.
type Happening = (&'static str, Style, String);

impl People {
    pub(super) fn new() -> Self {
        Self {
            journal: Journal::new(),
        }
    }

    /// Shows how links and their addresses are.
    pub(super) fn tell_state(
        &self,
        links: &[Named],
        state: &State,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        let heading = COLUMNS.map(str::to_owned);
        let lines: Vec<_> = links.iter().map(cells).collect();
        let widths = layout::widths(lines.iter().chain([&heading]));
        let [indent, ..] = widths;
        let end = widths.iter().sum::<usize>() + layout::GAP.len() * (widths.len() - 1);
        let addresses = "addresses";
        let heading = layout::line(&heading, &widths);
        writeln!(out, "{HEADING}{heading:end$}  {addresses}{HEADING:#}")?;
        for (named, cells) in links.iter().zip(&lines) {
            let line = layout::line(cells, &widths);
            let link = &named.link;
            let addresses = state.addresses(link.index);
            let mut parts: Vec<_> = addresses.map(|it| shown(it, Some(&link.name))).collect();
            let altnames = link.altnames.iter();
            parts.extend(altnames.map(|name| faint(&format!("altname {}", human::line(name)))));
            let alias = link.alias.iter();
            parts.extend(alias.map(|alias| faint(&format!("alias {}", human::line(alias)))));
            let rest = layout::wrapped(&parts, end, indent, self.journal.columns);
            let style = style(link);
            write!(out, "{style}{line}{style:#}")?;
            // The line ends with its last cell that is not empty.
            let gap = match rest.starts_with(layout::GAP) {
                true => end.saturating_sub(human::width(&line)),
                false => 0,
            };
            writeln!(out, "{:gap$}{rest}", "")?;
        }
        Ok(())
    }

    /// Tells of an interface that is waited for.
    pub(super) fn tell_absent(
        &mut self,
        time: Timestamp,
        name: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let parts = [human::line(name), "is waited for".to_owned()];
        self.journal.line(time, "absent", WARNING, &parts, out)
    }

    /// Tells that changes were missed, and all was read anew.
    pub(super) fn tell_resync(&mut self, time: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let text = "changes came too fast, and some were missed; what differs now is told next";
        self.journal
            .line(time, "resync", WARNING, &[text.to_owned()], out)
    }

    /// Tells of an address that there was before.
    pub(super) fn tell_address(
        &mut self,
        time: Timestamp,
        link: Option<&str>,
        address: &Address,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let parts = [called(link, address.index), shown(address, link)];
        self.journal.line(time, "address", PLAIN, &parts, out)
    }

    /// Tells of a change, with a line for all that is different.
    pub(super) fn tell_change(
        &mut self,
        time: Timestamp,
        change: &Change,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (name, happenings) = match change {
            Change::Link {
                before,
                after,
                moved,
            } => match (before, after) {
                (Some(before), Some(after)) => (label(after), differences(before, after)),
                (None, Some(after)) => (label(after), vec![("new", GOOD, described(after))]),
                (Some(before), None) => (label(before), vec![gone(*moved)]),
                (None, None) => return Ok(()),
            },
            Change::Address {
                link,
                before,
                after,
            } => {
                let Some(address) = after.as_ref().or(before.as_ref()) else {
                    return Ok(());
                };
                let name = called(link.as_deref(), address.index);
                let of = |it: &Address| shown(it, link.as_deref());
                let happenings = match (before, after) {
                    (Some(before), Some(after)) => of_address(before, after),
                    (None, _) => vec![("added", GOOD, of(address))],
                    (_, None) => vec![("removed", WARNING, of(address))],
                };
                (name, happenings)
            }
        };
        for (what, style, text) in happenings {
            let parts: Vec<_> = [name.clone(), text].into();
            let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            self.journal.line(time, what, style, &parts, out)?;
        }
        Ok(())
    }
}

fn faint(text: &str) -> String {
    format!("{FAINT}{text}{FAINT:#}")
}

fn style(link: &Link) -> Style {
    match (link.is_up, link.carrier) {
        (false, _) => FAINT,
        (true, Some(false)) => WARNING,
        _ => PLAIN,
    }
}

/// What is told of a link in columns.
fn cells(named: &Named) -> [String; 7] {
    let link = &named.link;
    let mac = link.mac.as_deref().map(mac);
    let master = link
        .master
        .map(|index| called(named.master.as_deref(), index));
    let known = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    [
        label(named),
        link.index.to_string(),
        condition(link),
        link.mtu.to_string(),
        known(mac),
        known(link.kind.clone()),
        known(master),
    ]
}

/// What is told of a link that is new.
fn described(named: &Named) -> String {
    let link = &named.link;
    let mut parts = vec![
        condition(link),
        format!("index {}", link.index),
        format!("mtu {}", link.mtu),
    ];
    parts.extend(
        link.mac
            .as_deref()
            .map(|bytes| format!("mac {}", mac(bytes))),
    );
    parts.extend(link.kind.clone());
    let master = link
        .master
        .map(|index| called(named.master.as_deref(), index));
    parts.extend(master.map(|name| format!("in {name}")));
    parts.join(", ")
}

/// The name of a link: with that of what it lies on, as `ip link` has it.
fn label(named: &Named) -> String {
    let name = human::line(&named.link.name);
    match named.link.lower {
        Some(lower) => format!("{name}@{}", called(named.lower.as_deref(), lower.index)),
        None => name,
    }
}

/// A name, or what stands for it where it is not known.
fn called(name: Option<&str>, index: u32) -> String {
    name.map_or_else(|| format!("if{index}"), human::line)
}

/// Whether a link is up and has carrier; and the operational state, if that does not follow.
fn condition(link: &Link) -> String {
    let (word, expected) = match (link.is_up, link.carrier) {
        (false, _) => ("down", &["down"][..]),
        (true, Some(false)) => ("no carrier", &["down", "lowerlayerdown"][..]),
        (true, _) => ("up", &["up", "unknown"][..]),
    };
    if expected.contains(&link.operstate.as_str()) {
        word.to_owned()
    } else {
        format!("{word} ({})", link.operstate)
    }
}

/// A hardware address: of tunnels it is an address of IP.
pub(super) fn mac(bytes: &[u8]) -> String {
    let v4 = <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from);
    if let Ok(ip) = v4.map(IpAddr::V4).or(v6.map(IpAddr::V6)) {
        return ip.to_string();
    }
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn gone(moved: Option<Move>) -> Happening {
    let Some(Move { nsid, index }) = moved else {
        return ("vanished", WARNING, String::new());
    };
    let index = index.map(|index| format!(", as index {index}"));
    let text = format!("to network namespace {nsid}{}", index.unwrap_or_default());
    ("moved", WARNING, text)
}

/// What is different of a link.
fn differences(before: &Named, after: &Named) -> Vec<Happening> {
    let (old, new) = (&before.link, &after.link);
    let mut all = Vec::new();
    let mut tell = |what, style, text| all.push((what, style, text));
    let known = |text: Option<String>| text.map_or_else(|| NONE.to_owned(), |it| human::line(&it));
    let mut tell_if_other = |what, old: Option<String>, new: Option<String>| {
        if old != new {
            tell(what, PLAIN, format!("{} -> {}", known(old), known(new)));
        }
    };
    tell_if_other("renamed", Some(old.name.clone()), Some(new.name.clone()));
    let macs = [old, new].map(|link| link.mac.as_deref().map(mac));
    let [old_mac, new_mac] = macs;
    tell_if_other("mtu", Some(old.mtu.to_string()), Some(new.mtu.to_string()));
    tell_if_other("mac", old_mac, new_mac);
    tell_if_other("kind", old.kind.clone(), new.kind.clone());
    tell_if_other("alias", old.alias.clone(), new.alias.clone());
    let lower = |named: &Named| {
        let lower = named.link.lower?;
        let nsid = lower
            .nsid
            .map(|nsid| format!(" of network namespace {nsid}"));
        let name = called(named.lower.as_deref(), lower.index);
        Some(name + &nsid.unwrap_or_default())
    };
    if old.lower != new.lower {
        tell_if_other("lower", lower(before), lower(after));
    }
    for (names, others, word) in [
        (&old.altnames, &new.altnames, "removed"),
        (&new.altnames, &old.altnames, "added"),
    ] {
        for name in names.iter().filter(|name| !others.contains(name)) {
            all.push(("altname", PLAIN, format!("{} {word}", human::line(name))));
        }
    }
    if old.master != new.master {
        let left = old
            .master
            .map(|index| called(before.master.as_deref(), index));
        all.extend(left.map(|name| ("left", WARNING, name)));
        let joined = new
            .master
            .map(|index| called(after.master.as_deref(), index));
        all.extend(joined.map(|name| ("joined", GOOD, name)));
    }
    match (old.is_up, new.is_up, new.carrier) {
        (true, false, _) => all.push(("down", WARNING, String::new())),
        (false, true, Some(false)) => all.push(("up", GOOD, "without carrier".to_owned())),
        (false, true, _) => all.push(("up", GOOD, "with carrier".to_owned())),
        (true, true, Some(true)) if old.carrier != new.carrier => {
            all.push(("carrier", GOOD, "gained".to_owned()));
        }
        (true, true, Some(false)) if old.carrier != new.carrier => {
            all.push(("carrier", BAD, "lost".to_owned()));
        }
        _ => {}
    }
    if old.operstate != new.operstate {
        let text = format!("{} -> {}", old.operstate, new.operstate);
        all.push(("operstate", PLAIN, text));
    }
    all
}

/// An address with its prefix, and with what else is of note.
fn shown(address: &Address, link: Option<&str>) -> String {
    let mut text = written(address);
    let expected = match address.local {
        IpAddr::V4(v4) if v4.is_loopback() => "host",
        IpAddr::V6(v6) if v6.is_loopback() => "host",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "link",
        _ => "global",
    };
    if address.scope != expected {
        text.push_str(&format!(" scope {}", address.scope));
    }
    if let Some(label) = address
        .label
        .as_deref()
        .filter(|label| Some(*label) != link)
    {
        text.push_str(&format!(" label {}", human::line(label)));
    }
    for flag in address.flags().filter(|flag| !QUIET.contains(flag)) {
        let style = match flag {
            "dadfailed" => BAD,
            "tentative" | "deprecated" => WARNING,
            _ => FAINT,
        };
        text.push_str(&format!(" {style}{flag}{style:#}"));
    }
    text
}

/// An address with its prefix.
fn written(address: &Address) -> String {
    let peer = address.peer.map(|peer| format!(" peer {peer}"));
    let length = address.prefix_length;
    format!("{}{}/{length}", address.local, peer.unwrap_or_default())
}

/// What is different of an address.
fn of_address(before: &Address, after: &Address) -> Vec<Happening> {
    let mut parts = Vec::new();
    let had: Vec<_> = before.flags().collect();
    let has: Vec<_> = after.flags().collect();
    let failed = has.contains(&"dadfailed");
    for flag in had.iter().filter(|flag| !has.contains(flag)) {
        parts.push(match *flag {
            "tentative" if !failed => "tentative -> usable".to_owned(),
            flag => format!("not {flag} any more"),
        });
    }
    let gained = has.iter().filter(|flag| !had.contains(flag));
    parts.extend(gained.map(|flag| (*flag).to_owned()));
    let optional = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    let shown = |address: &Address| {
        let broadcast = address.broadcast.map(|broadcast| broadcast.to_string());
        let metric = address.metric.map(|metric| metric.to_string());
        [
            ("", written(address)),
            ("broadcast ", optional(&broadcast)),
            ("scope ", address.scope.clone()),
            ("label ", optional(&address.label)),
            ("protocol ", optional(&address.protocol)),
            ("metric ", optional(&metric)),
        ]
    };
    for ((what, old), (_, new)) in shown(before).into_iter().zip(shown(after)) {
        if old != new {
            parts.push(format!(
                "{what}{} -> {}",
                human::line(&old),
                human::line(&new)
            ));
        }
    }
    for (what, old, new) in [
        ("valid", before.valid, after.valid),
        ("preferred", before.preferred, after.preferred),
    ] {
        if old != new {
            parts.push(format!("{what} {}", span(new)));
        }
    }
    let style = match () {
        () if failed => BAD,
        () if has.contains(&"deprecated") => WARNING,
        () => PLAIN,
    };
    vec![(
        "changed",
        style,
        format!("{}  {}", written(after), parts.join(", ")),
    )]
}

/// For how long from now on.
fn span(lifetime: Lifetime) -> String {
    match lifetime.left(Instant::now()) {
        None => "for ever".to_owned(),
        Some(seconds) => match human::span(seconds) {
            Some(span) => format!("for {span}"),
            None => "no longer".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::address::AddressFlags;

    use super::*;
    use crate::links::tests::{address, link};
    use crate::links::{Lower, Notice};

    fn plain(out: Vec<u8>) -> String {
        let out = String::from_utf8(out).unwrap();
        anstream::adapter::strip_str(&out).to_string()
    }

    fn table(notices: &[Notice], columns: Option<usize>) -> Vec<String> {
        let state: State = notices.iter().cloned().collect();
        let links: Vec<_> = state.links().map(|link| state.named(link)).collect();
        let (mut people, mut out) = (People::new(), Vec::new());
        people.journal.columns = columns;
        people.tell_state(&links, &state, &mut out).unwrap();
        plain(out).lines().map(str::to_owned).collect()
    }

    /// What people see of what a notice changes, without the time.
    fn told(state: &[Notice], notice: Notice) -> Vec<String> {
        let mut state: State = state.iter().cloned().collect();
        let (mut people, mut out) = (People::new(), Vec::new());
        for change in state.apply(notice) {
            people
                .tell_change(Timestamp::UNIX_EPOCH, &change, &mut out)
                .unwrap();
        }
        let lines = plain(out);
        let lines = lines.lines().skip(1);
        lines
            .map(|line| line["00:00:00  ".len()..].to_owned())
            .collect()
    }

    fn some_links() -> Vec<Notice> {
        let vlan = Link {
            kind: Some("vlan".to_owned()),
            is_up: false,
            carrier: None,
            operstate: "down".to_owned(),
            master: Some(3),
            lower: Some(Lower {
                index: 2,
                nsid: None,
            }),
            ..link(10, "eth0.5")
        };
        let bridge = Link {
            kind: None,
            carrier: Some(false),
            operstate: "dormant".to_owned(),
            mac: None,
            altnames: vec!["lan".to_owned()],
            ..link(3, "br0")
        };
        vec![
            Notice::Link(link(2, "eth0")),
            Notice::Link(bridge),
            Notice::Link(vlan),
            Notice::Address(address(2, "192.0.2.1", 24)),
            Notice::Address(Address {
                flags: AddressFlags::Tentative | AddressFlags::Nodad,
                ..address(2, "2001:db8::1", 64)
            }),
        ]
    }

    #[test]
    fn every_link_has_a_line() {
        let expected = [
            "link         index  state                 mtu   mac                kind  master  addresses",
            "eth0         2      up                    1500  02:00:00:00:00:01  veth  -       192.0.2.1/24  2001:db8::1/64 tentative dynamic",
            "br0          3      no carrier (dormant)  1500  -                  -     -       altname lan",
            "eth0.5@eth0  10     down                  1500  02:00:00:00:00:01  vlan  br0",
        ];
        assert_eq!(table(&some_links(), None), expected);
    }

    #[test]
    fn addresses_without_room_have_lines_of_their_own() {
        let lines = table(&some_links(), Some(80));
        assert_eq!(
            lines[2..4],
            [
                "             192.0.2.1/24  2001:db8::1/64 tentative dynamic",
                "br0          3      no carrier (dormant)  1500  -                  -     -",
            ]
        );
    }

    #[test]
    fn each_difference_of_a_link_has_a_line() {
        let old = Link {
            altnames: vec!["one".to_owned()],
            ..link(2, "eth0")
        };
        for (new, lines) in [
            (
                Link {
                    mtu: 9000,
                    ..old.clone()
                },
                &["mtu        eth0  1500 -> 9000"][..],
            ),
            (
                Link {
                    name: "lan0".to_owned(),
                    altnames: vec!["two".to_owned()],
                    ..old.clone()
                },
                &[
                    "renamed    lan0  eth0 -> lan0",
                    "altname    lan0  one removed",
                    "altname    lan0  two added",
                ],
            ),
            (
                Link {
                    carrier: Some(false),
                    operstate: "down".to_owned(),
                    ..old.clone()
                },
                &["carrier    eth0  lost", "operstate  eth0  up -> down"],
            ),
            (
                Link {
                    is_up: false,
                    carrier: None,
                    ..old.clone()
                },
                &["down       eth0"],
            ),
            (
                Link {
                    mac: None,
                    alias: Some("up\x1blink".to_owned()),
                    ..old.clone()
                },
                &[
                    "mac        eth0  02:00:00:00:00:01 -> -",
                    "alias      eth0  - -> up\\u{1b}link",
                ],
            ),
            (
                Link {
                    master: Some(3),
                    ..old.clone()
                },
                &["joined     eth0  br0"],
            ),
        ] {
            let state = [Notice::Link(old.clone()), Notice::Link(link(3, "br0"))];
            assert_eq!(told(&state, Notice::Link(new)), lines);
        }
        let port = Link {
            master: Some(3),
            is_up: false,
            carrier: None,
            ..old.clone()
        };
        let state = [Notice::Link(port), Notice::Link(link(3, "br0"))];
        let lines = told(&state, Notice::Link(old));
        assert_eq!(
            lines,
            ["left       eth0  br0", "up         eth0  with carrier"]
        );
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let eth0 = [
            Notice::Link(link(2, "eth0")),
            Notice::Address(address(2, "192.0.2.1", 24)),
        ];
        let lines = told(&[], Notice::Link(link(2, "eth0")));
        assert_eq!(
            lines,
            ["new        eth0  up, index 2, mtu 1500, mac 02:00:00:00:00:01, veth"]
        );
        let lines = told(&eth0, Notice::LinkGone(2, None));
        assert_eq!(lines, ["removed    eth0  192.0.2.1/24", "vanished   eth0"]);
        let moved = Some(Move {
            nsid: 0,
            index: Some(7),
        });
        let lines = told(&eth0, Notice::LinkGone(2, moved));
        assert_eq!(
            lines[1],
            "moved      eth0  to network namespace 0, as index 7"
        );
        let lines = told(&[], Notice::Address(address(9, "192.0.2.1", 24)));
        assert_eq!(lines, ["added      if9  192.0.2.1/24"]);
    }

    #[test]
    fn how_an_address_comes_to_be_usable_is_told() {
        let with = |flags| Address {
            flags: AddressFlags::Permanent | flags,
            ..address(2, "2001:db8::1", 64)
        };
        let (tentative, none) = (AddressFlags::Tentative, AddressFlags::empty());
        for (old, new, text) in [
            (tentative, none, "tentative -> usable"),
            (tentative, tentative | AddressFlags::Dadfailed, "dadfailed"),
            (none, AddressFlags::Deprecated, "deprecated"),
            (AddressFlags::Deprecated, none, "not deprecated any more"),
        ] {
            let state = [Notice::Link(link(2, "eth0")), Notice::Address(with(old))];
            let lines = told(&state, Notice::Address(with(new)));
            assert_eq!(lines, [format!("changed    eth0  2001:db8::1/64  {text}")]);
        }
        let state = [Notice::Link(link(2, "eth0")), Notice::Address(with(none))];
        let lasting = Address {
            peer: Some("2001:db8::2".parse().unwrap()),
            prefix_length: 128,
            valid: Lifetime::new(3600 * 24 + 30, Instant::now()),
            ..with(none)
        };
        let lines = told(&state, Notice::Address(lasting));
        let told = "2001:db8::1/64 -> 2001:db8::1 peer 2001:db8::2/128, valid for 1 day";
        assert_eq!(
            lines,
            [format!(
                "changed    eth0  2001:db8::1 peer 2001:db8::2/128  {told}"
            )]
        );
    }

    #[test]
    fn hardware_addresses_of_tunnels_are_those_of_ip() {
        assert_eq!(mac(&[2, 0, 0, 0, 0, 0xab]), "02:00:00:00:00:ab");
        assert_eq!(mac(&[192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(mac(&[0; 16]), "::");
    }
}
