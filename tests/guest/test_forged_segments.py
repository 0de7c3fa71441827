# SPDX-License-Identifier: GPL-2.0
"""What TCP will throw away is not held against a connection."""

import pytest

from support import http_filter
from support.handmade import HandmadeClient
from support.streams import Recorder

pytestmark = pytest.mark.usefixtures("filtered")

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
OTHER = b"SSH-2.0-test\r\n"


@pytest.mark.parametrize("first", [b"", OTHER], ids=["at the start", "later"])
def test_a_request_with_a_wrong_checksum_does_not_count(veth, family, first, kernel_log):
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        if first:
            client.send(first)
            server.wait_for(client, first)
            client.advance(len(first))
        client.send_corrupt(REQUEST)
        client.send(OTHER)
        server.wait_for(client, first + OTHER)
        client.advance(len(OTHER))
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["monitored"]) == (0, 0, 0)
    assert kernel_log.lines() == []
