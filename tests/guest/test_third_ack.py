# SPDX-License-Identifier: GPL-2.0
"""Data on the ACK that completes the handshake: its socket is a mere request, or, with SYN cookies, yet to be made."""

import pytest

from support import http_filter
from support.handmade import HandmadeClient
from support.streams import Recorder
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
OTHER = b"SSH-2.0-test\r\n"


def set_syncookies(veth, value):
    veth.server.run("sysctl", "-q", "-w", f"net.ipv4.tcp_syncookies={value}")


@pytest.fixture(params=[1, 2], ids=["request socket", "SYN cookie"])
def server(veth, family, request):
    set_syncookies(veth, request.param)
    with Recorder(veth.endpoint(family)) as recorder:
        yield recorder
    set_syncookies(veth, 1)


def test_a_request_is_blocked(veth, server):
    with HandmadeClient(veth, server.endpoint, bare_ack=False) as client:
        for times in 1, 2:
            client.send(REQUEST)
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
        assert server.read_from(client) == b""
    assert http_filter.counters()["blocked"] == 1


def test_another_stream_is_delivered(veth, server):
    with HandmadeClient(veth, server.endpoint, bare_ack=False) as client:
        client.send(OTHER)
        server.wait_for(client, OTHER)
        client.advance(len(OTHER))
    assert http_filter.counters()["blocked"] == 0
