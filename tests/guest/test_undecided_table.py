# SPDX-License-Identifier: GPL-2.0
"""The table of undecided connections is bounded: those in it can neither evade the filter nor starve others."""

import contextlib
import socket
import threading
import time

import pytest

from support import bench, http_filter
from support.handmade import HandmadeClient
from support.memory import has_checks, kernel_memory
from support.payloads import MINIMAL_REQUEST
from support.streams import Recorder, Stream, connection, read_what_is_there
from support.topology import IPV4
from support.undecided_connections import full_table, undecided_connections
from support.wait import wait_until

_TCP_ULP = 31


@pytest.fixture
def smallest_table(unfiltered):
    """The module is loaded with the smallest table of undecided connections."""
    http_filter.load(max_undecided=1)
    yield
    http_filter.unload()


def was_reset(stream):
    stream.socket.settimeout(0.2)
    try:
        stream.socket.recv(1)
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    raise AssertionError("the server said something")


@pytest.mark.parametrize("count", [1, 7, 100, 4096])
def test_max_undecided_reads_back_as_given(unfiltered, count):
    http_filter.load(max_undecided=count)
    assert int(http_filter.read_file("max_undecided")) == count
    http_filter.unload()


def test_a_newcomer_waits_until_one_is_ended(veth, recorder, smallest_table):
    with full_table(recorder, veth.client) as undecided, Stream(veth.client, recorder.endpoint) as newcomer:
        before = http_filter.counters()
        newcomer.send(b"GET")
        wait_until(lambda: (http_filter.counters() - before).get("refused"), "the newcomer is refused")
        assert recorder.read_from(newcomer) == b""
        wait_until(lambda: recorder.read_from(newcomer) == b"GET", "the newcomer is let in", seconds=30)
        newcomer.send(b"TING")
        recorder.wait_for(newcomer, b"GETTING")
        evicted = http_filter.counters()["evicted"]
        assert evicted >= 1
        assert sum(was_reset(stream) for stream in undecided) == evicted


# After how many seconds an undecided connection may be ended.
EVICTABLE_AFTER = 5


@pytest.mark.usefixtures("unfiltered")
def test_those_that_were_there_before_a_flood_survive_it(veth, recorder):
    """The newest connection that may be ended is: it is likelier to be of the flood than an old, silent one."""
    http_filter.load(max_undecided=7)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(undecided_connections(recorder, veth.client, 2))
        # The filter knows ages in whole seconds.
        time.sleep(1.1)
        flood = stack.enter_context(full_table(recorder, veth.client))
        assert time.monotonic() - began < EVICTABLE_AFTER, "an old one could be ended before those of the flood could"
        assert len(flood) + len(old) >= 7
        time.sleep(EVICTABLE_AFTER + 1)
        for _ in range(4):
            newcomer = stack.enter_context(Stream(veth.client, recorder.endpoint))
            newcomer.send(b"GE")
            wait_until(lambda: recorder.read_from(newcomer) == b"GE", "the flood goes on", seconds=30)
        assert http_filter.counters()["evicted"] >= 2
        for stream in old:
            stream.send(b"TTING")
            recorder.wait_for(stream, b"GETTING")
    http_filter.unload()


@contextlib.contextmanager
def repeating(send, pause):
    """Calls send() repeatedly while the block lasts, with a pause in seconds between two calls."""
    stop = threading.Event()

    def run():
        while not stop.wait(pause):
            send()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_one_that_keeps_sending_is_ended_like_others(veth, recorder, smallest_table):
    """It sends segments ahead of rcv_nxt, each in flight to TCP for a moment. It alone is old enough to be ended."""
    with HandmadeClient(veth, recorder.endpoint) as client:
        client.send(b"G")
        recorder.wait_for(client, b"G")
        with repeating(lambda: client.send(b"x", ahead=5), pause=0.002):
            time.sleep(EVICTABLE_AFTER + 1)
            began = time.monotonic()
            with full_table(recorder, veth.client):
                wait_until(lambda: http_filter.counters()["evicted"] == 1, "it is ended", seconds=EVICTABLE_AFTER)
                assert time.monotonic() - began < EVICTABLE_AFTER, "others could be ended as well"


def test_one_whose_segments_tcp_discards_does_not_keep_newcomers_out(veth, recorder, smallest_table):
    """Each segment is in flight between the hook and TCP for a moment. The connection is the newest, and can't be ended
    before it has received something."""
    with full_table(recorder, veth.client) as undecided, HandmadeClient(veth, recorder.endpoint) as client:
        count = http_filter.counters()["undecided"]
        undecided[-1].finish()
        wait_until(lambda: http_filter.counters()["undecided"] < count, "there is a place for it")
        # With a pause shorter than a grace period, even an expedited one.
        with repeating(lambda: client.send(b"GE", acknowledges=1 << 30), pause=0):
            wait_until(lambda: http_filter.counters()["undecided"] == count, "it has the place")
            time.sleep(EVICTABLE_AFTER + 1)
            with Stream(veth.client, recorder.endpoint) as newcomer:
                newcomer.send(b"GET")
                wait_until(lambda: recorder.read_from(newcomer) == b"GET", "the newcomer is let in", seconds=30)
        assert recorder.read_from(client) == b""


@pytest.mark.usefixtures("filtered")
def test_what_tcp_has_discarded_takes_no_room(veth, family):
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        client.send_corrupt(b"G")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "it is noted")
        wait_until(lambda: http_filter.counters()["undecided"] == 0, "it is forgotten", seconds=4)
        client.send(MINIMAL_REQUEST)
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")


def test_a_request_does_not_pass_if_there_is_no_room(veth, recorder, smallest_table):
    with full_table(recorder, veth.client), Stream(veth.client, recorder.endpoint) as stream:
        stream.send(MINIMAL_REQUEST[:2])
        time.sleep(0.01)
        stream.send(MINIMAL_REQUEST[2:])
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped", seconds=30)
        assert not recorder.read_from(stream)[2:]


def test_what_decides_at_once_needs_no_room(veth, recorder, smallest_table):
    with full_table(recorder, veth.client), Stream(veth.client, recorder.endpoint) as stream:
        before = http_filter.counters()
        stream.send(b"SSH-2.0-test\r\n")
        recorder.wait_for(stream, b"SSH-2.0-test\r\n")
        assert "refused" not in http_filter.counters() - before


def test_no_connection_is_ended_for_one_that_needs_no_room(veth, recorder, smallest_table):
    with full_table(recorder, veth.client):
        time.sleep(EVICTABLE_AFTER + 1)
        before = http_filter.counters()
        for _ in range(30):
            with Stream(veth.client, recorder.endpoint) as stream:
                stream.send(b"SSH-2.0-test\r\n")
                recorder.wait_for(stream, b"SSH-2.0-test\r\n")
        # Ending a connection takes less than a second.
        time.sleep(1)
        changes = http_filter.counters() - before
    assert not {"evicted", "deferred", "refused"} & set(changes)


def test_one_is_ended_for_a_newcomer_however_often_it_tries(veth, recorder, smallest_table):
    with full_table(recorder, veth.client), HandmadeClient(veth, recorder.endpoint) as newcomer:
        time.sleep(EVICTABLE_AFTER + 1)
        before = http_filter.counters()
        for _ in range(20):
            newcomer.send(b"GE")
        assert (http_filter.counters() - before)["refused"] > 1
        wait_until(lambda: newcomer.send(b"GE") or recorder.read_from(newcomer) == b"GE", "the newcomer is let in")
        time.sleep(1)
        assert (http_filter.counters() - before)["evicted"] == 1


def test_one_that_cannot_be_ended_is_not_forgotten(veth, recorder, smallest_table):
    """A socket with kTLS can't be ended to make room. It has no keys yet: the application reads plaintext."""
    with connection(veth, IPV4) as (stream, accepted):
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, b"tls")
        except FileNotFoundError:
            pytest.skip("this kernel has no kTLS (CONFIG_TLS)")
        stream.send(MINIMAL_REQUEST[:2])
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "its start is kept")
        time.sleep(EVICTABLE_AFTER + 1)
        with full_table(recorder, veth.client):
            # Ending it would take less than a second.
            time.sleep(1)
            stream.send(MINIMAL_REQUEST[2:])
            wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is blocked")
        assert read_what_is_there(accepted) == MINIMAL_REQUEST[:2]


def test_without_newcomers_no_connection_is_ended(veth, recorder, smallest_table):
    with full_table(recorder, veth.client) as undecided:
        time.sleep(EVICTABLE_AFTER + 2)
        for stream in undecided:
            stream.send(b"TTING")
            recorder.wait_for(stream, b"GETTING")
    assert http_filter.counters()["evicted"] == 0


def test_monitoring_refuses_and_ends_no_connection(veth, recorder, smallest_table):
    http_filter.write_setting("action", "monitor")
    with full_table(recorder, veth.client) as undecided:
        time.sleep(EVICTABLE_AFTER + 1)
        with Stream(veth.client, recorder.endpoint) as newcomer:
            newcomer.send(b"GET")
            recorder.wait_for(newcomer, b"GET")
            for stream in undecided:
                stream.send(b"TTING")
                recorder.wait_for(stream, b"GETTING")
    counters = http_filter.counters()
    assert (counters["refused"], counters["evicted"], counters["deferred"], counters["dropped"]) == (0, 0, 0, 0)
    assert counters["uninspectable"] > 0


@pytest.mark.usefixtures("filtered")
def test_half_started_connections_in_turn_leave_nothing(veth):
    """Far more connections than there is room for: the kernel's memory does not grow with their number."""
    http_filter.write_setting("log", 0)
    endpoint = veth.endpoint()

    def make(connections):
        with bench.serve(endpoint):
            bench.run(veth.client, endpoint, streams="half-started", connections=connections)
        counters = http_filter.counters()
        # The table has head-room beyond max_undecided.
        assert counters["undecided"] <= 3 * int(http_filter.read_file("max_undecided"))
        wait_until(lambda: http_filter.counters()["undecided"] == 0, "all are forgotten", seconds=5)
        return kernel_memory()["slab"]

    first, second = make(5_000), make(30_000)
    # In kilobytes: an entry for each would be 3,800.
    assert has_checks() or second - first < 2500
