# SPDX-License-Identifier: GPL-2.0
"""Zero-window probes and keep-alive probes."""

import socket
import threading
import time

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient, deliver
from support.payloads import REQUEST, each_other
from support.streams import Recorder, connection, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

SMALL_BUFFER = socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
LONG_REQUEST = b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"

# How long the server does not read, in seconds: long enough for a few probes.
ASLEEP = 1.5


def read_slowly(veth, family, data, until):
    """What a server reads that starts to read only when the window is zero and has been probed."""
    with veth.client.counts("TcpExtTCPWinProbe"), connection(veth, family, [SMALL_BUFFER]) as (stream, accepted):
        sender = threading.Thread(target=stream.socket.sendall, args=[data])
        sender.start()
        time.sleep(ASLEEP)
        read = bytearray()

        def enough():
            read.extend(read_what_is_there(accepted))
            return until(bytes(read))

        wait_until(enough, "the server has read enough", seconds=60)
        sender.join()
        return bytes(read)


def test_a_request_behind_a_zero_window_is_blocked(veth, family):
    def decided(data):
        return http_filter.counters()["dropped"] >= 2 or not holds_no_first_line(data)

    data = read_slowly(veth, family, LONG_REQUEST, decided)
    assert len(data) > 1000 and LONG_REQUEST.startswith(data) and holds_no_first_line(data)


LINES = {"SSH": b"SSH-2.0-test\r\n", "like HTTP": b"GET /" + b"a" * 50_000 + b" HTML\r\n"}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_another_stream_is_delivered_through_a_zero_window(veth, family, line):
    data = line + 1000 * REQUEST
    assert read_slowly(veth, family, data, lambda read: len(read) >= len(data)) == data


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family)) as recorder:
        yield recorder


def test_a_keep_alive_probe_does_not_hide_a_request(veth, server):
    """TCP discards a byte before rcv_nxt, and answers with an ACK."""
    with HandmadeClient(veth, server.endpoint) as client:
        client.send(b"\0", ahead=-1)
        for piece in REQUEST[:2], REQUEST[2:3]:
            deliver(server, client, piece)
            client.send(b"\0", ahead=-1)
        # Once the request is found, a probe with a byte of data is dropped like all data.
        for dropped in 1, 3:
            client.send(b"\0", ahead=-1)
            client.send(REQUEST[3:])
            wait_until(lambda: http_filter.counters()["dropped"] == dropped, "the request is dropped")
        assert server.read_from(client) == REQUEST[:3]
    assert http_filter.counters()["blocked"] == 1


@each_other
def test_a_keep_alive_probe_does_not_disturb_another_stream(veth, server, pieces):
    with HandmadeClient(veth, server.endpoint) as client:
        for piece in pieces:
            client.send(b"\0", ahead=-1)
            deliver(server, client, piece)
            client.send(b"/", ahead=-1)
    assert http_filter.counters()["blocked"] == 0
