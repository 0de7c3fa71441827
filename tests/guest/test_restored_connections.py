# SPDX-License-Identifier: GPL-2.0
"""A connection that was restored by TCP_REPAIR: its socket is new, but its stream is not at the start."""

import contextlib
import time

import pytest

from support import http_filter
from support.repair import LEFT_CHOSEN, restore
from support.streams import Recorder, Stream, connection, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

GREETING = b"EHLO client.example.com\r\n"

# At the start of a stream, this would be a request.
LINE = b"GET / HTTP/1.1 is what I see in the log\r\n"


@contextlib.contextmanager
def restored(loopback, family, **how):
    """A client's stream, and the server's socket: it has read a line, and has then been restored."""
    with connection(loopback, family) as (stream, accepted):
        stream.send(GREETING)
        assert accepted.recv(len(GREETING)) == GREETING
        with restore(accepted, **how) as restored_socket:
            restored_socket.settimeout(5)
            yield stream, restored_socket


def test_what_it_receives_is_not_a_start(loopback, family):
    with restored(loopback, family) as (stream, restored_socket):
        for line in LINE, b"more\r\n", LINE:
            stream.send(line)
            assert restored_socket.recv(100) == line
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["dropped"]) == (0, 0, 0)


def send_first(stream, restored_socket):
    """The restored side sends, and the client acknowledges: the socket is then like a newly accepted one."""
    restored_socket.sendall(b"250 OK\r\n")
    assert stream.read_exactly(8) == b"250 OK\r\n"
    # Until the acknowledgement has arrived.
    time.sleep(0.2)
    stream.send(LINE)


def test_what_it_receives_after_it_has_sent_is_not_a_start(loopback, family):
    with restored(loopback, family) as (stream, restored_socket):
        send_first(stream, restored_socket)
        assert restored_socket.recv(100) == LINE


def test_one_without_a_trace_that_sends_first_is_taken_for_new(loopback, family):
    """A documented limit."""
    with restored(loopback, family, leaves_trace=False) as (stream, restored_socket):
        send_first(stream, restored_socket)
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "it is taken for a request")
        assert read_what_is_there(restored_socket) == b""


def test_those_of_a_listener_that_was_in_repair_are_taken_for_restored(loopback, family):
    """A documented limit."""
    with (Recorder(loopback.endpoint(family), options=LEFT_CHOSEN) as server,
          Stream(loopback.client, server.endpoint) as stream):
        stream.send(LINE)
        server.wait_for(stream, LINE)
