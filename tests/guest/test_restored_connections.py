# SPDX-License-Identifier: GPL-2.0
"""A connection that was checkpointed and restored: its socket is new, and its stream is not at its start."""

import contextlib
import time

import pytest

from support import http_filter
from support.repair import LEFT_CHOSEN, restore
from support.streams import Recorder, Stream, connection, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

GREETING = b"EHLO client.example.com\r\n"

# As the start of a stream it would be a request.
LINE = b"GET / HTTP/1.1 is what I see in the log\r\n"


@contextlib.contextmanager
def restored(loopback, family, **how):
    """A client's stream and its server's socket, which has read a line and was restored then."""
    with connection(loopback, family) as (stream, accepted):
        stream.send(GREETING)
        assert accepted.recv(len(GREETING)) == GREETING
        with restore(accepted, **how) as again:
            again.settimeout(5)
            yield stream, again


def test_what_it_receives_is_no_start(loopback, family):
    with restored(loopback, family) as (stream, again):
        for line in LINE, b"more\r\n", LINE:
            stream.send(line)
            assert again.recv(100) == line
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["dropped"]) == (0, 0, 0)


def send_first(stream, again):
    """The restored side sends, and is acknowledged: then its socket is like one that has just been accepted."""
    again.sendall(b"250 OK\r\n")
    assert stream.read_exactly(8) == b"250 OK\r\n"
    # Until the acknowledgement has come.
    time.sleep(0.2)
    stream.send(LINE)


def test_nor_is_it_after_it_has_sent(loopback, family):
    with restored(loopback, family) as (stream, again):
        send_first(stream, again)
        assert again.recv(100) == LINE


def test_one_without_a_trace_that_sends_first_is_taken_for_new(loopback, family):
    """A limit that is stated."""
    with restored(loopback, family, leaves_trace=False) as (stream, again):
        send_first(stream, again)
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "it is taken for a request")
        assert read_what_is_there(again) == b""


def test_those_of_a_listener_that_was_in_repair_are_taken_for_restored(loopback, family):
    """A limit that is stated."""
    with (Recorder(loopback.endpoint(family), options=LEFT_CHOSEN) as server,
          Stream(loopback.client, server.endpoint) as stream):
        stream.send(LINE)
        server.wait_for(stream, LINE)
