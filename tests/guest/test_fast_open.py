# SPDX-License-Identifier: GPL-2.0
"""TCP Fast Open: the SYN itself carries data, which the server may read before the handshake is over."""

import pytest

from support import http_filter, ways
from support.expect import holds_no_first_line
from support.payloads import REQUEST
from support.streams import Stream
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

OTHER = b"SSH-2.0-test\r\n"

# Client and server; and all listeners, whatever they ask for.
ENABLED = 0x3 | 0x400


@pytest.fixture(params=[ways.direct, ways.transparent_proxy], ids=["direct", "TPROXY"])
def server(veth, family, request):
    """A server whose cookie the client has: it may send data in its SYN."""
    with (veth.server.sysctl("net.ipv4.tcp_fastopen", ENABLED), veth.client.sysctl("net.ipv4.tcp_fastopen", ENABLED),
          request.param(veth, family) as way):
        # After a SYN that was lost the client is more careful for a while.
        veth.client.ip("tcp_metrics flush")
        with Stream(veth.client, way.server.endpoint, in_syn=OTHER) as stream:
            way.server.wait_for(stream, OTHER)
        yield way.server


@pytest.mark.parametrize("in_syn, later", [(REQUEST, b""), (REQUEST[:2], REQUEST[2:])], ids=["whole", "cut"])
def test_a_request_is_blocked(veth, server, in_syn, later):
    with (veth.client.counts("TcpExtTCPFastOpenActiveFail"),
          Stream(veth.client, server.endpoint, in_syn=in_syn) as stream):
        stream.send(later)
        before = http_filter.counters()
        wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2, "the request is dropped")
        assert holds_no_first_line(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


def test_another_stream_is_delivered_from_the_syn(veth, server):
    with veth.server.counts("TcpExtTCPFastOpenPassive"), Stream(veth.client, server.endpoint, in_syn=OTHER) as stream:
        server.wait_for(stream, OTHER)
        stream.send(REQUEST)
        server.wait_for(stream, OTHER + REQUEST)


def test_an_undecided_start_is_delivered(veth, server):
    """If not from the SYN, then after it: TCP sends the data again."""
    with Stream(veth.client, server.endpoint, in_syn=b"GET") as stream:
        stream.send(b"TING started\r\n")
        server.wait_for(stream, b"GETTING started\r\n")
