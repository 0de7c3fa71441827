# SPDX-License-Identifier: GPL-2.0
"""Sends a stream and checks that it is blocked, or that it is delivered."""

import re

from support import http_filter
from support.streams import Stream
from support.wait import wait_until


def send_blocked(server, namespace, *pieces, options=()):
    """Sends a stream that must be blocked, each piece in a segment; the last piece makes it HTTP.

    Checks that one connection is counted as blocked, that the last piece and its retransmission are dropped, and that
    the server has not read a byte of that piece. Returns the stream and the changes of the counters.
    """
    before = http_filter.counters()
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(*pieces)
        wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2,
                   f"{pieces[-1][:60]!r} and its retransmission are dropped", seconds=5)
        assert b"".join(pieces[:-1]).startswith(server.read_from(stream))
        changes = http_filter.counters() - before
    assert changes["blocked"] == 1
    return stream, changes


def holds_no_first_line(data):
    """Whether the data has no complete first line of HTTP: no version (`HTTP/` and a digit)."""
    return not re.search(rb"HTTP/[0-9]", data)


def send_delivered(server, namespace, *pieces, options=()):
    """Sends a stream that must arrive byte for byte, each piece in a segment; returns the stream."""
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(*pieces)
        stream.finish()
        assert server.read_all_from(stream) == b"".join(pieces)
    return stream
