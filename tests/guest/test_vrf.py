# SPDX-License-Identifier: GPL-2.0
"""VRFs: there may be a connection with the same four-tuple in each."""

import contextlib
import socket
import subprocess

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient, deliver
from support.namespace import new_namespace
from support.payloads import REQUEST
from support.streams import Recorder
from support.topology import IPV4, IPV6, Endpoint, Topology
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

SERVERS = {IPV4: "192.0.2.1", IPV6: "2001:db8::1"}
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)


def _has_vrf():
    """Whether the kernel has VRFs; loads their module."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["modprobe", "vrf"], capture_output=True)
    with new_namespace("vrf-probe") as namespace:
        try:
            namespace.ip("link add red type vrf table 101")
        except RuntimeError:
            return False
    return True


@pytest.fixture(scope="module")
def networks():
    """A server's namespace with two VRFs, each with a device of the same addresses and a client behind it."""
    if not _has_vrf():
        pytest.skip("this kernel has no VRFs (CONFIG_NET_VRF)")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(new_namespace("vrf-server"))
        pair = []
        for table, vrf in enumerate(["red", "blue"], 101):
            client = stack.enter_context(new_namespace(f"vrf-{vrf}"))
            device = f"{vrf}0"
            server.ip(f"link add {vrf} type vrf table {table}")
            server.ip(f"link set {vrf} up")
            server.ip(f"link add {device} type veth peer name {device} netns", client.name)
            server.ip(f"link set {device} master {vrf}")
            server.ip(f"address add {SERVERS[IPV4]}/24 dev {device}")
            server.ip(f"address add {SERVERS[IPV6]}/64 nodad dev {device}")
            server.ip(f"link set {device} up")
            client.ip(f"link set {device} up")
            pair.append((vrf, Topology(vrf, server, client, device, SERVERS, {})))
        yield pair
        # The kernel warns of devices that are up when their VRF is removed.
        for vrf, _ in pair:
            server.ip(f"link set {vrf}0 down")


@pytest.fixture(params=[0, 1], ids=["red first", "blue first"])
def order(request, networks):
    return networks[::-1] if request.param else networks


@pytest.fixture(params=[1000, 700_000], ids=["same numbers", "other numbers"])
def ends(request, order, family):
    """A server and its client in each VRF, with the same four-tuple, and with equal or different sequence numbers."""
    port = order[0][1].endpoint(family).port
    with contextlib.ExitStack() as stack:
        def both_ends(vrf, network, first):
            endpoint = Endpoint(network.server, SERVERS[family], port)
            bound = socket.SOL_SOCKET, socket.SO_BINDTODEVICE, vrf.encode()
            server = stack.enter_context(Recorder(endpoint, options=[bound]))
            return server, stack.enter_context(HandmadeClient(network, endpoint, first=first))

        yield [both_ends(vrf, network, first) for (vrf, network), first in zip(order, [1000, request.param])]


def test_beside_an_undecided_one_another_stream_is_delivered(ends):
    (first_server, first), (server, client) = ends
    deliver(first_server, first, b"GE")
    deliver(server, client, TLS, b"more")
    deliver(first_server, first, b"TTING started\r\n")
    counters = http_filter.counters()
    assert (counters["blocked"], counters["refused"], counters["deferred"], counters["dropped"]) == (0, 0, 0, 0)


def test_beside_an_undecided_one_a_cut_request_is_blocked(ends):
    (first_server, first), (server, client) = ends
    deliver(first_server, first, b"GE")
    deliver(server, client, REQUEST[:6])
    client.send(REQUEST[6:])
    wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
    first.send(b"T / HTTP/1.1\r\n\r\n")
    wait_until(lambda: http_filter.counters()["blocked"] == 2, "the other's is, too")
    for server, client, read in (server, client, REQUEST[:6]), (first_server, first, b"GE"):
        assert server.read_from(client) == read and holds_no_first_line(read)
    counters = http_filter.counters()
    assert (counters["refused"], counters["deferred"]) == (0, 0)


def test_the_start_of_one_does_not_decide_the_other(ends):
    """The tail makes a request behind GET, but not by itself."""
    (first_server, first), (server, client) = ends
    deliver(first_server, first, b"GET ")
    deliver(server, client, b"/ HTTP/1.1\r\n\r\n", b"more")
    assert http_filter.counters()["blocked"] == 0
    first.send(b"/ HTTP/1.1\r\n\r\n")
    wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
    assert first_server.read_from(first) == b"GET "


def test_a_blocked_one_does_not_stop_the_other(ends):
    (first_server, first), (server, client) = ends
    first.send(REQUEST)
    wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
    deliver(server, client, TLS, b"more")
    assert first_server.read_from(first) == b""
