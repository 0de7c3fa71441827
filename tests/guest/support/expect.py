# SPDX-License-Identifier: GPL-2.0
"""The two things that can become of a stream."""

from support import http_filter
from support.streams import Stream
from support.wait import wait_until


def send_blocked(server, namespace, payload, options=()):
    """Sends a stream that is to be blocked; returns the client's address and the counters' changes.

    The proof: it counts as one connection, its first repetition is dropped like
    the original, and the server has read nothing.
    """
    before = http_filter.counters()
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(payload)
        wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2,
                   f"{payload[:60]!r} and its repetition are dropped", seconds=5)
        assert server.read_from(stream) == b""
        changes = http_filter.counters() - before
    assert changes["blocked"] == 1
    return stream, changes


def send_delivered(server, namespace, payload, options=()):
    """Sends a stream that is to arrive byte for byte; returns the client's address."""
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(payload)
        stream.finish()
        assert server.read_all_from(stream) == payload
    return stream
