# SPDX-License-Identifier: GPL-2.0
"""TCP re-cuts what waits when its buffer is full, and drops the end: a socket comes to stand within what was one segment."""

import contextlib
import socket
import struct
import time

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.streams import listen, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

SMALL_BUFFER = socket.SOL_SOCKET, socket.SO_RCVBUF, 8192

# A segment that takes a page of the buffer, as each piece does that TCP cuts.
PAGE = 3500
FILLER = b"a" * 100
WAITING = [PAGE, PAGE, PAGE - 1000]

# Segments overlap by so much: others are not re-cut.
OVERLAP = 3

# What a socket's memory is asked for by, and how much an option's answer takes.
_SO_MEMINFO, _MEMINFO = 55, struct.Struct("9I")

# What the whole stream begins with. Nothing in it is HTTP before a version comes.
START = b"POST /" + b"a" * (PAGE - 6)


def waiting(*marks):
    """The bytes that wait behind the filler; of each mark it is given where it ends."""
    data = bytearray(b"a" * sum(WAITING))
    for end, mark in marks:
        data[end - len(mark):end] = mark
    return bytes(data)


def fill_with_scraps(client, accepted):
    """Fills the buffer so far that one more segment is taken, with segments of two bytes in front of the filler's end.
    They overlap in pairs, so that they are re-cut as well, and TCP does not give up on the rest for them."""
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
    """How much memory of the buffer is taken, and how large it is."""
    taken, limit, *_ = _MEMINFO.unpack(accepted.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
    return taken, limit


@contextlib.contextmanager
def recut(network, family, data):
    """A client and its server's socket. The filler has come, behind which the data waited, in a buffer so full of
    scraps besides that TCP has re-cut all and dropped the end."""
    endpoint = network.endpoint(family)
    with (listen(endpoint, [SMALL_BUFFER]) as listener, HandmadeClient(network, endpoint) as client,
          listener.accept()[0] as accepted):
        # The window grows with what is read.
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
def stand(jumbo, family):
    """How many of the bytes that wait TCP takes, as seen without the filter."""
    http_filter.write_setting("enabled", 0)
    with recut(jumbo, family, waiting()) as (_, accepted):
        taken = len(read_what_is_there(accepted)) - len(FILLER)
    assert sum(WAITING[:-1]) < taken < sum(WAITING), "TCP does not stand within a segment"
    http_filter.write_setting("enabled", 1)
    return taken


def test_a_state_that_was_between_two_is_not_taken_for_theirs(jumbo, family, stand):
    """Where the segments end, a target goes on; where the socket stands, a version begins."""
    data = waiting((stand, b" HTTP/"))
    with recut(jumbo, family, data) as (client, accepted):
        read = b""
        for _ in range(5):
            client.send(b"1.1\r\n\r\n", ahead=len(FILLER) + stand)
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                read += read_what_is_there(accepted)
    assert (FILLER + data[:stand]).startswith(read) and holds_no_first_line(read)


STATES = {
    "all in one state": [],
    "in several states": [(PAGE, b" HT")],
    "decided at the end": [(sum(WAITING), b"\n")],
}


@pytest.mark.parametrize("marks", STATES.values(), ids=STATES)
def test_another_stream_does_not_wait_for_ever(jumbo, family, stand, marks):
    """It arrives, or is ended: its sender must not try again in vain."""
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
            # As a sender would: from the first byte that is not acknowledged.
            client.send(whole[len(read):], ahead=len(read))
            time.sleep(0.2)
            return bytes(read) == whole

        wait_until(is_over, "it arrives or is ended", seconds=10)
