# SPDX-License-Identifier: GPL-2.0
"""Real clients and servers on every road: 200, blocked, 200, blocked, 200 as the filter is switched."""

import functools

import pytest

from support import http_filter, servers
from support.clients import HTTP_CLIENTS, curl, in_parallel
from support.servers import HTTP_SERVERS
from support.streams import Stream
from support.topology import IPV4, Endpoint

REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"


def ask_all(topology, endpoint):
    """Every client asks the server, at once."""
    url = endpoint.url("/index.html")
    return in_parallel({name: functools.partial(client, topology.client, url)
                        for name, client in HTTP_CLIENTS.items()})


def assert_served(replies):
    assert {who: str(reply) for who, reply in replies.items()} == {who: "200" for who in replies}
    assert {reply.body for reply in replies.values()} == {servers.PAGE}


def assert_blocked(replies, before):
    assert {who: str(reply) for who, reply in replies.items()} == {who: "timed out" for who in replies}
    changes = http_filter.counters() - before
    assert changes["blocked"] == len(replies)
    assert changes["dropped"] >= len(replies)


@pytest.mark.usefixtures("unfiltered")
def test_clients_are_served_only_while_the_filter_is_off(each_topology, family):
    endpoint = each_topology.endpoint(family)
    with servers.nginx(endpoint):
        assert_served(ask_all(each_topology, endpoint))
        http_filter.load()
        before = http_filter.counters()
        assert_blocked(ask_all(each_topology, endpoint), before)
        http_filter.set("enabled", 0)
        assert_served(ask_all(each_topology, endpoint))
        before = http_filter.counters()
        http_filter.set("enabled", 1)
        assert_blocked(ask_all(each_topology, endpoint), before)
        http_filter.unload()
        assert_served(ask_all(each_topology, endpoint))


@pytest.mark.parametrize("server", HTTP_SERVERS.values(), ids=HTTP_SERVERS)
def test_every_server_is_out_of_reach(filtered, veth, family, server):
    http_filter.set("enabled", 0)
    endpoint = veth.endpoint(family)
    with server(endpoint):
        assert_served(ask_all(veth, endpoint))
        before = http_filter.counters()
        http_filter.set("enabled", 1)
        assert_blocked(ask_all(veth, endpoint), before)


def test_ipv4_clients_of_an_ipv6_listener(filtered, veth):
    listener = Endpoint(veth.server, "::", veth.endpoint().port)
    mapped = Endpoint(veth.server, veth.server_addresses[IPV4], listener.port)
    http_filter.set("enabled", 0)
    with servers.nginx(listener):
        assert_served(ask_all(veth, mapped))
        before = http_filter.counters()
        http_filter.set("enabled", 1)
        assert_blocked(ask_all(veth, mapped), before)


@pytest.mark.smoke
def test_curl_is_blocked(filtered, loopback, family):
    endpoint = loopback.endpoint(family)
    with servers.nginx(endpoint):
        before = http_filter.counters()
        reply = curl(loopback.client, endpoint.url("/index.html"))
        assert_blocked({"curl": reply}, before)


def test_a_connection_that_was_let_in_goes_on(filtered, veth, recorder):
    """Its start was before the filter was switched on."""
    http_filter.set("enabled", 0)
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(REQUEST)
        recorder.wait_for(stream, REQUEST)
        http_filter.set("enabled", 1)
        stream.send(REQUEST)
        recorder.wait_for(stream, 2 * REQUEST)
