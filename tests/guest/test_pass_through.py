# SPDX-License-Identifier: GPL-2.0
"""Streams that are not plaintext HTTP arrive byte for byte, even if they contain HTTP."""

import random
import threading

import pytest

from support import http_filter
from support.expect import send_delivered
from support.streams import Recorder, Stream
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

SIZES = [1, 2, 15, 1448, 1449, 65_537, 5_000_000]


@pytest.fixture(autouse=True)
def nothing_blocked(filtered):
    """None of these streams counts as HTTP."""
    wait_until(lambda: http_filter.counters()["undecided"] == 0, "an earlier test's streams are forgotten")
    yield
    assert {name for name, value in http_filter.counters().items() if value} <= {"inspected"}


def echoed(namespace, endpoint, data):
    """Sends data, and reads at the same time; returns what was read."""
    with Stream(namespace, endpoint) as stream:
        sender = threading.Thread(target=lambda: (stream.send(data), stream.finish()))
        sender.start()
        answer = stream.read_all()
        sender.join()
    return answer


@pytest.mark.parametrize("size", SIZES)
def test_random_bytes_in_both_directions(veth, addressing, size):
    data = random.Random(size).randbytes(size)
    listener, found = veth.endpoints(addressing)
    with Recorder(listener, reached_at=found, echo=True) as server:
        assert echoed(veth.client, server.endpoint, data) == data


@pytest.mark.smoke
def test_random_bytes_over_loopback(loopback, family):
    data = random.Random(2).randbytes(1_000_000)
    with Recorder(loopback.endpoint(family), echo=True) as server:
        assert echoed(loopback.client, server.endpoint, data) == data


def test_random_bytes_over_macvlan(macvlan, family):
    data = random.Random(3).randbytes(1_000_000)
    with Recorder(macvlan.endpoint(family), echo=True) as server:
        assert echoed(macvlan.client, server.endpoint, data) == data


@pytest.mark.parametrize("offset", [3, 100, 1400, 1448, 70_000])
def test_http_later_in_a_stream(veth, recorder, offset):
    send_delivered(recorder, veth.client, bytes(offset) + b"\r\nGET / HTTP/1.1\r\nHost: example.com\r\n\r\n")


def test_http_in_a_later_segment(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(b"STARTTLS\r\n")
        recorder.wait_for(stream, b"STARTTLS\r\n")
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        recorder.wait_for(stream, b"STARTTLS\r\nGET / HTTP/1.1\r\n\r\n")


def test_an_idle_connection(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.finish()
        assert recorder.read_all_from(stream) == b""
