# SPDX-License-Identifier: GPL-2.0
"""A connection whose request was blocked: all its data is dropped until the settings change."""

import contextlib
import socket

import pytest

from support import http_filter
from support.handmade import HandmadeClient, deliver
from support.payloads import OTHER, REQUEST
from support.streams import Recorder, Stream, listen
from support.topology import IPV4
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

_IP_MINTTL, _IPV6_MINHOPCOUNT = 21, 73

AHEAD = b"more"


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family)) as recorder:
        yield recorder


def wait_for_drops(count=1):
    """Waits until `count` segments have been dropped."""
    wait_until(lambda: http_filter.counters()["dropped"] >= count, f"{count} segments are dropped")


@contextlib.contextmanager
def blocked(veth, server, before=b"", **options):
    """A client whose request was blocked, after the server had read the part `before`."""
    with HandmadeClient(veth, server.endpoint, **options) as client:
        if before:
            client.send(before)
            server.wait_for(client, before)
            client.advance(len(before))
        blocked_before = http_filter.counters()["blocked"]
        client.send(REQUEST[len(before):])
        wait_until(lambda: http_filter.counters()["blocked"] == blocked_before + 1, "the request is blocked")
        yield client


@pytest.mark.parametrize("before", [b"", REQUEST[:2], REQUEST[:9]], ids=["whole", "method cut", "version cut"])
def test_other_data_in_its_place_is_dropped_too(veth, server, before):
    with blocked(veth, server, before) as client:
        http_filter.write_setting("stats/reset", 1)
        segments = [(OTHER, 0), (b"\n", 0), (REQUEST, 0), (AHEAD, 10), (before + OTHER, -len(before)), (AHEAD, 20_000)]
        for count, (data, ahead) in enumerate(segments, 1):
            client.send(data, ahead=ahead)
            wait_for_drops(count)
        assert server.read_from(client) == before
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["deferred"], counters["refused"]) == (0, 0, 0, 0)


def test_what_its_socket_discards_blocks_no_connection(veth, family):
    """The request's TTL is below the socket's minimum (RFC 5082): TCP discards it."""
    endpoint = veth.endpoint(family)
    least = (socket.IPPROTO_IP, _IP_MINTTL) if family == IPV4 else (socket.IPPROTO_IPV6, _IPV6_MINHOPCOUNT)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        accepted.setsockopt(*least, 255)
        client.send(REQUEST)
        wait_for_drops()
        accepted.setsockopt(*least, 0)
        client.send(OTHER)
        accepted.settimeout(5)
        assert accepted.recv(100) == OTHER


def test_its_end_is_seen(veth, server):
    with blocked(veth, server) as client:
        client.finish()
        assert server.read_all_from(client) == b""


def test_its_reset_is_seen(veth, family):
    endpoint = veth.endpoint(family)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        client.send(REQUEST)
        wait_for_drops()
        client.reset()
        accepted.settimeout(5)
        with pytest.raises(ConnectionResetError):
            accepted.recv(1)


def test_another_of_the_same_addresses_and_ports_is_inspected_afresh(veth, server):
    with blocked(veth, server):
        pass
    with HandmadeClient(veth, server.endpoint, first=5_000_000) as client:
        deliver(server, client, OTHER)
    with blocked(veth, server, first=9_000_000) as client:
        assert server.read_from(client) == b""
    assert http_filter.counters()["blocked"] == 2


LET_GO = {
    "monitored": lambda: http_filter.write_setting("action", "monitor"),
    "not looked for": lambda: http_filter.write_setting("detect", "h2c"),
    "switched off": lambda: http_filter.write_setting("enabled", 0),
}


@pytest.mark.parametrize("let_go", LET_GO.values(), ids=LET_GO)
def test_its_request_passes_once_requests_may(veth, server, let_go):
    with blocked(veth, server) as client:
        client.send(REQUEST)
        wait_for_drops(2)
        let_go()
        client.send(REQUEST)
        server.wait_for(client, REQUEST)


def test_switched_off_and_on_it_is_inspected_anew(veth, server):
    with blocked(veth, server) as client:
        http_filter.write_setting("enabled", 0)
        http_filter.write_setting("enabled", 1)
        client.send(OTHER)
        server.wait_for(client, OTHER)


def test_monitored_and_dropped_again_it_is_inspected_anew(veth, server):
    with blocked(veth, server) as client:
        http_filter.write_setting("action", "monitor")
        client.send(b"S")
        server.wait_for(client, b"S")
        http_filter.write_setting("action", "drop")
        client.advance(1)
        client.send(OTHER[1:])
        server.wait_for(client, OTHER)


def test_repetitions_are_dropped_unread(loopback, family):
    """The line is as long as a segment can be: reading each retransmission again would be expensive."""
    with Recorder(loopback.endpoint(family)) as server, Stream(loopback.client, server.endpoint) as stream:
        stream.send(b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n")
        # The filter may read the first of them once more: segments that it passed before may not have reached TCP yet.
        wait_for_drops(3)
        before = http_filter.counters()
        wait_until(lambda: http_filter.counters()["dropped"] >= before["dropped"] + 3, "it is repeated")
        changes = http_filter.counters() - before
    assert set(changes) - {"undecided"} == {"dropped"}
