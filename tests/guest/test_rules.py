# SPDX-License-Identifier: GPL-2.0
"""Rules: what happens to HTTP, by where it comes from and whom it is for."""

import contextlib
import itertools
import os
import socket
import subprocess
import time

import pytest

from support import http_filter, receive_paths
from support.cgroup import cgroup, inside, mounted
from support.expect import send_blocked, send_delivered
from support.handmade import HandmadeClient, deliver
from support.namespace import INITIAL
from support.payloads import MINIMAL_REQUEST
from support.process import NOBODY, WITHOUT_NET_ADMIN
from support.streams import Recorder, Stream, listen
from support.topology import IPV4, IPV6, loopback
from support.undecided_connections import full_table
from support.wait import wait_until

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

HTTP09 = b"GET /\r\n"


def set_rules(*rules):
    http_filter.write_setting("rules", "\n".join(rules))


def inode(namespace):
    with namespace:
        return os.stat("/proc/thread-self/ns/net").st_ino


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family)) as server:
        yield server


def conditions(veth, server):
    """By the first word of each: a condition that holds for connections to the server, and one that doesn't."""
    family = server.endpoint.family
    port = server.endpoint.port
    wide, other = {IPV4: ("192.0.2.0/24", "192.0.2.0/30"), IPV6: ("2001:db8::/32", "2001:db8::/126")}[family]
    return {
        "from": (f"from 10.0.0.1,{wide}", f"from 10.0.0.1,{other}"),
        "to": (f"to {veth.server_addresses[family]}", f"to {veth.client_addresses[family]}"),
        "port": (f"port 1-2,{port}", f"port 1-{port - 1},{port + 1}-65535"),
        "on": ("on lo,eth0", "on lo,eth1,eth,eth00"),
        "netns": (f"netns initial,{inode(veth.server)}", f"netns initial,{inode(veth.client)}"),
        "kind": ("kind responses,requests", "kind responses,h2c,http09"),
        "until": ("until 4102444800", "until 1"),
    }


@pytest.mark.parametrize("condition", ["from", "to", "port", "on", "netns", "kind", "until"])
def test_a_condition(veth, server, condition):
    holds, differs = conditions(veth, server)[condition]
    set_rules(f"allow {differs}")
    send_blocked(server, veth.client, MINIMAL_REQUEST)
    set_rules(f"allow {holds}")
    send_delivered(server, veth.client, MINIMAL_REQUEST)
    send_delivered(server, veth.client, *MINIMAL_REQUEST.partition(b" "))


def test_all_conditions_together(veth, server):
    pairs = conditions(veth, server)
    set_rules("allow " + " ".join(holds for holds, _ in pairs.values()))
    send_delivered(server, veth.client, MINIMAL_REQUEST)
    for condition in pairs:
        set_rules("allow " + " ".join(pair[name == condition] for name, pair in pairs.items()))
        send_blocked(server, veth.client, MINIMAL_REQUEST)


def test_mapped_addresses_are_those_of_ipv4(veth):
    listening, reached = veth.endpoints("IPv4-mapped")
    with Recorder(listening, reached_at=reached) as server:
        for prefix in "192.0.2.0/24", "::ffff:192.0.2.0/120":
            set_rules(f"allow from {prefix}")
            send_delivered(server, veth.client, MINIMAL_REQUEST)
        set_rules("allow from ::/0")
        send_blocked(server, veth.client, MINIMAL_REQUEST)


def test_loopback_is_that_of_the_namespace(veth):
    """Each has a `lo`; a rule can say whose."""
    with Recorder(loopback().endpoint()) as host, Recorder(loopback(veth.server).endpoint()) as container:
        set_rules("allow on lo netns initial")
        send_delivered(host, INITIAL, MINIMAL_REQUEST)
        send_blocked(container, veth.server, MINIMAL_REQUEST)
        set_rules("allow on lo")
        send_delivered(container, veth.server, MINIMAL_REQUEST)


# Control groups.

@pytest.fixture(scope="module")
def cgroups():
    with mounted():
        yield


@pytest.fixture
def grouped(cgroups, veth, family):
    """A server whose listener was made in a group."""
    with cgroup("/rules.slice/web.service/main") as folder:
        with inside(folder):
            server = Recorder(veth.endpoint(family))
        with server:
            yield server


@pytest.mark.parametrize("path, holds", [
    ("/rules.slice/web.service/main", True), ("/rules.slice/web.service", True), ("/rules.slice", True), ("/", True),
    ("/other.slice,/rules.slice/", True), ("/rules.slice/web.service/main/x", False), ("/rules.slice/web", False),
    ("/rules.slice/web.services", False), ("/web.service", False), ("/system.slice", False),
])
def test_the_control_group_of_the_listener(veth, grouped, path, holds):
    set_rules(f"allow in {path}")
    send = send_delivered if holds else send_blocked
    send(grouped, veth.client, MINIMAL_REQUEST)


def test_a_control_group_need_not_exist_yet(cgroups, veth):
    set_rules("allow in /rules.slice")
    with cgroup("/rules.slice") as folder, inside(folder), Recorder(veth.endpoint()) as server:
        send_delivered(server, veth.client, MINIMAL_REQUEST)


_ports = itertools.count(41_000)


@pytest.mark.parametrize("cookies", [1, 2], ids=["request socket", "SYN cookie"])
def test_the_control_group_of_a_socket_that_is_not_there_yet(veth, grouped, cookies):
    with veth.server.sysctl("net.ipv4.tcp_syncookies", cookies):
        set_rules("allow in /rules.slice")
        with HandmadeClient(veth, grouped.endpoint, port=next(_ports), bare_ack=False) as client:
            deliver(grouped, client, MINIMAL_REQUEST)
        set_rules("allow in /other.slice")
        with HandmadeClient(veth, grouped.endpoint, port=next(_ports), bare_ack=False) as client:
            client.send(MINIMAL_REQUEST)
            wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")


# TCP Fast Open, without cookies and socket options, at both ends.
FAST_OPEN = 0x1 | 0x2 | 0x4 | 0x200 | 0x400


@pytest.mark.parametrize("receive_path", [receive_paths.direct, receive_paths.transparent_proxy],
                         ids=["direct", "TPROXY"])
def test_the_control_group_of_a_syn(cgroups, veth, family, receive_path):
    """Of the listener, to which the SYN may have been assigned."""
    http_filter.write_setting("action", "monitor")
    set_rules("drop in /rules.slice")
    with (cgroup("/rules.slice") as folder, veth.server.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN),
          veth.client.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN), contextlib.ExitStack() as stack):
        veth.client.ip("tcp_metrics flush")
        with inside(folder):
            server = stack.enter_context(receive_path(veth, family)).server
        stream = stack.enter_context(Stream(veth.client, server.endpoint, in_syn=MINIMAL_REQUEST))
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped")
        assert server.read_from(stream) == b""


def test_the_control_group_of_a_syn_to_what_waits(cgroups, veth, family):
    """In TIME_WAIT there is no socket any more, and the listener gets the SYN."""
    http_filter.write_setting("action", "monitor")
    set_rules("drop in /rules.slice")
    endpoint, port = veth.endpoint(family), next(_ports)
    with listen(endpoint) as listener, Stream(veth.client, endpoint, port=port) as stream:
        listener.accept()[0].close()
        assert stream.socket.recv(1) == b""
        # Closed with a FIN here: the end of the block would reset it.
        stream.socket.close()
        stream.socket = socket.socket()
    in_time_wait = ["ss", "-Htn", "state", "time-wait", f"sport = {endpoint.port} and dport = {port}"]
    wait_until(lambda: veth.server.run(*in_time_wait), "the server is in TIME_WAIT")
    with (cgroup("/rules.slice") as folder, veth.server.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN),
          veth.client.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN), contextlib.ExitStack() as stack):
        veth.client.ip("tcp_metrics flush")
        with inside(folder):
            server = stack.enter_context(Recorder(endpoint))
        stream = stack.enter_context(Stream(veth.client, endpoint, port=port, in_syn=MINIMAL_REQUEST))
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped")
        assert server.read_from(stream) == b""


# What follows.

def test_the_first_that_matches_decides(veth, server):
    port = server.endpoint.port
    set_rules(f"allow port {port + 1}", f"monitor port {port} kind http09", f"drop port {port}", "allow")
    send_delivered(server, veth.client, HTTP09)
    send_blocked(server, veth.client, MINIMAL_REQUEST)
    counters = http_filter.counters()
    assert (counters["monitored"], counters["blocked"], counters["allowed"]) == (1, 1, 0)


@pytest.mark.parametrize("pieces", [[MINIMAL_REQUEST], MINIMAL_REQUEST.partition(b" ")], ids=["whole", "cut"])
@pytest.mark.parametrize("action, counter", [("allow", "allowed"), ("monitor", "monitored")])
def test_what_passes_is_counted_once(veth, server, action, counter, pieces):
    set_rules(f"{action} port {server.endpoint.port}")
    send_delivered(server, veth.client, *pieces, b"\r\n" * 2000)
    counters = http_filter.counters()
    assert (counters["requests"], counters[counter], counters["methods/GET"]) == (1, 1, 1)
    assert [counters[name] for name in ("blocked", "dropped", "deferred", "uninspectable")] == [0] * 4


def test_a_kind_that_may_pass_does_not_let_others_pass(veth, server):
    set_rules("allow kind http09")
    send_delivered(server, veth.client, *(bytes([byte]) for byte in HTTP09))
    send_blocked(server, veth.client, b"GET /", b" HTTP/1.1\r\n\r\n")
    counters = http_filter.counters()
    assert (counters["http09"], counters["requests"], counters["allowed"], counters["blocked"]) == (1, 1, 1, 1)


def test_the_log_names_the_rule(veth, server, kernel_log):
    set_rules("monitor port 1", f"monitor port {server.endpoint.port} kind http09", "allow kind h2c",
              "drop kind requests")
    monitored = send_delivered(server, veth.client, HTTP09)
    send_delivered(server, veth.client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    dropped, _ = send_blocked(server, veth.client, MINIMAL_REQUEST)
    assert kernel_log.lines() == [
        f"monitored GET / HTTP/0.9 from {monitored} to {server.endpoint} in eth0 by rule 2",
        f"dropped GET / HTTP/1.1 from {dropped} to {server.endpoint} in eth0 by rule 4"]


# Changes.

@pytest.mark.parametrize("who", [NOBODY, WITHOUT_NET_ADMIN], ids=["nobody", "root of a container"])
def test_rules_are_not_for_everybody(who):
    """The root of a container may be the file's owner, but has no rights over the host's network."""
    set_rules("allow port 80")
    file = str(http_filter.SYSFS / "rules")
    for command in ["cat", file], ["tee", file]:
        done = subprocess.run([*who, *command], input="drop", capture_output=True, text=True)
        assert done.returncode and ("permitted" in done.stderr or "denied" in done.stderr)
    assert http_filter.read_file("rules") == "allow port 80"
    status = subprocess.run([*who, http_filter.MODULE.with_name("filterctl")], capture_output=True, text=True)
    assert status.returncode == 0 and "for root alone" in status.stdout


def test_text_is_kept_as_it_is():
    text = "# why\n\n  allow from 10.0.0.5,fd00::5  port 9100   # Prometheus, 4711; drop port 1;;\nmonitor # \u00fc"
    set_rules(text)
    assert http_filter.read_file("rules") == text.strip()


def test_as_many_bytes_as_a_file_takes(veth, recorder, kernel_log):
    rule = f"allow port {recorder.endpoint.port} #"
    http_filter.write_setting("rules", rule.ljust(4094, "x"))
    send_delivered(recorder, veth.client, MINIMAL_REQUEST)
    with pytest.raises(OSError, match="Invalid argument"):
        http_filter.write_setting("rules", "drop #".ljust(4095, "x"))
    assert http_filter.read_file("rules").startswith(rule)
    send_delivered(recorder, veth.client, MINIMAL_REQUEST)


@pytest.mark.parametrize("text, said", [
    ("allow prt 80", 'line 1: "prt": none of from, to, port, on, netns, in, kind, until'),
    ("allow port 80\ndeny", 'line 2: "deny": a rule begins with allow, monitor, drop or reject'),
    ("allow from 10.0.0.0/33", 'line 1: "10.0.0.0/33": no prefix of such an address has that length'),
    ("allow in system.slice", 'line 1: "system.slice": no path of a control group, which begins with /'),
    ("allow # \"", r'line 1: "\x22": no double quotes or control characters'),
    ("allow port " + ",".join(["1"] * 900) + ";drop" * 400 + " at", 'line 1: "at": none of from, to'),
])
def test_bad_rules_change_nothing_and_are_explained(kernel_log, text, said):
    set_rules("monitor port 1")
    with pytest.raises(OSError, match="Invalid argument"):
        http_filter.write_setting("rules", text)
    line, = kernel_log.lines()
    assert line.startswith(f"rules: {said}")
    assert http_filter.read_file("rules") == "monitor port 1"


def test_undecided_connections_are_looked_up_anew(veth, server):
    begin, end = MINIMAL_REQUEST[:4], MINIMAL_REQUEST[4:]
    for rules, expected in [("drop", b""), ("monitor", end), ("allow", end), ("monitor kind h2c", b"")]:
        set_rules("allow" if rules == "drop" else "drop")
        with Stream(veth.client, server.endpoint) as stream:
            stream.send(begin)
            server.wait_for(stream, begin)
            set_rules(rules)
            before = http_filter.counters()
            stream.send(end)
            if expected:
                server.wait_for(stream, begin + end)
            else:
                wait_until(lambda: (http_filter.counters() - before).get("dropped"), "the rest is dropped")
                assert server.read_from(stream) == begin


@pytest.mark.parametrize("change", [("rules", "allow"), ("action", "monitor"), ("detect", "h2c")], ids=lambda c: c[0])
def test_what_was_dropped_passes_after_a_change(veth, server, change):
    with Stream(veth.client, server.endpoint) as stream:
        stream.send(MINIMAL_REQUEST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped")
        http_filter.write_setting(*change)
        server.wait_for(stream, MINIMAL_REQUEST)


def test_a_rule_ends_within_a_second(veth, server):
    end = int(time.time()) + 3
    set_rules(f"allow port {server.endpoint.port} until {end}")
    send_delivered(server, veth.client, MINIMAL_REQUEST)
    with Stream(veth.client, server.endpoint) as undecided:
        undecided.send(MINIMAL_REQUEST[:4])
        server.wait_for(undecided, MINIMAL_REQUEST[:4])
        time.sleep(max(0, end + 1 - time.time()))
        send_blocked(server, veth.client, MINIMAL_REQUEST)
        before = http_filter.counters()
        undecided.send(MINIMAL_REQUEST[4:])
        wait_until(lambda: (http_filter.counters() - before).get("dropped"), "the rest is dropped")


def test_a_rule_begins_and_ends_where_the_clock_is_set(veth, server):
    now = time.time()
    set_rules(f"allow port {server.endpoint.port} until {int(now) + 10_000}")
    try:
        send_delivered(server, veth.client, MINIMAL_REQUEST)
        for step, send in [(20_000, send_blocked), (-20_000, send_delivered)]:
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
            time.sleep(1)
            send(server, veth.client, MINIMAL_REQUEST)
    finally:
        # Near enough: what it took is less than a minute.
        if abs(time.time() - now) > 100:
            time.clock_settime(time.CLOCK_REALTIME, now)


def test_rules_as_a_parameter(veth, recorder, kernel_log):
    http_filter.unload()
    rules = f"allow port {recorder.endpoint.port}; drop port 1"
    http_filter.load(rules=rules)
    assert "rules: 2" in kernel_log.lines()
    assert http_filter.read_file("rules") == rules
    send_delivered(recorder, veth.client, MINIMAL_REQUEST)


def test_a_bad_parameter_loads_nothing(kernel_log):
    http_filter.unload()
    kernel_log.skip()
    done = http_filter.insmod(rules="allow port x")
    assert done.returncode and not http_filter.is_loaded()
    assert kernel_log.lines() == ['rules: line 1: "x": no port or range of ports, from 1 to 65535']


# The table.

@pytest.fixture
def smallest_table(unfiltered):
    http_filter.load(max_undecided=1)
    yield
    http_filter.unload()


def test_undecided_connections_that_may_pass_give_way(veth, smallest_table):
    """None is ended for a connection whose HTTP is blocked, and that one does not wait."""
    with Recorder(veth.endpoint()) as monitored, Recorder(veth.endpoint()) as server:
        set_rules(f"monitor port {monitored.endpoint.port}")
        with full_table(monitored, veth.client) as undecided:
            before = http_filter.counters()
            send_delivered(server, veth.client, b"GET", b"TING")
            send_blocked(server, veth.client, MINIMAL_REQUEST[:4], MINIMAL_REQUEST[4:])
            changes = http_filter.counters() - before
            assert changes.get("refused", 0) == changes.get("evicted", 0) == 0
            assert changes["uninspectable"] >= 1
            for stream in undecided:
                stream.send(b"TING")
                monitored.wait_for(stream, b"GETING")


def test_connections_that_became_exempt_give_way(veth, smallest_table):
    with Recorder(veth.endpoint()) as monitored, Recorder(veth.endpoint()) as server:
        with full_table(monitored, veth.client) as undecided:
            set_rules(f"monitor port {monitored.endpoint.port} on eth0 netns {inode(veth.server)}")
            before = http_filter.counters()
            send_blocked(server, veth.client, MINIMAL_REQUEST[:4], MINIMAL_REQUEST[4:])
            changes = http_filter.counters() - before
            assert changes.get("refused", 0) == changes.get("evicted", 0) == 0
            for stream in undecided:
                stream.send(b"TING")
                monitored.wait_for(stream, b"GETING")


def test_connections_that_may_pass_do_not_wait_for_room(veth, smallest_table):
    with Recorder(veth.endpoint()) as monitored, Recorder(veth.endpoint()) as server:
        set_rules(f"monitor port {monitored.endpoint.port}")
        with full_table(server, veth.client):
            before = http_filter.counters()
            send_delivered(monitored, veth.client, MINIMAL_REQUEST[:4], MINIMAL_REQUEST[4:])
            changes = http_filter.counters() - before
            assert set(changes) <= {"inspected", "uninspectable", "monitored", "requests", "methods/GET"}
