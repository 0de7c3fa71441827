# SPDX-License-Identifier: GPL-2.0
"""Streams that start with less than a first line in their first segment.

A limit of this version: it judges a first line only within one segment.
"""

import time

import pytest

from support import http_filter
from support.expect import send_blocked
from support.streams import Stream

pytestmark = pytest.mark.usefixtures("filtered")

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"
DECIDED = REQUEST.index(b"HTTP/1") + len(b"HTTP/1")

OTHERS = {
    "Redis": b"GET key\r\n",
    "SSH": b"SSH-2.0-test\r\n",
    "RTSP": b"OPTIONS rtsp://a/ RTSP/1.0\r\n\r\n",
}


def send_pieces(server, namespace, *pieces):
    """Sends a segment a piece; what the server reads must be the whole."""
    with Stream(namespace, server.endpoint) as stream:
        for piece in pieces:
            stream.send(piece)
            time.sleep(0.01)
        stream.finish()
        assert server.read_all_from(stream) == b"".join(pieces)


def test_a_first_segment_that_holds_just_enough(veth, recorder):
    send_blocked(recorder, veth.client, REQUEST[:DECIDED])


@pytest.mark.parametrize("place", [1, 3, 4, 5, 15, 16, DECIDED - 1])
def test_a_request_in_two_segments_passes_but_is_counted(veth, recorder, place):
    send_pieces(recorder, veth.client, REQUEST[:place], REQUEST[place:])
    assert http_filter.counters()["uninspectable"] == 1
    assert http_filter.counters()["requests"] == 0


@pytest.mark.parametrize("stream", OTHERS.values(), ids=OTHERS)
def test_other_protocols_in_segments_of_one_byte(veth, recorder, stream):
    send_pieces(recorder, veth.client, *(bytes([byte]) for byte in stream))
    assert http_filter.counters()["blocked"] == 0
