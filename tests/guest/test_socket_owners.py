# SPDX-License-Identifier: GPL-2.0
"""A process that owns its socket for long: it waits, in the midst of a system call, for a page of memory that is not there."""

import contextlib
import subprocess
import threading
import time

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.streams import Recorder, connection, listen, read_what_is_there
from support.topology import IPV4
from support.undecided_connections import full_table
from support.userfault import MissingPage, Unsupported
from support.wait import wait_until

# The filter forgets what it need not keep every second.
SWEPT = 2.6


@pytest.fixture
def page():
    try:
        missing = MissingPage()
    except Unsupported:
        pytest.skip("this kernel has no userfaultfd() (CONFIG_USERFAULTFD)")
    with missing:
        yield missing


@contextlib.contextmanager
def stuck(page, call, accepted):
    """While the block lasts, a process owns the socket, in the midst of a call."""
    owner = threading.Thread(target=call, args=[accepted])
    owner.start()
    try:
        page.wait_until_touched()
        yield
    finally:
        page.provide()
        owner.join()


@pytest.fixture
def smallest_table(unfiltered):
    """The module is loaded with room for as few undecided starts as can be."""
    http_filter.load(max_undecided=1)
    yield
    if http_filter.is_loaded():
        http_filter.unload()


# What is forgotten of a stream if it has received nothing: after a while, or when its place is needed.

def after_a_while(_):
    time.sleep(SWEPT)


def for_want_of_room(veth):
    # Until TCP has taken or discarded the segments that the filter has passed.
    time.sleep(0.5)
    before = http_filter.counters()["undecided"]
    with Recorder(veth.endpoint()) as others, full_table(others, veth.client):
        pass
    wait_until(lambda: http_filter.counters()["undecided"] <= before, "there is room again")


forgotten = pytest.mark.parametrize("forget", [after_a_while, for_want_of_room],
                                    ids=lambda forget: forget.__name__.replace("_", " "))

STREAMS = {
    "request": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(30),
}


@contextlib.contextmanager
def tail_first(veth, family, page, data, forget):
    """A client of which the tail has come and then the first four bytes, while the server's process owned the socket
    and after the filter could forget; yields it, and the server's socket, of which nobody is the owner now."""
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
        # What was held back comes again.
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


# Of what waits for the owner TCP may discard some. What is read is the rest.

# The segment acknowledges what was never sent. Its padding keeps it from being joined in the backlog with one that is
# taken.
DISCARDED = {"acknowledges": 1 << 30, "options": bytes([1, 1, 1, 1])}


@contextlib.contextmanager
def partly_discarded(veth, page, taken, discarded, seconds=0):
    """A client that stands where TCP does, and its server's socket. A process has owned that for some time, while a
    segment came for each piece that TCP has taken since, and for each that it has discarded."""
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
def test_what_tcp_will_discard_is_nobodys_request(veth, page):
    """While something waits for the owner that the filter has forgotten."""
    endpoint = veth.endpoint(IPV4)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        with stuck(page, page.send_from, accepted):
            client.send(b"TING", ahead=3)
            time.sleep(SWEPT)
            client.send(b"GET / HTTP/1.1\r\n", acknowledges=1 << 30)
            time.sleep(0.1)
    counters = http_filter.counters()
    assert (counters["dropped"], counters["blocked"]) == (1, 0)


# Of a first line: white space and the beginning of a version, or of more of the target, twice.
PIECES = [b"POST /" + b"a" * 20 + b" H", b" ", b"H"]

# How many of them are taken, and what is a version behind these; behind the others it belongs to the target.
STANDS = {"behind the first letter of a version": (1, b"TTP/1.1\r\n"), "behind white space": (2, b"HTTP/1.1\r\n")}

each_stand = pytest.mark.parametrize("stand", STANDS)


@pytest.mark.usefixtures("filtered")
@each_stand
def test_a_version_where_tcp_stands_is_found(veth, page, stand):
    count, version = STANDS[stand]
    with partly_discarded(veth, page, PIECES[:count], PIECES[count:]) as (client, accepted):
        for _ in range(3):
            client.send(version)
            time.sleep(0.1)
        assert read_what_is_there(accepted) == b"".join(PIECES[:count])
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.usefixtures("filtered")
@each_stand
def test_what_is_no_version_where_tcp_stands_arrives(veth, page, stand):
    count, _ = STANDS[stand]
    others, = (version for other, version in STANDS.values() if other != count)
    with partly_discarded(veth, page, PIECES[:count], PIECES[count:]) as (client, accepted):
        client.send(others)
        whole = b"".join(PIECES[:count]) + others
        read = bytearray()

        def has_come():
            read.extend(read_what_is_there(accepted))
            return read == whole

        wait_until(has_come, "it has come")
    assert http_filter.counters()["blocked"] == 0


# More than a sweep takes, and the time that is given to other commands.
QUICK = 3


def quickly(*command):
    """Runs a command, which must not wait for anybody."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < QUICK:
        time.sleep(0.02)
    assert process.poll() == 0, f"{' '.join(command)}: {process.poll()} after {QUICK} s"


@pytest.fixture
def one_to_be_ended(veth, page, smallest_table):
    """Of all undecided connections, for which there is no more room, one may be ended: a process owns its socket."""
    with connection(veth, IPV4) as (stream, accepted):
        stream.send(b"G")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        with stuck(page, page.receive_into, accepted):
            # For longer than others are left in peace.
            time.sleep(6)
            with Recorder(veth.endpoint()) as server, full_table(server, veth.client):
                time.sleep(1)
                yield server


def test_the_filter_is_switched_off_without_waiting_for_an_owner(one_to_be_ended):
    quickly("sh", "-c", "echo 0 >/sys/kernel/http_filter/enabled")
    quickly("find", "/sys/kernel/http_filter", "-type", "f", "!", "-name", "reset", "-exec", "cat", "{}", "+")


def test_the_filter_is_unloaded_without_waiting_for_an_owner(one_to_be_ended):
    quickly("rmmod", "http_filter")


def test_others_get_room_beside_an_owner_that_does_not_let_go(veth, one_to_be_ended):
    """Those that are undecided for long enough by now are ended instead, however long the newcomer waits in between."""
    with HandmadeClient(veth, one_to_be_ended.endpoint) as newcomer:
        for _ in range(2):
            time.sleep(6)
            newcomer.send(b"GET")
        one_to_be_ended.wait_for(newcomer, b"GET")
        newcomer.send(b"TING", ahead=3)
        one_to_be_ended.wait_for(newcomer, b"GETTING")
    assert http_filter.counters()["evicted"] == 1
