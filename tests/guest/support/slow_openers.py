# SPDX-License-Identifier: GPL-2.0
"""Connections that stop within a first line, for which the filter has only so much room."""

import contextlib

from support import http_filter
from support.streams import Stream
from support.wait import wait_until

# So many newcomers in a row that find no room are the proof that there is none, wherever their place would be.
_REFUSED = 12


def _count(*names):
    return sum(int(http_filter.get(f"stats/{name}")) for name in names)


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
    """As many of them as there is room for, which may be more than was asked for; those that found none are gone."""
    with contextlib.ExitStack() as stack:
        streams = []
        in_vain = 0
        while in_vain < _REFUSED:
            before = _count("refused", "uninspectable")
            stream = Stream(namespace, server.endpoint)
            stream.send(b"GE")
            wait_until(lambda: server.read_from(stream) or _count("refused", "uninspectable") > before,
                       "the newcomer has found room or not")
            if server.read_from(stream) and _count("refused", "uninspectable") == before:
                streams.append(stack.enter_context(stream))
                in_vain = 0
            else:
                with stream:
                    in_vain += 1
        yield streams
