# SPDX-License-Identifier: GPL-2.0
"""Responses to the host's own clients pass, unless `detect` has `responses`."""

import pytest

from support import http_filter
from support.streams import Recorder, Stream
from support.wait import wait_until

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


@pytest.fixture
def unsolicited(veth, family):
    """A server that sends a response without a request, which the filter would block."""
    with Recorder(veth.endpoint(family), greeting=RESPONSE) as server:
        yield server


def test_pass_by_default(veth, unsolicited):
    with Stream(veth.client, unsolicited.endpoint) as stream:
        stream.finish()
        assert stream.read_all() == RESPONSE
    assert http_filter.counters()["responses"] == 0


def test_are_blocked_if_detected(veth, unsolicited):
    http_filter.write_setting("detect", "responses")
    with Stream(veth.client, unsolicited.endpoint) as stream:
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the response and its retransmission are dropped")
        stream.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            stream.socket.recv(1)
    counters = http_filter.counters()
    assert (counters["responses"], counters["blocked"], counters["requests"]) == (1, 1, 0)


@pytest.mark.parametrize("greeting", [b"HTTP/x", b"HTTPS/1.1 200\r\n", b"\r\nHTTP/1.1 200 OK\r\n", b"220 HTTP/1.1\r\n"])
def test_near_misses_pass_if_detected(veth, greeting):
    http_filter.write_setting("detect", "requests h2c http09 responses")
    with Recorder(veth.endpoint(), greeting=greeting) as server, Stream(veth.client, server.endpoint) as stream:
        stream.finish()
        assert stream.read_all() == greeting
