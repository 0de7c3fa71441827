# SPDX-License-Identifier: GPL-2.0
"""Streams of other protocols, most of which mention HTTP, arrive byte for byte, whole and cut in two."""

import contextlib
import time

import pytest

from support import http_filter
from support.other_protocols import streams
from support.streams import Recorder, Stream

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

# Between the two segments of a connection, in seconds, so that TCP has taken the first one.
PAUSE = 0.1


def whole(stream):
    return [stream]


def halves(stream):
    """Cut within the first five bytes, which mostly decide a stream."""
    place = 1 + len(stream) % min(5, len(stream) - 1)
    return [stream[:place], stream[place:]]


@pytest.mark.parametrize("pieces", [whole, halves])
def test_all_are_delivered(veth, family, pieces):
    """Each on a connection of its own, beside the others."""
    sent = streams()
    assert len(sent) > 250
    with Recorder(veth.endpoint(family)) as server, contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(Stream(veth.client, server.endpoint)) for name in sent}
        for number in range(len(pieces(b"two"))):
            for name, stream in sent.items():
                clients[name].send(pieces(stream)[number])
            time.sleep(PAUSE)
        for client in clients.values():
            client.finish()
        read = {name: server.read_all_from(client) for name, client in clients.items()}
    assert read == sent
    counters = http_filter.counters()
    assert [counters[name] for name in ("blocked", "dropped", "deferred", "refused", "evicted")] == [0] * 5
