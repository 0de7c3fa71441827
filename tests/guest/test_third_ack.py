# SPDX-License-Identifier: GPL-2.0
"""Data on the ACK that completes the handshake: there is only a request socket, or, with SYN cookies, none."""

import itertools

import pytest

from support import http_filter, receive_paths
from support.handmade import HandmadeClient, deliver
from support.payloads import each_other, each_request
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture(params=[1, 2], ids=["request socket", "SYN cookie"])
def syncookies(veth, request):
    with veth.server.sysctl("net.ipv4.tcp_syncookies", request.param):
        yield


@pytest.fixture(params=[receive_paths.direct, receive_paths.transparent_proxy], ids=["direct", "TPROXY"])
def server(veth, family, syncookies, request):
    """With TPROXY, a packet has its listener assigned before TCP's lookup."""
    with request.param(veth, family) as path:
        yield path.server


# A port for each client: with the same four-tuple and sequence numbers, cookie and connection would be the same.
_ports = itertools.count(40_000)


@pytest.fixture
def client(veth, server):
    with HandmadeClient(veth, server.endpoint, port=next(_ports), bare_ack=False) as client:
        yield client


@each_request
def test_a_request_is_blocked(server, client, pieces):
    deliver(server, client, *pieces[:-1])
    for times in 1, 2:
        client.send(pieces[-1])
        wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
    assert server.read_from(client) == b"".join(pieces[:-1])
    assert http_filter.counters()["blocked"] == 1


@each_other
def test_another_stream_is_delivered(server, client, pieces):
    deliver(server, client, *pieces)
    assert http_filter.counters()["blocked"] == 0
