# SPDX-License-Identifier: GPL-2.0
"""Connections that stop within a first line, for which the filter has only so much room."""

import contextlib

from support import http_filter
from support.streams import Stream
from support.wait import wait_until

# So many newcomers of which none finds room are the proof that there is none, wherever their place would be.
_GROUP = 12


def _count(name):
    return int(http_filter.get(f"stats/{name}"))


@contextlib.contextmanager
def slow_openers(server, namespace, count):
    """So many of them, for all of which there is room."""
    before = _count("undecided")
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(namespace, server.endpoint)) for _ in range(count)]
        for number, stream in enumerate(streams, before + 1):
            stream.send(b"GE")
            wait_until(lambda: _count("undecided") == number, f"{number} undecided starts")
        yield streams


@contextlib.contextmanager
def full_table(server, namespace):
    """More of them than there is room for, but for those that were refused: they are gone."""
    with contextlib.ExitStack() as stack:
        openers = []
        found_room = True
        while found_room:
            refused, unseen = _count("refused"), _count("uninspectable")
            group = [Stream(namespace, server.endpoint) for _ in range(_GROUP)]
            for stream in group:
                stream.send(b"GE")
            wait_until(lambda: _delivered(server, group) + _count("refused") - refused >= _GROUP,
                       "each is delivered or refused")
            # Where nothing is dropped, those that find no room are delivered unseen.
            found_room = _delivered(server, group) > _count("uninspectable") - unseen
            for stream in group:
                if server.read_from(stream):
                    openers.append(stack.enter_context(stream))
                else:
                    with stream:
                        pass
        yield openers


def _delivered(server, streams):
    return sum(bool(server.read_from(stream)) for stream in streams)
