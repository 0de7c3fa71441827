# SPDX-License-Identifier: GPL-2.0
"""Data on the ACK that completes the handshake: its socket is a mere request, or, with SYN cookies, yet to be made."""

import pytest

from support import http_filter
from support.handmade import HandmadeClient, deliver
from support.payloads import each_other, each_request
from support.streams import Recorder
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture(params=[1, 2], ids=["request socket", "SYN cookie"])
def server(veth, family, request):
    with veth.server.sysctl("net.ipv4.tcp_syncookies", request.param), Recorder(veth.endpoint(family)) as recorder:
        yield recorder


@each_request
def test_a_request_is_blocked(veth, server, pieces):
    with HandmadeClient(veth, server.endpoint, bare_ack=False) as client:
        deliver(server, client, *pieces[:-1])
        for times in 1, 2:
            client.send(pieces[-1])
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
        assert server.read_from(client) == b"".join(pieces[:-1])
    assert http_filter.counters()["blocked"] == 1


@each_other
def test_another_stream_is_delivered(veth, server, pieces):
    with HandmadeClient(veth, server.endpoint, bare_ack=False) as client:
        deliver(server, client, *pieces)
    assert http_filter.counters()["blocked"] == 0
