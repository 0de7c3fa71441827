# SPDX-License-Identifier: GPL-2.0
"""A first line in several segments is inspected like one in a single segment."""

import contextlib
import socket
import time

import pytest

from support import http_filter, kernel
from support.handmade import HandmadeClient
from support.socket_filter import IS, LENGTH, RETURN, attached, instruction
from support.streams import Recorder, Stream, connection, read_what_is_there
from support.wait import wait_until

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"
DECIDED = REQUEST.index(b"HTTP/1") + len(b"HTTP/1")

HTTP = {
    "request": REQUEST,
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /index.html\r\n",
    "empty lines first": b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "long target": b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n",
}

OTHERS = {
    "Redis": b"GET key\r\n",
    "SSH": b"SSH-2.0-test\r\n",
    "RTSP": b"OPTIONS rtsp://a/ RTSP/1.0\r\n\r\n",
    "nearly": b"GET / HTTP/x\r\n",
    "never decided": b"GET /index.html HTTP",
}


def send_pieces(stream, data, places):
    """Sends a segment for each piece."""
    ends = [0, *places, len(data)]
    for start, end in zip(ends, ends[1:]):
        stream.send(data[start:end])
        time.sleep(0.01)


def send_blocked(server, namespace, data, places):
    """Sends a stream in pieces, which must be blocked where it becomes HTTP; returns it and what the server read."""
    with Stream(namespace, server.endpoint) as stream:
        send_pieces(stream, data, places)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, f"{data[:60]!r} is dropped, twice")
        return stream, server.read_from(stream)


def send_delivered(server, namespace, data, places):
    with Stream(namespace, server.endpoint) as stream:
        send_pieces(stream, data, places)
        stream.finish()
        assert server.read_all_from(stream) == data
    counters = http_filter.counters()
    assert (counters["blocked"], counters["dropped"], counters["deferred"], counters["refused"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("place", [1, 3, 4, 5, 15, 16, DECIDED - 1])
def test_a_request_in_two_segments_is_blocked(veth, family, place):
    with Recorder(veth.endpoint(family)) as server:
        _, read = send_blocked(server, veth.client, REQUEST, [place])
    assert read == REQUEST[:place]
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["uninspectable"]) == (1, 1, 0)


@pytest.mark.parametrize("data", HTTP.values(), ids=HTTP)
def test_in_segments_of_one_byte_it_is_blocked(veth, recorder, data):
    _, read = send_blocked(recorder, veth.client, data, range(1, min(len(data), 30)))
    assert data.startswith(read)
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("place", [1, 3, 5, 16])
def test_over_loopback_it_is_blocked(loopback, family, place):
    with Recorder(loopback.endpoint(family)) as server:
        _, read = send_blocked(server, loopback.client, REQUEST, [place])
    assert read == REQUEST[:place]


@pytest.mark.parametrize("place", [1, 5, 16])
def test_the_log_shows_the_whole_line(veth, recorder, kernel_log, place):
    stream, _ = send_blocked(recorder, veth.client, REQUEST, [place])
    expected = f"dropped GET /index.html HTTP/1.1 from {stream} to {recorder.endpoint} in eth0"
    wait_until(lambda: expected in kernel_log.lines(), expected)
    assert http_filter.counters()["methods/GET"] == 1


def test_a_first_segment_that_holds_just_enough(veth, recorder):
    _, read = send_blocked(recorder, veth.client, REQUEST, [DECIDED])
    assert read == b""


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_protocols_in_segments_of_one_byte_arrive(veth, recorder, data):
    send_delivered(recorder, veth.client, data, range(1, len(data)))


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_protocols_in_two_segments_arrive_over_loopback(loopback, family, data):
    with Recorder(loopback.endpoint(family)) as server:
        send_delivered(server, loopback.client, data, [2])


def test_nothing_is_kept_of_a_stream_past_its_start(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(b"GET")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        stream.send(b"TING\r\n")
        recorder.wait_for(stream, b"GETTING\r\n")
        stream.send(b"more")
        wait_until(lambda: http_filter.counters()["undecided"] == 0, "it is not any more")


def test_nothing_is_kept_of_a_connection_that_has_ended(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(b"GET")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
    wait_until(lambda: http_filter.counters()["undecided"] == 0, "it is not any more", seconds=5)


def test_nothing_is_kept_of_a_stream_that_has_ended(veth, family):
    """The client has sent a FIN; the server's side is still open."""
    with connection(veth, family) as (stream, accepted):
        stream.send(b"hello")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        stream.finish()
        wait_until(lambda: http_filter.counters()["undecided"] == 0, "it is not any more", seconds=5)
        assert read_what_is_there(accepted) == b"hello"


# A socket filter may trim a segment: this one trims four bytes of data to two.

_HEADER = 20


@contextlib.contextmanager
def trimmed_by_a_filter(veth, family, start, **how):
    """A server that has read the first two of four bytes, and its client, at the server's rcv_nxt."""
    program = [instruction(LENGTH), instruction(IS, _HEADER + 4, if_false=1), instruction(RETURN, _HEADER + 2),
               instruction(RETURN, 0xFFFF)]
    with (attached(*program) as option, Recorder(veth.endpoint(family), options=[option]) as server,
          HandmadeClient(veth, server.endpoint, **how) as client):
        client.send(start)
        server.wait_for(client, start[:2])
        client.advance(2)
        yield server, client


each_handshake = pytest.mark.parametrize("bare_ack", [True, False], ids=["on a socket", "on the handshake's ACK"])


@each_handshake
def test_what_a_socket_filter_trims_decides_nothing(veth, family, bare_ack):
    with trimmed_by_a_filter(veth, family, b"GE\0\0", bare_ack=bare_ack) as (server, client):
        for times in 1, 2:
            client.send(b"T / HTTP/1.1\r\n\r\n")
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
        assert server.read_from(client) == b"GE"
    assert http_filter.counters()["blocked"] == 1


@each_handshake
def test_what_a_socket_filter_trims_can_be_retransmitted(veth, family, bare_ack):
    with trimmed_by_a_filter(veth, family, b"GE\0\0", bare_ack=bare_ack) as (server, client):
        client.send(b"\0\0more")
        server.wait_for(client, b"GE\0\0more")


# In the out-of-order queue, a segment that is coalesced with the next one may come to cover others, which TCP skips.

LONG = b"GET /" + b"a" * 30 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
FILLER = 10
COVERED, JOINED, JOINING = slice(25, 27), slice(FILLER, 20), slice(20, 40)
BEHIND = {"behind what covers": slice(40, None), "behind what is covered": slice(27, None)}

each_end = pytest.mark.parametrize("end", BEHIND.values(), ids=BEHIND)


@contextlib.contextmanager
def covered(veth, family, data, end):
    """A server and its client: all of the stream but the filler is in the out-of-order queue."""
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        with veth.server.counts("TcpExtTCPRcvCoalesce"):
            for piece in COVERED, JOINED, JOINING, end:
                client.send(data[piece], ahead=piece.start)
        yield server, client


@each_end
def test_a_request_behind_a_covered_segment_is_blocked(veth, family, end):
    with covered(veth, family, LONG, end) as (server, client):
        for times in 1, 2:
            client.send(LONG[:FILLER])
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the filler is dropped")
        assert server.read_from(client) == b""
    assert http_filter.counters()["blocked"] == 1


@each_end
def test_another_stream_behind_a_covered_segment_arrives_at_once(veth, family, end):
    data = LONG.replace(b"HTTP/", b"HTML/")
    with covered(veth, family, data, end) as (server, client):
        client.send(data[:FILLER])
        server.wait_for(client, data)
    assert http_filter.counters()["deferred"] == 0


@contextlib.contextmanager
def pruned_queue(veth, family, first, queue):
    """A server and its client. The out-of-order queue was pruned: TCP had no room for its last segments."""
    option = socket.SOL_SOCKET, socket.SO_RCVBUF, 8192
    with (veth.server.counts("TcpExtOfoPruned"),
          Recorder(veth.endpoint(family), options=[option]) as server, HandmadeClient(veth, server.endpoint) as client):
        ahead = len(first)
        for data in queue:
            client.send(data, ahead=ahead)
            ahead += len(data)
        client.send(first)
        yield server, client


@kernel.prunes_small_segments
def test_a_stream_whose_queue_is_pruned_is_delivered(veth, family):
    first, size, rest = b"GET /", 900, b"a" * 7200 + b" RTSP/1.0\r\n"
    queue = [rest[place:place + size] for place in range(0, 7200, size)]
    with pruned_queue(veth, family, first, queue) as (server, client):
        whole = first + rest
        wait_until(lambda: len(server.read_from(client)) > size, "some of it")
        read = len(server.read_from(client))
        assert read < len(first) + 7200
        # Until the server has read, TCP may have no room.
        wait_until(lambda: client.send(whole[read:], ahead=read) or server.read_from(client) == whole, "all of it")
    assert http_filter.counters()["deferred"] == 0


@kernel.prunes_small_segments
def test_a_position_without_a_stored_state_is_not_taken_for_one_of_the_run_around_it(veth, family):
    """The queue is pruned so that rcv_nxt is at a position whose state was not stored, for want of room."""
    first = b"POST /"
    queue = [(b" HTT" if place in {2, 6} else b"").rjust(900, b"a") for place in range(8)]
    with pruned_queue(veth, family, first, queue) as (server, client):
        taken = first + b"".join(queue[:7])
        server.wait_for(client, taken)
        client.send(b"P/1.1\r\n\r\n", ahead=len(taken))
        wait_until(lambda: http_filter.counters()["deferred"] == 1, "it is not let through")
        assert server.read_from(client) == taken
