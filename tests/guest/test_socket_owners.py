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
from support.slow_openers import full_table
from support.streams import Recorder, Stream, connection, listen, read_what_is_there
from support.topology import IPV4
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
    # What came is on its way no more.
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
    """Those that are undecided for long enough by now are ended instead."""
    with Stream(veth.client, one_to_be_ended.endpoint) as newcomer:
        newcomer.send(b"GET")
        wait_until(lambda: one_to_be_ended.read_from(newcomer) == b"GET", "the newcomer is let in", seconds=30)
        newcomer.send(b"TING")
        one_to_be_ended.wait_for(newcomer, b"GETTING")
    assert http_filter.counters()["evicted"] >= 1
