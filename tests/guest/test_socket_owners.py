# SPDX-License-Identifier: GPL-2.0
"""A process that owns its socket for long: in a system call, it waits for a missing page of memory."""

import contextlib
import subprocess
import time

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.streams import Recorder, connection, listen, read_what_is_there
from support.topology import IPV4
from support.undecided_connections import full_table
from support.missing_page import stuck
from support.wait import wait_until

# After so many seconds, the filter's sweep (one per second) has removed the entries that need not be kept.
SWEPT = 2.6


@pytest.fixture
def smallest_table(unfiltered):
    """The module is loaded with the smallest table of undecided connections."""
    http_filter.load(max_undecided=1)
    yield
    if http_filter.is_loaded():
        http_filter.unload()


# When the filter removes the entry of a connection that has received nothing: by a sweep, or to make room.

def by_a_sweep(_):
    time.sleep(SWEPT)


def to_make_room(veth):
    # Until TCP has taken or discarded the segments that the filter has passed.
    time.sleep(0.5)
    before = http_filter.counters()["undecided"]
    with Recorder(veth.endpoint()) as others, full_table(others, veth.client):
        pass
    wait_until(lambda: http_filter.counters()["undecided"] <= before, "there is room again")


forgotten = pytest.mark.parametrize("forget", [by_a_sweep, to_make_room],
                                    ids=lambda forget: forget.__name__.replace("_", " "))

STREAMS = {
    "request": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(30),
}


@contextlib.contextmanager
def tail_first(veth, family, page, data, forget):
    """A client, and its server's socket. While a process owned the socket, the tail of the stream has arrived, then
    the filter had the occasion to forget it, and then the first four bytes have arrived."""
    endpoint = veth.endpoint(family)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        with stuck(page, page.send_from, accepted):
            client.send(data[4:], ahead=4)
            forget(veth)
            client.send(data[:4])
            time.sleep(0.1)
        yield client, accepted


@forgotten
def test_what_waits_for_the_owner_is_not_forgotten(veth, family, page, smallest_table, forget):
    data = STREAMS["request"]
    with tail_first(veth, family, page, data, forget) as (client, accepted):
        read = b""
        # Deferred segments are retransmitted.
        for _ in range(5):
            read += read_what_is_there(accepted)
            client.send(data[:4])
            client.send(data[4:], ahead=4)
            time.sleep(0.2)
        read += read_what_is_there(accepted)
    assert data.startswith(read) and holds_no_first_line(read)


@forgotten
def test_another_stream_that_waits_for_the_owner_is_delivered(veth, family, page, smallest_table, forget):
    data = STREAMS["TLS"]
    with tail_first(veth, family, page, data, forget) as (client, accepted):
        read = bytearray()

        def has_come():
            read.extend(read_what_is_there(accepted))
            client.send(data)
            return len(read) >= len(data)

        wait_until(has_come, "the stream has come")
    assert read == data


# TCP may discard some segments of the backlog; the application reads the rest.

# TCP discards the segment, since it acknowledges what was never sent. The padding keeps it from being coalesced in the
# backlog with one that TCP takes.
DISCARDED = {"acknowledges": 1 << 30, "options": bytes([1, 1, 1, 1])}


@contextlib.contextmanager
def partly_discarded(veth, page, taken, discarded, seconds=0):
    """A client, at the server's rcv_nxt, and the server's socket. While a process owned the socket for some time, a
    segment has arrived for each piece of `taken`, which TCP has then taken, and of `discarded`, which it has not."""
    endpoint = veth.endpoint()
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        with stuck(page, page.send_from, accepted):
            for piece in taken:
                client.send(piece)
                client.advance(len(piece))
            ahead = 0
            for piece in discarded:
                client.send(piece, ahead=ahead, **DISCARDED)
                ahead += len(piece)
            time.sleep(seconds)
        yield client, accepted


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("held, later", [(0, 0), (SWEPT, 0), (0, SWEPT)],
                         ids=["at once", "the owner takes its time", "the client takes its time"])
def test_what_tcp_discards_decides_nothing(veth, page, held, later):
    with partly_discarded(veth, page, [b"GE"], [b"\0\0"], seconds=held) as (client, accepted):
        time.sleep(later)
        for _ in range(3):
            client.send(b"T / HTTP/1.1\r\n\r\n")
            time.sleep(0.1)
        assert read_what_is_there(accepted) == b"GE"
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.usefixtures("filtered")
def test_a_request_that_tcp_will_discard_blocks_no_connection(veth, page):
    """The backlog holds a segment that the filter has forgotten."""
    endpoint = veth.endpoint(IPV4)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        with stuck(page, page.send_from, accepted):
            client.send(b"TING", ahead=3)
            time.sleep(SWEPT)
            client.send(b"GET / HTTP/1.1\r\n", acknowledges=1 << 30)
            time.sleep(0.1)
    counters = http_filter.counters()
    assert (counters["dropped"], counters["blocked"]) == (1, 0)


# Pieces of a first line: after white space, H begins a version, or goes on with the target.
PIECES = [b"POST /" + b"a" * 20 + b" H", b" ", b"H"]

# How many pieces TCP takes, and what makes a version behind these. Behind the others it goes on with the target.
POSITIONS = {"behind the first letter of a version": (1, b"TTP/1.1\r\n"), "behind white space": (2, b"HTTP/1.1\r\n")}

each_position = pytest.mark.parametrize("position", POSITIONS)


@pytest.mark.usefixtures("filtered")
@each_position
def test_a_version_at_rcv_nxt_is_found(veth, page, position):
    count, version = POSITIONS[position]
    with partly_discarded(veth, page, PIECES[:count], PIECES[count:]) as (client, accepted):
        for _ in range(3):
            client.send(version)
            time.sleep(0.1)
        assert read_what_is_there(accepted) == b"".join(PIECES[:count])
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.usefixtures("filtered")
@each_position
def test_what_is_no_version_at_rcv_nxt_is_delivered(veth, page, position):
    count, _ = POSITIONS[position]
    others, = (version for other, version in POSITIONS.values() if other != count)
    with partly_discarded(veth, page, PIECES[:count], PIECES[count:]) as (client, accepted):
        client.send(others)
        whole = b"".join(PIECES[:count]) + others
        read = bytearray()

        def has_come():
            read.extend(read_what_is_there(accepted))
            return read == whole

        wait_until(has_come, "it has come")
    assert http_filter.counters()["blocked"] == 0


# The time limit of commands that must not wait for an owner, in seconds; more than a sweep takes.
QUICK = 3


def quickly(*command):
    """Runs a command, which must end within QUICK seconds."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < QUICK:
        time.sleep(0.02)
    assert process.poll() == 0, f"{' '.join(command)}: {process.poll()} after {QUICK} s"


@pytest.fixture
def server_of_a_full_table(veth, page, smallest_table):
    """A server whose clients find the table full. A process owns the socket of the only one that may be ended."""
    with connection(veth, IPV4) as (stream, accepted):
        stream.send(b"G")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        with stuck(page, page.receive_into, accepted):
            # Longer than an undecided connection is safe from being ended.
            time.sleep(6)
            with Recorder(veth.endpoint()) as server, full_table(server, veth.client):
                time.sleep(1)
                yield server


def test_the_filter_is_switched_off_without_waiting_for_an_owner(server_of_a_full_table):
    quickly("sh", "-c", "echo 0 >/sys/kernel/http_filter/enabled")
    quickly("find", "/sys/kernel/http_filter", "-type", "f", "!", "-name", "reset", "-exec", "cat", "{}", "+")


def test_the_filter_is_unloaded_without_waiting_for_an_owner(server_of_a_full_table):
    quickly("rmmod", "http_filter")


def test_room_is_made_beside_a_socket_that_stays_owned(veth, server_of_a_full_table):
    """Another connection, by now undecided for long enough, is ended instead, even if the newcomer waits in between."""
    with HandmadeClient(veth, server_of_a_full_table.endpoint) as newcomer:
        for _ in range(2):
            time.sleep(6)
            newcomer.send(b"GET")
        server_of_a_full_table.wait_for(newcomer, b"GET")
        newcomer.send(b"TING", ahead=3)
        server_of_a_full_table.wait_for(newcomer, b"GETTING")
    assert http_filter.counters()["evicted"] == 1
