// SPDX-License-Identifier: GPL-2.0

//! The rules, as the module reads them and looks them up.

use crate::{
    policy::{Detect, Kind},
    rules::{RuleSet, RulesError, Subject},
};
use core::net::{IpAddr, SocketAddr};

/// What a connection is, where nothing else is told.
#[derive(Clone)]
struct Connection {
    peer: Option<IpAddr>,
    local: Option<SocketAddr>,
    devices: &'static [&'static str],
    netns: Option<u32>,
    cgroup: &'static str,
}

impl Subject for Connection {
    fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    fn local(&self) -> Option<IpAddr> {
        self.local.map(|local| local.ip())
    }

    fn port(&self) -> u16 {
        self.local.map_or(0, |local| local.port())
    }

    fn is_on(&self, device: &[u8]) -> bool {
        self.devices.iter().any(|name| name.as_bytes() == device)
    }

    fn netns(&self) -> Option<u32> {
        self.netns
    }

    fn is_in(&self, path: &[u8]) -> bool {
        let path = core::str::from_utf8(path).unwrap();
        self.cgroup == path || self.cgroup.starts_with(&format!("{path}/"))
    }
}

fn connection() -> Connection {
    Connection {
        peer: "192.0.2.7".parse().ok(),
        local: "192.0.2.1:80".parse().ok(),
        devices: &["eth0", "vrf0"],
        netns: None,
        cgroup: "/system.slice/nginx.service",
    }
}

fn parse(text: &str) -> RuleSet {
    let empty = RuleSet::empty().unwrap();
    RuleSet::parse(text.as_bytes(), &empty, 0).unwrap_or_else(|error| panic!("{}", tell(&error)))
}

fn tell(error: &RulesError) -> String {
    match error {
        RulesError::Syntax(error) => error.to_string(),
        RulesError::TooLarge(what) => what.to_str().unwrap().to_owned(),
        RulesError::Stale => "stale".to_owned(),
        RulesError::NoMemory => "no memory".to_owned(),
    }
}

fn refusal(text: &str) -> String {
    let empty = RuleSet::empty().unwrap();
    match RuleSet::parse(text.as_bytes(), &empty, 0) {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => tell(&error),
    }
}

/// The number of the rule for a kind; 0 if there is none.
fn decide(set: &RuleSet, connection: &Connection, kind: Kind) -> u32 {
    let mut decided = 0;
    set.look_up(connection, Detect::ALL, |each, number| {
        if each == kind {
            assert_eq!(decided, 0);
            decided = number;
        }
    });
    decided
}

fn decides(text: &str, connection: &Connection) -> u32 {
    decide(&parse(text), connection, Kind::Requests)
}

fn with(change: impl FnOnce(&mut Connection)) -> Connection {
    let mut connection = connection();
    change(&mut connection);
    connection
}

fn from(peer: &str) -> Connection {
    with(|connection| connection.peer = Some(peer.parse().unwrap()))
}

#[test]
fn each_condition_must_hold() {
    for (rule, holds) in [
        ("allow", true),
        ("drop from 192.0.2.7", true),
        ("drop from 192.0.2.8", false),
        ("drop from 10.0.0.1,192.0.2.0/24", true),
        ("drop from 2001:db8::/32", false),
        ("drop to 192.0.2.1", true),
        ("drop to 192.0.2.7", false),
        ("drop port 80", true),
        ("drop port 79-81,443", true),
        ("drop port 81-65535", false),
        ("drop on eth0", true),
        ("drop on vrf0", true),
        ("drop on eth", false),
        ("drop on lo,eth0", true),
        ("drop netns initial", true),
        ("drop netns 4026531840", true),
        ("drop netns 4026531833", false),
        ("drop in /system.slice", true),
        ("drop in /system.slice/nginx.service", true),
        ("drop in /user.slice,/system.slice", true),
        ("drop in /user.slice", false),
        ("drop kind requests", true),
        ("drop kind h2c,http09", false),
        ("drop from 192.0.2.7 to 192.0.2.1 port 80 on eth0 netns initial in /system.slice kind requests", true),
        ("drop from 192.0.2.7 to 192.0.2.1 port 81 on eth0 netns initial in /system.slice kind requests", false),
        ("drop\tport   80 ", true),
    ] {
        assert_eq!(decides(rule, &connection()), u32::from(holds), "{rule}");
    }
    let in_namespace = with(|connection| connection.netns = Some(4026531833));
    assert_eq!(decides("drop netns 4026531833", &in_namespace), 1);
    assert_eq!(decides("drop netns initial", &in_namespace), 0);
    assert_eq!(decides("drop netns initial,4026531833", &in_namespace), 1);
}

#[test]
fn what_is_not_known_is_in_no_list() {
    let unknown = with(|connection| (connection.peer, connection.local) = (None, None));
    for rule in [
        "allow from 0.0.0.0/0,::/0",
        "allow to 0.0.0.0/0,::/0",
        "allow port 1-65535",
    ] {
        assert_eq!(decides(rule, &unknown), 0, "{rule}");
    }
}

#[test]
fn the_first_that_matches_decides_for_each_kind() {
    let set = parse("allow port 1\nmonitor kind h2c; reject kind requests,h2c\n\ndrop");
    let decided = [Kind::Requests, Kind::H2c, Kind::Http09, Kind::Responses];
    let decided = decided.map(|kind| decide(&set, &connection(), kind));
    assert_eq!(decided, [3, 2, 4, 4]);
}

#[test]
fn kinds_that_are_not_asked_for_are_not_decided() {
    let mut decided = vec![];
    let kinds = Detect::NONE.with(Kind::H2c);
    parse("allow").look_up(&connection(), kinds, |kind, number| {
        decided.push((kind == Kind::H2c, number));
    });
    assert_eq!(decided, [(true, 1)]);
}

#[test]
fn prefixes_of_every_length_have_their_ends() {
    for (prefix, inside, outside) in [
        ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
        ("10.1.2.3/32", "10.1.2.3", "10.1.2.4"),
        ("10.1.2.3/31", "10.1.2.2", "10.1.2.4"),
        ("10.1.2.3/8", "10.255.255.255", "11.0.0.0"),
        ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
        (
            "2001:db8::/64",
            "2001:db8::ffff:ffff:ffff:ffff",
            "2001:db8:0:1::",
        ),
        (
            "2001:db8::/65",
            "2001:db8::7fff:ffff:ffff:ffff",
            "2001:db8::8000:0:0:0",
        ),
        (
            "2001:db8::/32",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
        ),
        ("::/0", "ffff::", "192.0.2.7"),
        ("0.0.0.0/0", "255.0.0.1", "::1"),
        ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
        ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("::ffff:0:0/96", "10.0.0.1", "::fffe:0:1"),
        ("10.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1"),
    ] {
        let rule = format!("allow from {prefix}");
        assert_eq!(decides(&rule, &from(inside)), 1, "{prefix} {inside}");
        assert_eq!(decides(&rule, &from(outside)), 0, "{prefix} {outside}");
    }
}

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        Some(self.0 >> 33)
    }
}

#[test]
fn a_large_set_has_what_each_of_its_prefixes_has() {
    let mut numbers = Numbers(1);
    let mut number = || numbers.next().unwrap() as u32;
    for count in [1, 2, 3, 10, 100, 3000] {
        let prefixes: Vec<(u32, u32)> = (0..count)
            .map(|_| (number() % 100_000, 16 + number() % 17))
            .collect();
        let text =
            |&(address, len): &(u32, u32)| format!("{}/{len}", core::net::Ipv4Addr::from(address));
        let list: Vec<String> = prefixes.iter().map(text).collect();
        let set = parse(&format!("allow from {}", list.join(",")));
        for _ in 0..1000 {
            let address = number() % 100_000;
            let has = |&(prefix, len): &(u32, u32)| (prefix ^ address) >> (32 - len) == 0;
            let peer = core::net::Ipv4Addr::from(address).to_string();
            let expected = u32::from(prefixes.iter().any(has));
            assert_eq!(
                decide(&set, &from(&peer), Kind::H2c),
                expected,
                "{peer} in {list:?}"
            );
        }
    }
}

#[test]
fn what_is_no_rule_is_refused_with_line_word_and_reason() {
    for (text, expected) in [
        ("permit", "line 1: \"permit\": a rule begins with"),
        ("allow\nDROP", "line 2: \"DROP\": a rule begins with"),
        (
            "allow;\n\n# x\n; allow prot 80",
            "line 4: \"prot\": none of from, to",
        ),
        ("allow port", "line 1: \"port\": a value is missing"),
        ("allow port 0", "line 1: \"0\": no port"),
        ("allow port 65536", "line 1: \"65536\": no port"),
        ("allow port 80-", "line 1: \"80-\": no port"),
        ("allow port 90-80", "line 1: \"90-80\": no port"),
        ("allow port 80,", "line 1: \"\": no port"),
        ("allow port +80", "line 1: \"+80\": no port"),
        ("allow port 80 port 81", "line 1: \"port\": there twice"),
        ("allow kind h2c kind h2c", "line 1: \"kind\": there twice"),
        ("allow from 10.0.0", "line 1: \"10.0.0\": no address"),
        ("allow from 010.0.0.1", "line 1: \"010.0.0.1\": no address"),
        (
            "allow from example.org",
            "line 1: \"example.org\": no address",
        ),
        (
            "allow from 10.0.0.0/33",
            "line 1: \"10.0.0.0/33\": no prefix",
        ),
        ("allow from 10.0.0.0/", "line 1: \"10.0.0.0/\": no prefix"),
        (
            "allow from 10.0.0.0/8/8",
            "line 1: \"10.0.0.0/8/8\": no prefix",
        ),
        ("allow from ::/129", "line 1: \"::/129\": no prefix"),
        (
            "allow from ::/99999999999",
            "line 1: \"::/99999999999\": no prefix",
        ),
        (
            "allow from fe80::1%eth0",
            "line 1: \"fe80::1%eth0\": no address",
        ),
        ("allow on ", "line 1: \"on\": a value is missing"),
        (
            "allow on abcdefghijklmnop",
            "line 1: \"abcdefghijklmnop\": no name of a device",
        ),
        ("allow netns host", "line 1: \"host\": neither initial nor"),
        (
            "allow netns 4294967296",
            "line 1: \"4294967296\": neither initial nor",
        ),
        (
            "allow in system.slice",
            "line 1: \"system.slice\": no path of a control group",
        ),
        ("allow kind http", "line 1: \"http\": no kind"),
        (
            "allow until tomorrow",
            "line 1: \"tomorrow\": no number of seconds",
        ),
        (
            "allow until 99999999999999999999",
            "line 1: \"99999999999999999999\": no number",
        ),
        ("allow # say \"x\"", "line 1: \"\\x22\": no double quotes"),
        ("allow\r\n", "line 1: \"\\x0d\": no double quotes"),
        ("allow\0", "line 1: \"\\x00\": no double quotes"),
    ] {
        let said = refusal(text);
        assert!(said.starts_with(expected), "{text:?}: {said}");
    }
}

#[test]
fn limits_are_told() {
    let rules = |count| "allow\n".repeat(count);
    assert_eq!(parse(&rules(1024)).rules().len(), 1024);
    assert_eq!(refusal(&rules(1025)), "more than 1024 rules");
    let list = |value: &str, count| vec![value; count].join(",");
    parse(&format!("allow from {}", list("::1", 16384)));
    assert_eq!(
        refusal(&format!("allow from {}", list("::1", 16385))),
        "more than 16384 prefixes"
    );
    let halves = format!("allow from {0}; allow to {0}", list("::1", 8193));
    assert_eq!(refusal(&halves), "more than 16384 prefixes");
    parse(&format!("allow port {}", list("1", 4096)));
    let values = format!("allow port {}; drop on lo", list("1", 4096));
    assert!(refusal(&values).starts_with("more than 4096 ports"));
    parse(&" ".repeat(1 << 20));
    assert!(refusal(&" ".repeat((1 << 20) + 1)).starts_with("more than 1048576 bytes"));
}

#[test]
fn the_text_is_kept_byte_for_byte() {
    for text in [
        "",
        "\n",
        "allow",
        "  allow  port 1 # why; drop\n\n;;# only a comment\n \u{fc}",
    ] {
        let text = text.replace('\u{fc}', "# \u{fc}");
        assert_eq!(parse(&text).text(), text.as_bytes());
    }
}

#[test]
fn a_rule_has_its_place_in_the_text() {
    let text = "# first\n\n allow port 1 # one; drop port 2\nmonitor";
    let set = parse(text);
    let place = |rule: &crate::rules::Rule| {
        let span = rule.span();
        (rule.line(), &text[span.start as usize..span.end as usize])
    };
    let places: Vec<_> = set.rules().iter().map(place).collect();
    assert_eq!(
        places,
        [(3, "allow port 1"), (3, "drop port 2"), (4, "monitor")]
    );
}

fn replace(old: &RuleSet, text: &str) -> RuleSet {
    RuleSet::parse(text.as_bytes(), old, 0).unwrap_or_else(|error| panic!("{}", tell(&error)))
}

fn hits(set: &RuleSet) -> Vec<u64> {
    set.rules().iter().map(|rule| rule.hits()).collect()
}

#[test]
fn an_unchanged_rule_keeps_its_hits() {
    let old = parse("allow port 1\nallow port 2 # two\nallow port 3");
    for (number, rule) in (1..).zip(old.rules()) {
        (0..number).for_each(|_| rule.count_hit());
    }
    for (text, expected) in [
        ("allow port 1\nallow port 2\nallow port 3", vec![1, 2, 3]),
        (
            "drop\nallow port 1;allow   port 2 # new\nallow port 3",
            vec![0, 1, 2, 3],
        ),
        ("allow port 3; allow port 2; allow port 1", vec![3, 2, 1]),
        ("allow port 2", vec![2]),
        (
            "monitor port 1; allow port 1 kind h2c; allow port 12",
            vec![0, 0, 0],
        ),
    ] {
        assert_eq!(hits(&replace(&old, text)), expected, "{text}");
    }
    // One more of the same has decided on nothing.
    let doubled = replace(&old, "allow port 3; allow port 3");
    assert_eq!(hits(&doubled), [3, 0]);
    assert_eq!(
        hits(&replace(&doubled, "allow port 3; allow port 3")),
        [3, 0]
    );
    // What packets count that have the old set still.
    let new = replace(&old, "allow port 3");
    old.rules()[2].count_hit();
    assert_eq!(hits(&new), [4]);
}

#[test]
fn a_rule_ends_at_its_time_and_begins_again_if_the_clock_is_set_back() {
    let set = parse("allow until 100\nmonitor until 200\ndrop");
    let decided = || decide(&set, &connection(), Kind::Requests);
    assert!(set.has_ends() && !parse("drop").has_ends());
    assert_eq!(decided(), 1);
    for (now, has_changed, number) in [
        (99, false, 1),
        (100, true, 2),
        (100, false, 2),
        (500, true, 3),
        (150, true, 2),
        (0, true, 1),
    ] {
        assert_eq!(set.note_expired(now), has_changed, "{now}");
        assert_eq!(decided(), number, "{now}");
    }
    let late = RuleSet::parse(b"allow until 100", &set, 100);
    assert!(late.is_ok_and(|set| set.rules()[0].is_expired()));
}

#[test]
fn no_text_does_harm() {
    const PIECES: [&str; 24] = [
        "allow",
        "drop",
        "monitor",
        "reject",
        "from",
        "to",
        "port",
        "on",
        "netns",
        "in",
        "kind",
        "until",
        " ",
        "\n",
        ";",
        "#",
        ",",
        "-",
        "/",
        "10.0.0.0/8",
        "::1",
        "80",
        "requests",
        "\"",
    ];
    let mut numbers = Numbers(7);
    let mut taken = 0;
    for _ in 0..100_000 {
        let len = numbers.next().unwrap() % 12;
        let mut piece = || PIECES[numbers.next().unwrap() as usize % PIECES.len()];
        let text: String = (0..len).flat_map(|_| [piece(), " "]).collect();
        let empty = RuleSet::empty().unwrap();
        match RuleSet::parse(text.as_bytes(), &empty, 0) {
            Ok(set) => {
                taken += 1;
                assert_eq!(set.text(), text.as_bytes());
                decide(&set, &connection(), Kind::Requests);
            }
            Err(error) => assert!(!tell(&error).is_empty()),
        }
    }
    assert!(taken > 1000, "{taken}");
}
