# SPDX-License-Identifier: GPL-2.0
"""IP fragments: the filter inspects the reassembled packet."""

import pytest

from support import http_filter
from support.handmade import HandmadeClient, deliver
from support.streams import Recorder
from support.topology import FAMILY_NAMES, IPV4, IPV6
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

# The first line ends after the first 1240 bytes, and fits into a segment.
REQUEST = b"GET /" + b"a" * 1300 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
OTHER = b"SSH-2.0-" + b"a" * 1300 + b"\r\n"

# Undecided before the second piece; each is long enough to be fragmented.
PIECES = b"GET /" + b"a" * 1300, b"a" * 1300 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
LIKE_HTTP = PIECES[0], b"a" * 1300 + b" is not\r\n"

# 8: the TCP header itself is cut. 24: it is whole, and followed by the stream's first four bytes.
# Linux takes no smaller fragments of IPv6 than 1240. 2048: a whole packet with a fragment header (RFC 6946).
FRAGMENTS = [(IPV4, 8), (IPV4, 24), (IPV4, 1240), (IPV6, 1240), (IPV6, 2048)]
by_fragments = pytest.mark.parametrize(
    "family, size", FRAGMENTS, ids=[f"{FAMILY_NAMES[family]}-{size}" for family, size in FRAGMENTS])


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family)) as recorder:
        yield recorder


def test_a_whole_packet_that_is_not_http_is_delivered(veth, server):
    with HandmadeClient(veth, server.endpoint) as client:
        client.send(OTHER)
        server.wait_for(client, OTHER)
        client.advance(len(OTHER))


@by_fragments
def test_a_fragmented_request_is_blocked(veth, server, size):
    with HandmadeClient(veth, server.endpoint) as client:
        for times in 1, 2:
            client.send(REQUEST, fragment_size=size)
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
        assert server.read_from(client) == b""
    assert http_filter.counters()["blocked"] == 1
    assert http_filter.counters()["uninspectable"] == 0


@by_fragments
def test_a_request_in_two_fragmented_segments_is_blocked(veth, server, size):
    with HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, PIECES[0], fragment_size=size)
        for times in 1, 2:
            client.send(PIECES[1], fragment_size=size)
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the second segment is dropped")
        assert server.read_from(client) == PIECES[0]
    assert http_filter.counters()["blocked"] == 1


@by_fragments
def test_a_stream_like_http_in_two_fragmented_segments_is_delivered(veth, server, size):
    with HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, *LIKE_HTTP, fragment_size=size)
    assert http_filter.counters()["blocked"] == 0


@by_fragments
def test_a_fragmented_stream_that_is_not_http_is_delivered(veth, server, size):
    with HandmadeClient(veth, server.endpoint) as client:
        client.send(OTHER, fragment_size=size)
        server.wait_for(client, OTHER)
        client.advance(len(OTHER))
        client.send(REQUEST, fragment_size=size)
        server.wait_for(client, OTHER + REQUEST)
        client.advance(len(REQUEST))
    assert http_filter.counters()["blocked"] == 0
