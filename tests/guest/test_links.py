# SPDX-License-Identifier: GPL-2.0
"""`filterctl links`: interfaces, addresses and their changes, as iproute2 makes and tells them."""

import contextlib
import datetime
import functools
import itertools
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time

import pytest

from support import schemas
from support.filterctl import FILTERCTL, filterctl
from support.namespace import ip, new_namespace
from support.process import NOBODY
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("unfiltered")

FOREVER = 2**32 - 1

# How long it may take until something is told that the kernel tells nothing of, in seconds; on an emulated machine.
LOOK = 40

# Lifetimes are rounded, and are not read at the same time.
ROUNDING = 6

# Flags of addresses that iproute2 tells as keys.
FLAGS = ["tentative", "optimistic", "dadfailed", "deprecated", "secondary", "temporary", "nodad", "home", "mngtmpaddr",
         "noprefixroute", "autojoin", "stable-privacy", "dynamic"]


class End:
    """When a lifetime ends, if it does; equal to others that end at about the same time."""

    def __init__(self, told_at, seconds):
        self._time = None if seconds in (None, FOREVER) else told_at + seconds
        # What was over when it was told had ended at any time before.
        self._is_over = seconds == 0

    def __eq__(self, other):
        one, two = self._time, other._time
        if None in (one, two):
            return one == two
        if self._is_over or other._is_over:
            return self._is_over and one + ROUNDING > two or other._is_over and two + ROUNDING > one
        return abs(one - two) <= ROUNDING

    def __repr__(self):
        return f"{self._time}{' at most' * self._is_over}"


def protocol(name):
    """Who has made an address: iproute2 has numbers in hexadecimal."""
    return str(int(name, 16)) if name and name.startswith("0x") else name


@functools.cache
def iproute2_tells_protocols():
    """Debian 12's does not; that of ::1 is always there."""
    return b'"protocol"' in subprocess.run(["ip", "-j", "address", "show", "lo"], capture_output=True).stdout


def by_iproute2(namespace):
    """The links and addresses of a namespace, as `ip` tells them, by what they are told apart by."""
    links, addresses = {}, {}
    told = json.loads(namespace.ip("-j -d address"))
    now = time.time()
    indexes = {link["ifname"]: link["ifindex"] for link in told}
    for link in told:
        index, up = link["ifindex"], "UP" in link["flags"]
        mac = link.get("address")
        links[index] = {
            "index": index,
            "name": link["ifname"],
            "altnames": sorted(link.get("altnames", [])),
            "alias": link.get("ifalias"),
            "kind": link.get("linkinfo", {}).get("info_kind"),
            "up": up,
            "carrier": "LOWER_UP" in link["flags"] if up else None,
            "operstate": link["operstate"].lower(),
            "mtu": link["mtu"],
            "mac": mac if mac and mac.strip("0:.") else None,
            "master_index": indexes[link["master"]] if "master" in link else None,
            "lower_index": link.get("link_index") or indexes.get(link.get("link")),
            "lower_nsid": link.get("link_netnsid"),
        }
        for address in link["addr_info"]:
            # Of an interface that is being removed, there are empty ones.
            if address:
                fields = {
                    "index": index,
                    "family": address["family"],
                    "address": address["local"],
                    "prefix_length": address["prefixlen"],
                    "peer": address.get("address"),
                    "broadcast": address.get("broadcast"),
                    "scope": address["scope"],
                    "label": address.get("label"),
                    "protocol": protocol(address.get("protocol")),
                    "metric": address.get("metric"),
                    "flags": {flag for flag in FLAGS if address.get(flag)},
                    "valid_lifetime": End(now, address["valid_life_time"]),
                    "preferred_lifetime": End(now, address["preferred_life_time"]),
                }
                if not iproute2_tells_protocols():
                    del fields["protocol"]
                addresses[key(fields)] = fields
    return links, addresses


def key(address):
    """What an address is told apart by, as the help of `filterctl links` has it."""
    ipv4 = (address["prefix_length"], address["peer"]) if address["family"] == "inet" else ()
    return (address["index"], address["address"], *ipv4)


# Names of other interfaces are those at the time; their indexes are what counts.
NOT_COMPARED = {"schema_version", "type", "time", "event", "was", "moved_to", "master", "lower", "link"}


def comparable(told):
    """An object of `filterctl links`, to be compared with what iproute2 tells."""
    fields = {name: value for name, value in told.items() if name not in NOT_COMPARED}
    if not iproute2_tells_protocols():
        fields.pop("protocol", None)
    if told["type"] == "link":
        fields["altnames"] = sorted(fields["altnames"])
    else:
        fields["flags"] = set(fields["flags"])
        told_at = datetime.datetime.fromisoformat(told["time"].replace("Z", "+00:00")).timestamp()
        for name in "valid_lifetime", "preferred_lifetime":
            fields[name] = End(told_at, fields[name])
    return fields


class Fold:
    """What the objects of `filterctl links --follow --json` add up to. Each has to fit what was told before."""

    def __init__(self):
        self.links, self.addresses = {}, {}
        self.events = []
        # The indexes of links that are not there any more, and have not moved.
        self._ended = set()

    def add(self, told):
        assert told["schema_version"] == 1
        self.events.append(told)
        if told["type"] in ("resync", "absent"):
            return
        kept, name = {"link": (self.links, told.get("index")), "address": (self.addresses, None)}[told["type"]]
        name = name or key(told)
        before = kept.get(name)
        assert (before is None) == (told["event"] in ("state", "added")), (before, told)
        if told["event"] == "changed":
            names = {name for name in told["was"] if not name.endswith("_lifetime")} & set(before)
            assert told["was"], told
            for name_ in names:
                assert comparable({**told, **told["was"]})[name_] == before[name_], (before, told)
            unchanged = set(before) - set(told["was"])
            assert {n: before[n] for n in unchanged} == {n: comparable(told)[n] for n in unchanged}, (before, told)
        if told["type"] == "link":
            # What a bridge tells of its ports is no end of them, and not all of them.
            assert told["index"] not in self._ended, told
            assert "kind" not in (told["was"] or {}), told
        if told["event"] == "removed":
            if told["type"] == "link" and not told["moved_to"]:
                self._ended.add(told["index"])
            del kept[name]
        else:
            kept[name] = comparable(told)
        # A link goes after its addresses.
        assert all(index in self.links for index, *_ in self.addresses), told

    @property
    def state(self):
        return self.links, self.addresses

    def resyncs(self):
        return sum(told["type"] == "resync" for told in self.events)


class Following:
    """A program in a namespace that tells of changes, a line each; from when it has told the state."""

    def __init__(self, namespace, *command):
        with namespace:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines = queue.SimpleQueue()
        self.lines = []
        self._is_read = threading.Event()
        self._is_read.set()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._is_read.wait()
            self._lines.put(line.decode().rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._is_read.set()
        self.process.kill()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def new_lines(self):
        """What it has told since the last call."""
        new = []
        with contextlib.suppress(queue.Empty):
            while True:
                new.append(self._lines.get_nowait())
        self.lines += new
        return new

    def wait_for(self, pattern, seconds=LOOK):
        """Waits until it has told a line in which a pattern is found."""
        def told():
            self.new_lines()
            return any(re.search(pattern, line) for line in self.lines)
        wait_until(told, f"{pattern} in {self.lines}", seconds)

    @contextlib.contextmanager
    def stopped(self):
        """It does not run during the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def unread(self):
        """Nobody reads what it tells during the block."""
        self._is_read.clear()
        try:
            yield
        finally:
            self._is_read.set()

    def end(self):
        """Ends it with Ctrl-C; returns its status and what it has said on standard error."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=LOOK)
        self._reader.join()
        self.new_lines()
        return status, self.process.stderr.read().decode()


class Links(Following):
    """`filterctl links --follow --json`."""

    def __init__(self, namespace, *arguments, prefix=()):
        super().__init__(namespace, *prefix, FILTERCTL, "links", "--follow", "--json", *arguments)
        self.fold = Fold()

    def catch_up(self):
        for line in self.new_lines():
            self.fold.add(json.loads(line))
        return self.fold

    def __enter__(self):
        wait_until(lambda: self.catch_up().events, "the state is told", LOOK)
        return self

    def agrees(self, namespace):
        """Waits until it tells the same as iproute2."""
        expected = by_iproute2(namespace)

        def agrees():
            nonlocal expected
            if self.catch_up().state == expected:
                return True
            expected = by_iproute2(namespace)
            return self.catch_up().state == expected

        try:
            wait_until(agrees, "the same as iproute2 tells", LOOK)
        except AssertionError:
            for told, other in zip(self.fold.state, expected):
                for name in told.keys() | other.keys():
                    assert told.get(name) == other.get(name)
            raise


class Human(Following):
    """`filterctl links --follow`."""

    def __init__(self, namespace, *arguments):
        super().__init__(namespace, FILTERCTL, "links", "--follow", *arguments)
        self.wait_for("^link .* addresses$")

    def changes(self):
        """The changes so far, without the time, each in one blank between its parts."""
        self.new_lines()
        found = (re.fullmatch(r"\d\d:\d\d:\d\d  (.*)", line) for line in self.lines)
        return [re.sub(" +", " ", match[1]) for match in found if match]

    def wait_for_changes(self, *expected):
        """Waits until changes are told that begin with these, in this order, perhaps among others."""
        def is_told():
            changes = iter(self.changes())
            return all(any(change.startswith(one) for change in changes) for one in expected)
        try:
            wait_until(is_told, "changes", LOOK)
        except AssertionError:
            raise AssertionError(f"{expected} in {self.changes()}") from None


class Monitor(Following):
    """`ip monitor`: what was added and removed, by its own account."""

    def __init__(self, namespace):
        super().__init__(namespace, "stdbuf", "-oL", "ip", "-o", "monitor", "link", "address")

    def addresses(self):
        """The addresses that were added and removed, in order, but for those of a link alone."""
        self.new_lines()
        present, told = set(), []
        for line in self.lines:
            found = re.match(r"(Deleted )?(\d+): \S+ +(inet6?) (\S+)(?: peer (\S+))?", line)
            if not found:
                continue
            is_removed, *fields = found.groups()
            fields = tuple(fields)
            if fields[1] == "inet6":
                fields = fields[:3]
            # That of a link is told when it is found to be unique, if it lives so long.
            if fields[2].startswith("fe80:"):
                continue
            if is_removed:
                present.discard(fields)
                told.append(("removed", *fields))
            elif fields not in present:
                present.add(fields)
                told.append(("added", *fields))
        return told


@pytest.fixture
def here():
    with new_namespace("links-here") as namespace:
        yield namespace


@pytest.fixture
def there():
    with new_namespace("links-there") as namespace:
        yield namespace


def addresses_told(fold):
    """The addresses that `filterctl links` tells to be added and removed, as Monitor.addresses() has them."""
    told = []
    for event in fold.events:
        is_change = event["type"] == "address" and event["event"] in ("added", "removed")
        if is_change and not event["address"].startswith("fe80:"):
            written = f"{event['address']}/{event['prefix_length']}"
            peer = None
            if event["peer"]:
                written, peer = event["address"], f"{event['peer']}/{event['prefix_length']}"
            of_ipv4 = (written, peer) if event["family"] == "inet" else (written,)
            told.append((event["event"], str(event["index"]), event["family"], *of_ipv4))
    return told


# What iproute2 can do; `sysctl NAME VALUE` sets one of net.ipv4 or net.ipv6, `wait N` waits so many seconds.
SCENARIOS = {
    "veth": """
        link add v0 type veth peer name v1
        link set v0 up
        link set v1 up
        link set v1 down
        link set v1 up
        link set v0 mtu 1400
        link delete v1
    """,
    "dummy": """
        link add d0 type dummy
        link set d0 up
        link set d0 mtu 9000
        link set d0 address 02:00:00:00:00:77
        link set d0 arp off
        link set d0 multicast off
        link set d0 alias uplink
        link property add dev d0 altname long-name-of-d0 altname other-name
        link property del dev d0 altname other-name
        link set d0 down
        link property add dev d0 altname added-while-it-is-down
        link set d0 alias changed-while-it-is-down
        link set d0 name d1
        link set d1 up
        link set d1 carrier off
        link set d1 carrier on
        link add d2 type dummy
        link delete d1
    """,
    "bridge": """
        link add br0 type bridge
        link add d0 type dummy
        link add d1 type dummy
        link set d0 up
        link set d0 master br0
        link set br0 up
        link set d1 master br0
        link set d1 up
        link set br0 name br1
        link set d0 nomaster
        link set d0 master br1
        link set d0 down
        link add br2 type bridge
        link set d1 master br2
        link delete br2
        link delete d0
    """,
    "vlan and macvlan": """
        link add d0 type dummy
        link set d0 up
        link add link d0 name d0.5 type vlan id 5
        link set d0.5 up
        link add link d0 name mv0 type macvlan mode bridge
        link set mv0 up
        link set d0 mtu 1300
        link set d0 down
        link set d0 up
        link add link d0.5 name d0.5.6 type vlan id 6
        link delete d0
    """,
    "bond and vrf": """
        link add bond0 address 02:00:00:00:00:b0 type bond mode active-backup
        link add d0 type dummy
        link add d1 type dummy
        link set d0 master bond0
        link set d1 master bond0
        link set bond0 up
        link set d0 carrier off
        link set d0 nomaster
        link add vrf0 type vrf table 100
        link set d0 master vrf0
        link set vrf0 up
        link delete vrf0
        link delete bond0
    """,
    "tun": """
        tuntap add t0 mode tun
        tuntap add t1 mode tap
        link set t0 up
        link set t1 up
        address add 192.0.2.1 peer 192.0.2.2 dev t0
        tuntap del t0 mode tun
    """,
    "tunnels": """
        link add tun1 type ipip local 192.0.2.1 remote 192.0.2.2
        link set tun1 up
        link add tun2 type gre local 192.0.2.1 remote 192.0.2.3
        link add tun3 type sit local 192.0.2.1
        link delete tun1
    """,
    "to another namespace and back": """
        link add v0 type veth peer name v1
        link set v0 up
        link set v1 up
        address add 192.0.2.1/24 dev v0
        address add 2001:db8::1/64 nodad dev v0
        link set v0 netns links-there
        -n links-there link set v0 up
        -n links-there link set v0 netns links-here
        link set v0 netns links-there name v5
        -n links-there link set v5 mtu 1300
        -n links-there link delete v5
    """,
    "IPv4": """
        link add d0 type dummy
        link set d0 up
        address add 192.0.2.1/24 brd + dev d0
        address add 192.0.2.2/24 dev d0
        address add 192.0.2.3/24 dev d0 label d0:three
        address add 192.0.2.1/25 dev d0
        address add 198.51.100.1 peer 198.51.100.2 dev d0
        address add 198.51.100.1 peer 198.51.100.3 dev d0
        address add 203.0.113.1/32 scope host dev d0
        address add 203.0.113.2/32 scope link dev d0
        address add 203.0.113.3/32 dev d0 metric 50 proto 77
        address change 203.0.113.3/32 dev d0 metric 60
        address change 192.0.2.2/24 dev d0 valid_lft 1000 preferred_lft 500
        address change 192.0.2.2/24 dev d0 valid_lft 2000 preferred_lft 0
        address replace 192.0.2.2/24 dev d0 valid_lft forever preferred_lft forever
        address replace 192.0.2.9/24 dev d0 noprefixroute
        address delete 198.51.100.1 peer 198.51.100.2 dev d0
        link set d0 name d1
        address delete 192.0.2.1/24 dev d1
        sysctl ipv4.conf.d1.promote_secondaries 1
        address add 10.0.0.1/8 dev d1
        address add 10.0.0.2/8 dev d1
        address add 10.0.0.3/8 dev d1
        address delete 10.0.0.1/8 dev d1
        link set d1 down
        link set d1 up
        address add 10.9.0.1/16 dev d1 valid_lft 3 preferred_lft 1
        wait 5
        address flush dev d1 to 10.0.0.0/8
        address flush dev d1
    """,
    "IPv6": """
        link add d0 type dummy
        link set d0 up
        address add 2001:db8::1/64 dev d0
        address add 2001:db8::2/64 nodad dev d0
        address add 2001:db8::3/64 dev d0 valid_lft 1000 preferred_lft 500
        address change 2001:db8::3/64 dev d0 valid_lft 1000 preferred_lft 0
        address change 2001:db8::3/64 dev d0 valid_lft 3000 preferred_lft 3000
        address add 2001:db8::4/64 dev d0 preferred_lft 0
        address add 2001:db8:1::1 peer 2001:db8:1::2/64 nodad dev d0
        address change 2001:db8:1::1 peer 2001:db8:1::3/64 dev d0
        address add 2001:db8:2::1/64 noprefixroute home nodad dev d0
        address add 2001:db8:3::1/64 nodad metric 70 proto 78 dev d0
        address replace 2001:db8::2/64 dev d0 valid_lft forever preferred_lft forever
        wait 3
        address delete 2001:db8::1/64 dev d0
        address add 2001:db8::9/64 nodad dev d0 valid_lft 3 preferred_lft 1
        wait 5
        link set d0 down
        link set d0 up
        address flush dev d0
    """,
    "IPv6 addresses that are kept while the interface is down": """
        link add d0 type dummy
        sysctl ipv6.conf.d0.keep_addr_on_down 1
        link set d0 up
        address add 2001:db8::1/64 dev d0
        address add 2001:db8::2/64 nodad dev d0
        wait 3
        link set d0 down
    """,
    "temporary IPv6 addresses": """
        link add d0 type dummy
        sysctl ipv6.conf.d0.use_tempaddr 2
        link set d0 up
        address add 2001:db8::1/64 mngtmpaddr dev d0 valid_lft 4000 preferred_lft 3000
        wait 3
        address change 2001:db8::1/64 mngtmpaddr dev d0 valid_lft 3000 preferred_lft 0
        address delete 2001:db8::1/64 mngtmpaddr dev d0
    """,
    "an IPv6 address that another one has": """
        link add v0 type veth peer name v1
        sysctl ipv6.conf.v0.optimistic_dad 1
        link set v0 up
        link set v1 up
        wait 3
        address add 2001:db8::1/64 nodad dev v1
        address add 2001:db8::1/64 dev v0
        wait 3
        address add 2001:db8::2/64 optimistic dev v0
        wait 3
    """,
}


def carry_out(namespace, step):
    word, *rest = step.split()
    if word == "wait":
        threading.Event().wait(float(rest[0]))
    elif word == "sysctl":
        name, value = rest
        namespace.run("sysctl", "-qw", f"net.{name}={value}")
    elif word == "-n":
        ip(step)
    else:
        namespace.ip(step)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_told_adds_up_to_what_iproute2_tells(name, here, there):
    steps = [step.strip() for step in SCENARIOS[name].splitlines() if step.strip()]
    if name == "tun" and subprocess.run(["modprobe", "tun"]).returncode:
        pytest.skip("this kernel has no tun (CONFIG_TUN)")
    with Monitor(here) as monitor, Links(here) as links:
        for step in steps:
            carry_out(here, step)
        links.agrees(here)
        assert links.fold.resyncs() == 0
        told = addresses_told(links.fold)
        # Both have heard of the same, in the same order.
        wait_until(lambda: monitor.addresses() == told, f"{told} instead of {monitor.addresses()}", 5)
        assert links.end() == (0, "")
    for told in links.fold.events:
        schemas.validate("links", told)


@pytest.mark.parametrize("name", ["dummy", "bridge", "IPv4", "IPv6"])
def test_after_each_step_the_same_is_told_as_by_iproute2(name, here, there):
    steps = [step.strip() for step in SCENARIOS[name].splitlines() if step.strip()]
    with Links(here) as links:
        for step in steps:
            carry_out(here, step)
            links.agrees(here)


def test_the_state_is_what_iproute2_tells(here, there):
    for name in "veth", "IPv4", "IPv6":
        for step in SCENARIOS[name].split("\n")[1:5]:
            carry_out(here, step.replace("d0", name) if step.strip() else "wait 0")

    def told():
        fold = Fold()
        for line in here.run(FILTERCTL, "links", "--json").decode().splitlines():
            fold.add(schemas.parse("links", line))
        return fold

    # An IPv6 address changes by itself, while it is tentative.
    wait_until(lambda: told().state == by_iproute2(here), "the same as iproute2 tells", LOOK)
    fold = told()
    assert {told["event"] for told in fold.events} == {"state"}
    assert len(fold.links) > 3


def test_the_lines_tell_each_change(here, there):
    with Human(here) as human:
        def step(command, *expected):
            before = len(human.changes())
            carry_out(here, command)
            human.wait_for_changes(*expected)
            assert len(human.changes()) > before
        step("link add v0 type veth peer name v1", "new v1 down, index", "new v0@v1 down, index")
        step("link set v0 up", "up v0@v1 without carrier", "operstate v0@v1 down -> lowerlayerdown")
        step("link set v1 up", "carrier v0@v1 gained", "operstate v0@v1 lowerlayerdown -> up")
        step("link set v1 down", "down v1@v0", "carrier v0@v1 lost")
        step("link set v0 mtu 1400", "mtu v0@v1 1500 -> 1400")
        step("link set v0 address 02:00:00:00:00:99", "mac v0@v1 ")
        step("link set v0 name lan0", "renamed lan0@v1 v0 -> lan0")
        step("link property add dev lan0 altname long-name", "altname lan0@v1 long-name added")
        step("link set lan0 alias cable", "alias lan0@v1 - -> cable")
        step("link add br0 type bridge", "new br0 down")
        step("link set lan0 master br0", "joined lan0@v1 br0")
        step("link set lan0 nomaster", "left lan0@v1 br0")
        step("address add 192.0.2.1/24 dev lan0", "added lan0 192.0.2.1/24")
        step("address add 192.0.2.2/24 dev lan0 label lan0:b", "added lan0 192.0.2.2/24 label lan0:b secondary")
        step("address change 192.0.2.1/24 dev lan0 valid_lft 7200 preferred_lft 7200",
             "changed lan0 192.0.2.1/24 dynamic, valid for ")
        step("link set v1 up", "carrier lan0@v1 gained")
        step("address add 2001:db8::1/64 dev lan0", "added lan0 2001:db8::1/64 tentative",
             "changed lan0 2001:db8::1/64 tentative -> usable")
        step("address change 2001:db8::1/64 dev lan0 preferred_lft 0", "changed lan0 2001:db8::1/64 deprecated")
        step("address add 2001:db8::7/64 nodad dev v1", "added v1 2001:db8::7/64")
        step("address add 2001:db8::7/64 dev lan0", "changed lan0 2001:db8::7/64 dadfailed")
        step("address delete 192.0.2.1/24 dev lan0", "removed lan0 192.0.2.1/24")
        step("link set lan0 netns links-there", "moved lan0@v1 to network namespace ")
        step("-n links-there link set lan0 netns links-here", "new lan0@")
        step("link delete br0", "vanished br0")
        assert human.end() == (0, "")


def test_repeats_are_not_told(here):
    here.ip("link add d0 type dummy")
    here.ip("link set d0 up")
    with Human(here) as human:
        for _ in range(3):
            here.ip("link set d0 up")
            here.ip("address replace 192.0.2.1/24 dev d0")
            here.ip("link set d0 mtu 1500")
        human.wait_for_changes("added d0 192.0.2.1/24")
        here.ip("link set d0 mtu 1501")
        human.wait_for_changes("mtu d0")
        told = [change for change in human.changes() if "fe80" not in change]
        assert told == ["added d0 192.0.2.1/24", "mtu d0 1500 -> 1501"]


def test_what_is_named_is_followed_under_all_its_names(here):
    for name in "d0", "d1":
        here.ip("link add", name, "type dummy")
    here.ip("address add 192.0.2.1/24 dev d1")
    with Human(here, "d0", "later0") as human:
        human.wait_for_changes("absent later0 is waited for")
        here.ip("link set d1 mtu 1400")
        here.ip("link set d0 name d9")
        here.ip("link set d9 mtu 1401")
        # Another one gets the name, and has an address already.
        here.ip("link set d1 name later0")
        here.ip("link delete later0")
        human.wait_for_changes("renamed d9 d0 -> d9", "mtu d9 1500 -> 1401", "renamed later0 d1 -> later0",
                               "address later0 192.0.2.1/24", "removed later0 192.0.2.1/24", "vanished later0")
        here.ip("link add later0 type dummy")
        human.wait_for_changes("vanished later0", "new later0")
        assert not any("1400" in change for change in human.changes())


def test_altnames_and_namespaces_are_found_by_name(here):
    here.ip("link add d0 type dummy")
    here.ip("link property add dev d0 altname long-name")
    shown = filterctl("links --netns links-here long-name").splitlines()
    assert len(shown) == 2 and shown[1].startswith("d0 ")
    assert "altname long-name" in shown[1]
    inode = os.stat("/run/netns/links-here").st_ino
    assert filterctl(f"links --netns {inode} d0").splitlines() == shown
    assert "there is no interface d0" in filterctl("links d0", status=1)
    with Following(here, FILTERCTL, "links", "--netns", "initial", "--follow") as follower:
        follower.wait_for("^lo ")
        here.ip("link add d5 type dummy")
        assert follower.end() == (0, "")
        assert not any("d5" in line for line in follower.lines)


def test_it_takes_no_root(here):
    here.ip("link add d0 type dummy")
    here.ip("address add 192.0.2.1/24 dev d0")
    shown = here.run(FILTERCTL, "links")
    assert here.run(*NOBODY, FILTERCTL, "links") == shown
    with Links(here, prefix=NOBODY) as links:
        here.ip("link set d0 up")
        links.agrees(here)
        assert links.end() == (0, "")


# The storm: so many changes as fast as they can be made, after which every fifth address is there.

CHANGES = 10_000


def storm(namespace, device="d0"):
    """Makes the changes."""
    lines = []
    for number in range(CHANGES * 5 // 9 + 1):
        address = f"10.{number >> 14 & 255}.{number >> 6 & 255}.{(number & 63) * 4 + 1}/32"
        lines.append(f"address add {address} dev {device}")
        if number % 5:
            lines.append(f"address del {address} dev {device}")
    assert len(lines) >= CHANGES
    namespace.run("ip", "-batch", "-", input="\n".join(lines).encode())


@pytest.fixture
def stormy(here):
    here.ip("link add d0 type dummy")
    here.ip("link set d0 up")
    return here


def ends_well(links, namespace, is_resynced):
    """What is told in the end is what iproute2 tells, and that it is not all, if so."""
    links.agrees(namespace)
    assert len(links.fold.addresses) > CHANGES / 10
    if is_resynced is not None:
        assert (links.fold.resyncs() > 0) == is_resynced
    # It goes on.
    namespace.ip("link set d0 mtu 1234")
    links.agrees(namespace)
    assert links.end() == (0, "")


def test_of_a_storm_of_changes_each_is_told(stormy):
    with Links(stormy) as links:
        storm(stormy)
        ends_well(links, stormy, is_resynced=False)
        told = [told["event"] for told in links.fold.events if told["type"] == "address" and "." in told["address"]]
        assert sum(event != "state" for event in told) >= CHANGES


def test_a_storm_that_overruns_a_small_buffer_is_told_of_and_nothing_is_missed_that_is_still_true(stormy):
    stormy.ip("address add 192.0.2.1/24 dev d0")
    with Links(stormy, prefix=NOBODY) as links:
        with links.stopped():
            storm(stormy)
            # The last thing that happens is among what is lost.
            stormy.ip("address del 192.0.2.1/24 dev d0")
            stormy.ip("link add d1 type dummy")
        ends_well(links, stormy, is_resynced=True)


def test_a_storm_before_a_reader_that_runs_in_between_ends_well(stormy):
    with Links(stormy, prefix=NOBODY) as links:
        done = threading.Event()

        def interrupt():
            while not done.wait(0.05):
                with links.stopped():
                    done.wait(0.2)

        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            storm(stormy)
        finally:
            done.set()
            thread.join()
        ends_well(links, stormy, is_resynced=None)


def test_output_that_nobody_reads_loses_no_state(stormy):
    with Links(stormy, prefix=NOBODY) as links:
        with links.unread():
            # More than there is room for, on its way from the kernel.
            storm(stormy)
            stormy.ip("address flush dev d0 to 10.0.0.0/8")
            storm(stormy)
        ends_well(links, stormy, is_resynced=True)


def test_links_that_come_and_go_end_well(here):
    with Links(here) as links:
        for number in range(5):
            lines = [f"link add d{n} type dummy" for n in range(100)]
            lines += [f"link set d{n} up" for n in range(100)]
            lines += [f"address add 192.0.2.{n}/32 dev d{n}" for n in range(100)]
            lines += [f"link set d{n} name e{number}-{n}" for n in range(0, 100, 3)]
            here.run("ip", "-batch", "-", input="\n".join(lines).encode())
            if number < 4:
                names = itertools.chain((f"e{number}-{n}" for n in range(0, 100, 3)),
                                        (f"d{n}" for n in range(100) if n % 3))
                lines = [f"link delete {name}" for name in names]
                here.run("ip", "-batch", "-", input="\n".join(lines).encode())
        links.agrees(here)
        assert links.end() == (0, "")
