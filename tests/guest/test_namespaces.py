# SPDX-License-Identifier: GPL-2.0
"""Which network namespaces are filtered."""

import pytest

from support import http_filter, topology
from support.expect import send_blocked, send_delivered
from support.namespace import INITIAL, new_namespace
from support.payloads import MINIMAL_REQUEST, OTHER
from support.streams import Recorder
from support.topology import IPV4, Endpoint

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("unfiltered")]


def test_a_namespace_older_than_the_filter(family):
    with new_namespace("older") as namespace:
        http_filter.load()
        with Recorder(topology.loopback(namespace).endpoint(family)) as server:
            send_blocked(server, namespace, MINIMAL_REQUEST)


def test_a_namespace_newer_than_the_filter(family):
    http_filter.load()
    with new_namespace("newer") as namespace, Recorder(topology.loopback(namespace).endpoint(family)) as server:
        send_blocked(server, namespace, MINIMAL_REQUEST)


def test_a_namespace_made_while_the_filter_is_off():
    http_filter.load(enabled=0)
    with new_namespace("newer") as namespace, Recorder(topology.loopback(namespace).endpoint()) as server:
        send_delivered(server, namespace, MINIMAL_REQUEST)
        http_filter.write_setting("enabled", 1)
        send_blocked(server, namespace, MINIMAL_REQUEST)


def test_a_namespace_that_ends_while_the_filter_is_on():
    http_filter.load()
    with new_namespace("short"):
        pass
    http_filter.unload()


@pytest.fixture
def only_initial():
    http_filter.load(namespaces="initial")


def test_only_initial_filters_the_initial_namespace(only_initial, family):
    with Recorder(topology.loopback().endpoint(family)) as server:
        send_blocked(server, INITIAL, MINIMAL_REQUEST)


def test_only_initial_leaves_older_namespaces_alone(only_initial, veth, family):
    with Recorder(veth.endpoint(family)) as server:
        send_delivered(server, veth.client, MINIMAL_REQUEST)


def test_only_initial_leaves_newer_namespaces_alone(only_initial, family):
    with new_namespace("newer") as namespace, Recorder(topology.loopback(namespace).endpoint(family)) as server:
        send_delivered(server, namespace, MINIMAL_REQUEST)


def test_only_initial_filters_what_comes_from_other_namespaces(only_initial, macvlan, family):
    with Recorder(macvlan.endpoint(family)) as server:
        send_blocked(server, macvlan.client, MINIMAL_REQUEST)


def test_only_initial_stays_so_when_switched(only_initial, veth):
    http_filter.write_setting("enabled", 0)
    http_filter.write_setting("enabled", 1)
    with Recorder(veth.endpoint()) as server:
        send_delivered(server, veth.client, MINIMAL_REQUEST)
    with Recorder(topology.loopback().endpoint()) as server:
        send_blocked(server, INITIAL, MINIMAL_REQUEST)


def test_a_namespace_behind_ipvlan(veth):
    """In mode l3s, the hook runs in the parent's namespace; the socket is in the child's."""
    http_filter.load()
    with new_namespace("ipvlan-server") as server:
        veth.server.ip("link add ipvlan0 link eth0 netns", server.name, "type ipvlan mode l3s")
        server.ip("address add 198.51.100.5/32 dev ipvlan0")
        server.ip("link set ipvlan0 up")
        server.ip("route add default dev ipvlan0")
        veth.client.ip("route add 198.51.100.5 via", veth.server_addresses[IPV4])
        with Recorder(Endpoint(server, "198.51.100.5", 8000)) as recorder:
            send_delivered(recorder, veth.client, OTHER)
            send_blocked(recorder, veth.client, MINIMAL_REQUEST)
        veth.client.ip("route delete 198.51.100.5")


def test_a_namespace_without_room_for_a_hook_is_left_out(loopback, kernel_log):
    """The kernel takes 1,024 hooks: root in one namespace must not keep the filter out of the others."""
    chains = "".join(f"chain c{n} {{ type filter hook input priority {n}; }}\n" for n in range(1024))
    with new_namespace("full") as full:
        full.run("nft", "-f", "-", input=f"table inet full {{\n{chains}}}\n".encode())
        http_filter.load()
        assert "a network namespace can't be entered and is left out: E2BIG" in kernel_log.lines()
        with Recorder(loopback.endpoint()) as recorder:
            send_blocked(recorder, loopback.client, MINIMAL_REQUEST)
        http_filter.write_setting("enabled", 0)
        http_filter.write_setting("enabled", 1)
        http_filter.unload()
