# SPDX-License-Identifier: GPL-2.0
"""Urgent data: read() leaves out an urgent byte, unless SO_OOBINLINE is set, which can be at any time."""

import errno
import socket
import time

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.payloads import REQUEST
from support.streams import connection, listen, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

INLINE = socket.SOL_SOCKET, socket.SO_OOBINLINE, 1

# When the server sets SO_OOBINLINE: never, before the data, or after it has arrived.
WHEN = ["never", "first", "late"]


class Urgent(bytes):
    """A piece whose last byte is urgent."""


# HTTP if urgent bytes are left out (without SO_OOBINLINE).
TAKEN_OUT = {
    "first byte": (Urgent(b"\0"), REQUEST),
    "within the method": (b"GE", Urgent(b"\0"), REQUEST[2:]),
    "within the method, same segment": (Urgent(b"GE\0"), REQUEST[2:]),
    "before the version": (REQUEST[:6], Urgent(b"\n"), REQUEST[6:]),
    # Only the last urgent byte is left out.
    "superseded": (b"GE", Urgent(b"T"), Urgent(b"\0"), REQUEST[3:]),
}

# HTTP if they are left in (with SO_OOBINLINE).
LEFT_IN = {
    "first byte": (Urgent(b"G"), REQUEST[1:]),
    "within the method": (b"GE", Urgent(b"T"), REQUEST[3:]),
    "the version": (REQUEST[:11], Urgent(REQUEST[11:12]), REQUEST[12:]),
}

# HTTP in both cases.
ANYWAY = {
    "another method": (b"GE", Urgent(b"X"), REQUEST[2:]),
    "last byte": (Urgent(REQUEST),),
    "past the version": (REQUEST[:20], Urgent(b"!"), REQUEST[20:]),
}

FORBIDDEN = [pytest.param(when, pieces, id=f"{when}-{name}")
             for when in WHEN
             for cases in (ANYWAY, TAKEN_OUT if when == "never" else LEFT_IN)
             for name, pieces in cases.items()]


def taken_out(pieces):
    """What is read of the pieces without SO_OOBINLINE, if one byte is urgent."""
    return b"".join(piece[:-1] if isinstance(piece, Urgent) else piece for piece in pieces)


def send(stream, pieces):
    for piece in pieces:
        stream.socket.send(piece, socket.MSG_OOB if isinstance(piece, Urgent) else 0)
        time.sleep(0.02)


def exchange(veth, family, when, pieces, until):
    """Sends the pieces; returns what the server has read once `until` is true of that."""
    with connection(veth, family) as (stream, accepted):
        if when == "first":
            accepted.setsockopt(*INLINE)
        send(stream, pieces)
        if when == "late":
            accepted.setsockopt(*INLINE)
        data = bytearray()

        def enough():
            data.extend(read_what_is_there(accepted))
            return until(bytes(data))

        wait_until(enough, f"the server has read enough: {data}")
        return bytes(data)


@pytest.mark.parametrize("when, pieces", FORBIDDEN)
def test_a_request_is_never_read(veth, family, when, pieces):
    def decided(data):
        counters = http_filter.counters()
        return counters["dropped"] + counters["deferred"] >= 2 or not holds_no_first_line(data)

    assert holds_no_first_line(exchange(veth, family, when, pieces, decided))


@pytest.mark.parametrize("when, pieces", FORBIDDEN)
def test_without_the_filter_it_is_read(veth, family, when, pieces):
    http_filter.write_setting("enabled", 0)
    exchange(veth, family, when, pieces, lambda data: not holds_no_first_line(data))


OTHERS = {
    "past the start": (b"SSH-2.0-test\r\n", Urgent(b"!"), b"more"),
    "in the segment of the line that decides": (Urgent(b"SSH-2.0-test\r\n!"), b"more"),
    "first of all": (Urgent(b"S"), b"SH-2.0-test\r\n"),
    "in the first word": (b"SS", Urgent(b"H"), b"-2.0-test\r\n"),
    "past HTTP-like words": (b"GETTING started\r\n", Urgent(b"GET / HTTP/1.1"), b"\r\n"),
}


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("pieces", OTHERS.values(), ids=OTHERS)
def test_other_streams_are_delivered(veth, family, when, pieces):
    expected = taken_out(pieces) if when == "never" else b"".join(pieces)
    assert exchange(veth, family, when, pieces, lambda data: len(data) >= len(expected)) == expected
    assert http_filter.counters()["blocked"] == 0


def urgent_byte(accepted):
    """The urgent byte, if it has arrived."""
    try:
        return accepted.recv(1, socket.MSG_OOB)
    except OSError as error:
        assert error.errno == errno.EINVAL
        return b""


def test_an_urgent_byte_is_delivered_as_such(veth, family):
    with connection(veth, family) as (stream, accepted):
        send(stream, OTHERS["past the start"])
        assert wait_until(lambda: urgent_byte(accepted), "the urgent byte comes") == b"!"


@pytest.mark.parametrize("acknowledges", [None, 0], ids=["SYN", "SYN-ACK"])
def test_a_syn_that_points_to_urgent_data_is_refused(veth, family, acknowledges):
    """It would tell the socket which byte of the stream to leave out, while the stream is inspected."""
    endpoint = veth.endpoint(family)
    with listen(endpoint), HandmadeClient(veth, endpoint) as client:
        client.send_syn(acknowledges=acknowledges)
        assert http_filter.counters()["refused"] == 0
        client.send_syn(acknowledges=acknowledges, urgent=3)
        wait_until(lambda: http_filter.counters()["refused"] == 1, "it is refused")
