# SPDX-License-Identifier: GPL-2.0
"""TCP collapses and prunes the out-of-order queue of a full buffer: then rcv_nxt may be within a former segment."""

import contextlib
import socket
import struct
import time

import pytest

from support import http_filter, kernel
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.streams import listen, read_what_is_there
from support.wait import wait_until

pytestmark = [kernel.prunes_small_segments, pytest.mark.usefixtures("filtered")]

SMALL_BUFFER = socket.SOL_SOCKET, socket.SO_RCVBUF, 8192

# The size of a segment that takes a page of the buffer, as do those that tcp_collapse() makes.
PAGE = 3500
FILLER = b"a" * 100
WAITING = [PAGE, PAGE, PAGE - 1000]

# By how much segments overlap: TCP collapses only such segments.
OVERLAP = 3

# The socket option that tells the memory of a socket, and its value.
_SO_MEMINFO, _MEMINFO = 55, struct.Struct("9I")

# The start of the stream: undecided until there is a version.
START = b"POST /" + b"a" * (PAGE - 6)


def waiting(*marks):
    """The bytes that are queued behind the filler. Each mark is the offset of its end, and its bytes."""
    data = bytearray(b"a" * sum(WAITING))
    for end, mark in marks:
        data[end - len(mark):end] = mark
    return bytes(data)


def fill_with_scraps(client, accepted):
    """Fills the buffer, with segments of two bytes within the filler's range, until just one more segment is accepted.

    They overlap in pairs, so that TCP collapses them, too, and goes on with the rest of the queue.
    """
    scraps = [place + second for place in range(1, len(FILLER) - 3, 4) for second in (0, 1)]
    held, limit = received_memory(accepted)
    for scrap in scraps:
        client.send(b"aa", ahead=scrap)
        now, _ = wait_until(lambda: (memory := received_memory(accepted))[0] > held and memory, "it is in the queue")
        if 2 * now - held > limit:
            return
        held = now
    raise AssertionError("the buffer is too large for scraps")


def received_memory(accepted):
    """The memory of the receive buffer that is in use, and the buffer's size."""
    taken, limit, *_ = _MEMINFO.unpack(accepted.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
    return taken, limit


@contextlib.contextmanager
def recut(network, family, data):
    """A client and its server's socket. The data was queued behind a gap, in a buffer that was filled with scraps; the
    filler has arrived then, and TCP has collapsed the queue and pruned its end."""
    endpoint = network.endpoint(family)
    with (listen(endpoint, [SMALL_BUFFER]) as listener, HandmadeClient(network, endpoint) as client,
          listener.accept()[0] as accepted):
        # The window grows as the application reads.
        for piece in START, b"a" * PAGE, b"a" * PAGE, b"a" * PAGE:
            client.send(piece)
            client.advance(PAGE)
            wait_until(lambda: read_what_is_there(accepted) == piece, "it is read")
        with network.server.counts("TcpExtTCPRcvCollapsed"), network.server.counts("TcpExtOfoPruned"):
            place = 0
            for size in WAITING[:-1]:
                begin = max(place - OVERLAP, 0)
                client.send(data[begin:place + size], ahead=len(FILLER) + begin)
                place += size
            fill_with_scraps(client, accepted)
            client.send(data[place - OVERLAP:], ahead=len(FILLER) + place - OVERLAP)
            client.send(FILLER)
            time.sleep(0.1)
        yield client, accepted


@pytest.fixture
def taken_bytes(jumbo, family):
    """How many of the queued bytes TCP takes, as seen without the filter."""
    http_filter.write_setting("enabled", 0)
    with recut(jumbo, family, waiting()) as (_, accepted):
        taken = len(read_what_is_there(accepted)) - len(FILLER)
    assert sum(WAITING[:-1]) < taken < sum(WAITING), "rcv_nxt is not within a segment"
    http_filter.write_setting("enabled", 1)
    return taken


def test_the_state_within_a_former_segment_is_not_that_of_its_ends(jumbo, family, taken_bytes):
    """At the ends of the segments the classifier is within a target; at rcv_nxt, a version begins."""
    data = waiting((taken_bytes, b" HTTP/"))
    with recut(jumbo, family, data) as (client, accepted):
        read = b""
        for _ in range(5):
            client.send(b"1.1\r\n\r\n", ahead=len(FILLER) + taken_bytes)
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                read += read_what_is_there(accepted)
    assert (FILLER + data[:taken_bytes]).startswith(read) and holds_no_first_line(read)


STATES = {
    "all in one state": [],
    "in several states": [(PAGE, b" HT")],
    "decided at the end": [(sum(WAITING), b"\n")],
}


@pytest.mark.parametrize("marks", STATES.values(), ids=STATES)
def test_another_stream_is_delivered_or_ended(jumbo, family, taken_bytes, marks):
    """The sender must not retransmit for ever in vain."""
    data = waiting(*marks)
    whole = FILLER + data + b"\nmore"
    with recut(jumbo, family, data) as (client, accepted):
        read = bytearray()

        def is_over():
            try:
                read.extend(read_what_is_there(accepted))
            except ConnectionError:
                return True
            assert whole.startswith(read)
            # Retransmits like TCP: from the first byte that is not acknowledged.
            client.send(whole[len(read):], ahead=len(read))
            time.sleep(0.2)
            return bytes(read) == whole

        wait_until(is_over, "it arrives or is ended", seconds=10)
