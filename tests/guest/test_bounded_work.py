# SPDX-License-Identifier: GPL-2.0
"""The work of the filter is bounded, for each packet and for each flow in a second. It is counted by kprobes.

A unit of work is 64 bytes read of a queued segment; a visit to one counts as four. In a flow's out-of-order queue the filter does
up to 4,096 units at once, and 256 more per second; beyond these, each packet visits one segment more, where it stops.
Of the packet itself, the filter reads the headers, and the data at most three times.
"""

import contextlib
import socket
import time

import pytest

from support import http_filter, tracing
from support.handmade import HandmadeClient
from support.streams import Stream, listen
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

UNIT, VISIT, AT_ONCE, A_SECOND = 64, 4, 4096, 256
OWN, HEADERS = 3, 256

# How often the segment that fills the gap is sent, and how many segments are queued behind the gap.
TIMES = 300
WAITING = 1000

_SO_RCVBUFFORCE = 33
LARGE_BUFFER = socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 23


@pytest.fixture(autouse=True)
def tracefs():
    if not tracing.is_supported():
        pytest.skip("this kernel can't count calls (CONFIG_KPROBE_EVENTS, CONFIG_HIST_TRIGGERS)")


@contextlib.contextmanager
def counted():
    """Counts what the module reads. The dictionary that is yielded is filled in when the block ends."""
    reading = {}
    # rb_next() can't be probed: hf_tcp_ofo_next(), the module's step to the next segment, is.
    # Of hf_skb_read(), which reads what does not lie in the linear part, the argument is where it may read to.
    with tracing.count("hf_skb_read", size="$arg3") as copied, tracing.count("hf_tcp_ofo_next") as visited:
        began = time.monotonic()
        yield reading
        reading["seconds"] = time.monotonic() - began
    reading.update(bytes=copied.size, calls=copied.calls, visited=visited.calls)
    print(reading)


# Segments by their offsets: of one byte, with a gap between two; or of two bytes, each overlapping the next.
APART = [(10 + 2 * number, b"a") for number in range(WAITING)]
JOINED = [(5 + number, b"aa") for number in range(WAITING)]
COMPLETING = JOINED + [(5 + WAITING, b"a HTTP/1.1\r\n\r\n")]

# The segments that are queued, and the filler: the segment that is sent repeatedly into the gap before them.
FILLERS = {
    "covers what waits": (APART, b"GET /" + b"a" * (2 * WAITING + 5)),
    "ends before what waits": (APART, b"GET "),
    "is read on in what waits": (JOINED, b"GET /"),
    "is completed by what waits": (COMPLETING, b"GET /"),
}


# How to send a filler that TCP discards, so that nothing is decided.
DISCARDED = {
    "drop": lambda client, filler, **how: client.send_corrupt(filler, **how),
    "monitor": lambda client, filler, **how: client.send(filler, acknowledges=1 << 30, **how),
}


@pytest.mark.parametrize("action", DISCARDED)
@pytest.mark.parametrize("urgent", [None, 1], ids=["", "urgent"])
@pytest.mark.parametrize("queue, filler", FILLERS.values(), ids=FILLERS)
def test_a_filler_that_is_sent_repeatedly(jumbo, queue, filler, urgent, action):
    http_filter.write_setting("action", action)
    endpoint = jumbo.endpoint()
    with listen(endpoint, [LARGE_BUFFER]) as listener, HandmadeClient(jumbo, endpoint) as client, listener.accept()[0]:
        with jumbo.server.counts("TcpExtTCPOFOQueue"):
            for ahead, data in queue:
                client.send(data, ahead=ahead)
            time.sleep(0.5)
        before = http_filter.counters()
        with counted() as reading:
            for _ in range(TIMES):
                DISCARDED[action](client, filler, urgent=urgent)
            time.sleep(0.2)
        assert http_filter.counters() != before, "the filter has not seen them"
    queued = max(0, reading["bytes"] - TIMES * (OWN * len(filler) + HEADERS))
    assert VISIT * (reading["visited"] - TIMES) + queued // UNIT <= AT_ONCE + A_SECOND * (reading["seconds"] + 1)


def test_a_retransmitted_request_costs_as_little_as_a_short_one(loopback):
    """The request line is as long as a segment can be."""
    endpoint = loopback.endpoint()
    with listen(endpoint), Stream(loopback.client, endpoint) as stream:
        stream.send(b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n")
        dropped = wait_until(lambda: http_filter.counters()["dropped"], "it is dropped")
        with counted() as reading:
            wait_until(lambda: http_filter.counters()["dropped"] >= dropped + 3, "it is repeated")
    assert reading["bytes"] <= 4 * HEADERS
