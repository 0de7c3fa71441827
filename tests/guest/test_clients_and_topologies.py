# SPDX-License-Identifier: GPL-2.0
"""Real clients and servers in every topology: requests are answered exactly while the filter is off."""

import functools

import pytest

from support import http_filter, http_servers
from support.clients import BLOCKED_TIMEOUT, HTTP_CLIENTS, QUICK_CLIENTS, curl, in_parallel
from support.http_servers import HTTP_SERVERS
from support.payloads import REQUEST
from support.process import for_each_addressing
from support.streams import Stream


def ask_all(topology, endpoint, clients=QUICK_CLIENTS, **options):
    """All clients send a request to the server, concurrently; returns their replies."""
    url = endpoint.url("/index.html")
    return in_parallel({name: functools.partial(client, topology.client, url, **options)
                        for name, client in clients.items()})


def assert_served(replies):
    assert {who: str(reply) for who, reply in replies.items()} == {who: "200" for who in replies}
    assert {reply.body for reply in replies.values()} == {http_servers.PAGE}


def assert_blocked(ask, timeout=BLOCKED_TIMEOUT):
    """Checks that all requests time out, and that each counts as a blocked connection."""
    before = http_filter.counters()
    replies = ask(timeout=timeout)
    assert {who: str(reply) for who, reply in replies.items()} == {who: "timed out" for who in replies}
    changes = http_filter.counters() - before
    assert changes["blocked"] == len(replies)
    assert changes["dropped"] >= len(replies)


def assert_switched(ask, **options):
    """Checks that requests are answered with the filter off, and blocked with it on."""
    http_filter.write_setting("enabled", 0)
    assert_served(ask())
    http_filter.write_setting("enabled", 1)
    assert_blocked(ask, **options)


@pytest.mark.usefixtures("unfiltered")
def test_clients_are_served_only_while_the_filter_is_off(each_topology, family):
    endpoint = each_topology.endpoint(family)
    ask = functools.partial(ask_all, each_topology, endpoint)
    with http_servers.nginx(endpoint):
        assert_served(ask())
        http_filter.load()
        assert_blocked(ask)
        assert_switched(ask)
        http_filter.unload()
        assert_served(ask())


def test_every_client_is_blocked(filtered, veth, addressing):
    listener, found = veth.endpoints(addressing)
    with http_servers.nginx(listener):
        # Some clients take long to start.
        assert_switched(functools.partial(ask_all, veth, found, HTTP_CLIENTS), timeout=3 * BLOCKED_TIMEOUT)


@pytest.mark.parametrize("server", HTTP_SERVERS.values(), ids=HTTP_SERVERS)
def test_requests_to_every_server_are_blocked(filtered, veth, server):
    with for_each_addressing(veth, server) as instances:
        def ask(**options):
            return in_parallel({
                str(instance): functools.partial(curl, veth.client, instance.endpoint.url("/index.html"), **options)
                for instance in instances})

        assert_switched(ask)


@pytest.mark.smoke
def test_curl_is_blocked(filtered, loopback, family):
    endpoint = loopback.endpoint(family)
    with http_servers.nginx(endpoint):
        assert_blocked(lambda **options: {"curl": curl(loopback.client, endpoint.url("/index.html"), **options)})


def test_a_connection_from_before_the_filter_goes_on(filtered, veth, recorder):
    """Its start was before the filter was switched on."""
    http_filter.write_setting("enabled", 0)
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(REQUEST)
        recorder.wait_for(stream, REQUEST)
        http_filter.write_setting("enabled", 1)
        stream.send(REQUEST)
        recorder.wait_for(stream, 2 * REQUEST)
