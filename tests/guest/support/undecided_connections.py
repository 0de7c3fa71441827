# SPDX-License-Identifier: GPL-2.0
"""Undecided connections: each has sent a part of a first line, and has an entry in the filter's table."""

import contextlib

from support import http_filter
from support.streams import Stream
from support.wait import wait_until

# If none of so many new connections gets an entry, the table is full, whichever buckets they hash to.
_GROUP = 12


def _count(name):
    return int(http_filter.read_file(f"stats/{name}"))


@contextlib.contextmanager
def undecided_connections(server, namespace, count):
    """Opens `count` undecided connections, for all of which the table must have room; yields them."""
    before = _count("undecided")
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(namespace, server.endpoint)) for _ in range(count)]
        for number, stream in enumerate(streams, before + 1):
            stream.send(b"GE")
            wait_until(lambda: _count("undecided") == number, f"{number} undecided connections")
        yield streams


@contextlib.contextmanager
def full_table(server, namespace):
    """Fills the table; yields the connections that have an entry. Those that were refused are closed."""
    with contextlib.ExitStack() as stack:
        undecided = []
        found_room = True
        while found_room:
            refused, unseen = _count("refused"), _count("uninspectable")
            group = [Stream(namespace, server.endpoint) for _ in range(_GROUP)]
            for stream in group:
                stream.send(b"GE")
            wait_until(lambda: _delivered(server, group) + _count("refused") - refused >= _GROUP,
                       "each is delivered or refused")
            # With action=monitor, connections without an entry are delivered, and counted as uninspectable.
            found_room = _delivered(server, group) > _count("uninspectable") - unseen
            for stream in group:
                if server.read_from(stream):
                    undecided.append(stack.enter_context(stream))
                else:
                    with stream:
                        pass
        yield undecided


def _delivered(server, streams):
    return sum(bool(server.read_from(stream)) for stream in streams)
