# SPDX-License-Identifier: GPL-2.0
"""TCP Fast Open: the SYN itself carries data, which the server may read before the handshake is over."""

import pytest

from support import http_filter, receive_paths
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.payloads import OTHER, REQUEST
from support.socket_filter import (ADD, AND, HAS_BITS, LOAD_BYTE, RETURN, RETURN_RESULT, SHIFT_RIGHT, attached,
                                   instruction)
from support.streams import Recorder, Stream
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

# tcp_fastopen: as client and server; for all listeners, without the socket option.
ENABLED = 0x3 | 0x400
WITHOUT_COOKIE = 0x200


@pytest.fixture(params=[receive_paths.direct, receive_paths.transparent_proxy], ids=["direct", "TPROXY"])
def server(veth, family, request):
    """A server whose cookie the client has: it may send data in its SYN."""
    with (veth.server.sysctl("net.ipv4.tcp_fastopen", ENABLED), veth.client.sysctl("net.ipv4.tcp_fastopen", ENABLED),
          request.param(veth, family) as path):
        # After a lost SYN, the client's kernel does not use Fast Open for a while.
        veth.client.ip("tcp_metrics flush")
        with Stream(veth.client, path.server.endpoint, in_syn=OTHER) as stream:
            path.server.wait_for(stream, OTHER)
        yield path.server


@pytest.mark.parametrize("in_syn, later", [(REQUEST, b""), (REQUEST[:2], REQUEST[2:])], ids=["whole", "cut"])
def test_a_request_is_blocked(veth, server, in_syn, later):
    with (veth.client.counts("TcpExtTCPFastOpenActiveFail"),
          Stream(veth.client, server.endpoint, in_syn=in_syn) as stream):
        stream.send(later)
        before = http_filter.counters()
        wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2, "the request is dropped")
        assert holds_no_first_line(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


def test_a_request_that_may_pass_is_not_unseen(veth, server):
    """Whose it is, is not known yet."""
    http_filter.write_setting("rules", f"allow port {server.endpoint.port}")
    with veth.server.counts("TcpExtTCPFastOpenPassive"), Stream(veth.client, server.endpoint, in_syn=REQUEST) as stream:
        server.wait_for(stream, REQUEST)
    assert http_filter.counters()["uninspectable"] == 1


def test_another_stream_is_delivered_from_the_syn(veth, server):
    with veth.server.counts("TcpExtTCPFastOpenPassive"), Stream(veth.client, server.endpoint, in_syn=OTHER) as stream:
        server.wait_for(stream, OTHER)
        stream.send(REQUEST)
        server.wait_for(stream, OTHER + REQUEST)


def test_an_undecided_start_is_delivered(veth, server):
    """At the latest when TCP retransmits the data after the handshake."""
    with Stream(veth.client, server.endpoint, in_syn=b"GET") as stream:
        stream.send(b"TING started\r\n")
        server.wait_for(stream, b"GETTING started\r\n")


# Options of TCP.
_FAST_OPEN, _NOP = 34, 1


class AskingClient(HandmadeClient):
    """It asks for a cookie; the SYN itself has no data, and the ACK that completes the handshake may have some."""

    def _syn_options(self):
        return bytes([_FAST_OPEN, 2, _NOP, _NOP])


def test_a_request_on_the_third_ack_is_blocked(veth, family):
    """The socket is there since the SYN, and has received nothing."""
    with (veth.server.sysctl("net.ipv4.tcp_fastopen", ENABLED | WITHOUT_COOKIE),
          Recorder(veth.endpoint(family)) as server, veth.server.counts("TcpExtTCPFastOpenPassive"),
          AskingClient(veth, server.endpoint, bare_ack=False) as client):
        for times in 1, 2:
            client.send(REQUEST)
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
        assert server.read_from(client) == b""


# A filter that trims the data of a SYN to two bytes.
_FLAGS, _SYN, _HEADER_LENGTH = 13, 0x02, 12
TRIM_SYN = [instruction(LOAD_BYTE, _FLAGS), instruction(HAS_BITS, _SYN, if_true=1), instruction(RETURN, 0xFFFF),
            instruction(LOAD_BYTE, _HEADER_LENGTH), instruction(AND, 0xF0), instruction(SHIFT_RIGHT, 2),
            instruction(ADD, 2), instruction(RETURN_RESULT)]


def test_a_filter_that_trims_a_syn_is_not_noticed(veth, family):
    """A documented limit: all data of the SYN is not HTTP, but its first two bytes and what follows them are."""
    with (veth.server.sysctl("net.ipv4.tcp_fastopen", ENABLED | WITHOUT_COOKIE),
          attached(*TRIM_SYN) as option, Recorder(veth.endpoint(family), options=[option]) as server,
          HandmadeClient(veth, server.endpoint, in_syn=b"GE\0\0") as client):
        server.wait_for(client, b"GE")
        client.advance(2)
        client.send(REQUEST[2:])
        server.wait_for(client, REQUEST)
