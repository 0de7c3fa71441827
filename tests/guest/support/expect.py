# SPDX-License-Identifier: GPL-2.0
"""The two things that can become of a stream."""

import re

from support import http_filter
from support.streams import Stream
from support.wait import wait_until


def send_blocked(server, namespace, *pieces, options=()):
    """Sends a stream that is to be blocked, a segment a piece, of which the last makes it HTTP.

    The proof: it counts as one connection, the repetition of the last piece is dropped like the original,
    and the server has not read a byte of it. Returns the client's address and the counters' changes.
    """
    before = http_filter.counters()
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(*pieces)
        wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2,
                   f"{pieces[-1][:60]!r} and its repetition are dropped", seconds=5)
        assert b"".join(pieces[:-1]).startswith(server.read_from(stream))
        changes = http_filter.counters() - before
    assert changes["blocked"] == 1
    return stream, changes


def holds_no_first_line(data):
    """Whether what was read so far, of a stream whose only fault is its first line, has not got that whole."""
    return not re.search(rb"HTTP/[0-9]", data)


def send_delivered(server, namespace, *pieces, options=()):
    """Sends a stream that is to arrive byte for byte, a segment a piece; returns the client's address."""
    with Stream(namespace, server.endpoint, options) as stream:
        stream.send(*pieces)
        stream.finish()
        assert server.read_all_from(stream) == b"".join(pieces)
    return stream
