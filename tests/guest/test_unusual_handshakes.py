# SPDX-License-Identifier: GPL-2.0
"""Unusual handshakes: simultaneous open, migration between listeners, reuse of a four-tuple."""

import contextlib
import os
import socket
import threading

import pytest

from support import http_filter, topology
from support.cpus import on_cpu
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient, deliver
from support.payloads import OTHERS, REQUEST, REQUESTS, each_other, each_request
from support.socket_filter import RETURN, SO_ATTACH_REUSEPORT_CBPF, attached, instruction
from support.streams import Recorder, Stream, listen, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

# An undecided start, and what completes it to a request; by itself, the second is not HTTP.
OLD_START, COMPLETION = b"GET / HT", b"TP/1.1\r\nHost: example.com\r\n\r\n"


# Simultaneous open: both ends connect, nobody listens.

@pytest.fixture(scope="module")
def slow_veth():
    """A veth pair on which a SYN takes long enough for another to leave the other end."""
    with topology.veth_pair("slow") as pair:
        for namespace in pair.server, pair.client:
            namespace.run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "300ms")
        yield pair


@contextlib.contextmanager
def simultaneous_open(pair, family):
    """Yields the sockets of both ends."""
    port = pair.endpoint().port
    ends = [(pair.client, pair.client_addresses[family]), (pair.server, pair.server_addresses[family])]
    sockets = []
    for namespace, address in ends:
        with namespace:
            sockets.append(socket.socket(family))
        sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[-1].settimeout(10)
        sockets[-1].bind((address, port))
    with sockets[0], sockets[1]:
        others = [address for _, address in reversed(ends)]
        connects = [threading.Thread(target=end.connect, args=[(other, port)]) for end, other in zip(sockets, others)]
        for connect in connects:
            connect.start()
        for connect in connects:
            connect.join()
        # getpeername() fails if a socket is not connected.
        assert [end.getpeername()[0] for end in sockets] == others
        yield sockets


def read_until(end, until, data=b""):
    def enough():
        nonlocal data
        data += read_what_is_there(end)
        return until(data)

    wait_until(enough, f"enough is read: {data}")
    return data


@pytest.mark.parametrize("sender", [0, 1])
@each_request
def test_a_request_after_a_simultaneous_open_is_blocked(slow_veth, family, pieces, sender):
    with simultaneous_open(slow_veth, family) as ends:
        for piece in pieces:
            ends[sender].sendall(piece)
        data = read_until(ends[1 - sender],
                          lambda data: http_filter.counters()["dropped"] >= 2 or not holds_no_first_line(data))
    assert holds_no_first_line(data)


@each_other
def test_another_stream_after_a_simultaneous_open_is_delivered(slow_veth, family, pieces):
    with simultaneous_open(slow_veth, family) as ends:
        for end in ends:
            for piece in pieces:
                end.sendall(piece)
        for end in ends:
            whole = b"".join(pieces)
            assert read_until(end, lambda data: len(data) >= len(whole)) == whole


# Migration (tcp_migrate_req): a listener is closed, and its connections go to another one of the SO_REUSEPORT group.

REUSEPORT = socket.SOL_SOCKET, socket.SO_REUSEPORT, 1

# By its place in the group: the second one gets all connections, as long as it is there.
SELECT_SECOND = instruction(RETURN, 1)

CONNECTIONS = 4


@contextlib.contextmanager
def migration(veth, family, before=b""):
    """Clients whose request sockets, or established connections with data, migrate from the closed listener."""
    endpoint = veth.endpoint(family)
    with (veth.server.sysctl("net.ipv4.tcp_migrate_req", 1),
          attached(SELECT_SECOND, option=SO_ATTACH_REUSEPORT_CBPF) as selected,
          Recorder(endpoint, options=[REUSEPORT, selected]) as server, contextlib.ExitStack() as clients):
        with listen(endpoint, [REUSEPORT]):
            made = [clients.enter_context(HandmadeClient(veth, endpoint, port=41_000 + n, bare_ack=bool(before)))
                    for n in range(CONNECTIONS)]
            if before:
                for client in made:
                    client.send(before)
                    client.advance(len(before))
                # ss shows the connections that are in an accept queue, too.
                received = lambda: veth.server.run("ss", "-Htn", "state", "established", f"sport = {endpoint.port}")
                wait_until(lambda: len(received().splitlines()) == CONNECTIONS, "all connections are established")
        yield server, made


@pytest.mark.parametrize("before", [b"", REQUEST[:2]], ids=["handshake", "established"])
def test_a_request_to_a_closed_listener_is_blocked(veth, family, before):
    with veth.server.counts("TcpExtTCPMigrateReqSuccess"), migration(veth, family, before) as (server, clients):
        rest = REQUEST[len(before):]
        for client in clients:
            client.send(rest[:3])
            client.advance(3)
        for client in clients:
            server.wait_for(client, before + rest[:3])
            client.send(rest[3:])
        wait_until(lambda: http_filter.counters()["dropped"] == len(clients), "all requests are dropped")
        for client in clients:
            assert server.read_from(client) == before + rest[:3]
    assert http_filter.counters()["blocked"] == CONNECTIONS


@pytest.mark.parametrize("before", [b"", b"GE"], ids=["handshake", "established"])
def test_other_streams_to_a_closed_listener_are_delivered(veth, family, before):
    with veth.server.counts("TcpExtTCPMigrateReqSuccess"), migration(veth, family, before) as (server, clients):
        for client in clients:
            client.send(b"T")
            client.advance(1)
            server.wait_for(client, before + b"T")
            deliver(server, client, b"TING started\r\n")
    assert http_filter.counters()["blocked"] == 0


# Reuse of an old connection's four-tuple.

@contextlib.contextmanager
def time_wait(veth, family, old_data):
    """A server and a client's connection, whose predecessor with the same four-tuple is in TIME_WAIT at the server."""
    endpoint = veth.endpoint(family)
    port = 42_000
    with listen(endpoint) as listener, Stream(veth.client, endpoint, port=port) as stream:
        with listener.accept()[0] as accepted:
            if old_data:
                stream.send(old_data)
                assert accepted.recv(100) == old_data
        assert stream.socket.recv(1) == b""
        # Closed with a FIN here: the end of the block would reset it.
        stream.socket.close()
        stream.socket = socket.socket()
    in_time_wait = ["ss", "-Htn", "state", "time-wait", f"sport = {endpoint.port} and dport = {port}"]
    wait_until(lambda: veth.server.run(*in_time_wait), "the server is in TIME_WAIT")
    with Recorder(endpoint) as server, Stream(veth.client, endpoint, port=port) as stream:
        assert not veth.server.run(*in_time_wait)
        yield server, stream


@pytest.mark.parametrize("old_data", [b"", b"SSH-2.0-test\r\n", OLD_START], ids=["none", "decided", "undecided"])
@pytest.mark.parametrize("pieces", REQUESTS.values(), ids=REQUESTS)
def test_a_request_on_a_reused_four_tuple_is_blocked(veth, family, old_data, pieces):
    with time_wait(veth, family, old_data) as (server, stream):
        stream.send(*pieces)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped")
        assert b"".join(pieces[:-1]).startswith(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("pieces", [(COMPLETION,), *OTHERS.values()], ids=["the rest of the old request", *OTHERS])
def test_another_stream_on_a_reused_four_tuple_is_delivered(veth, family, pieces):
    with time_wait(veth, family, OLD_START) as (server, stream):
        stream.send(*pieces)
        server.wait_for(stream, b"".join(pieces))


def test_the_same_four_tuple_and_sequence_numbers(veth, family):
    """The old connection was reset while it was undecided; the new one has its sequence numbers."""
    with Recorder(veth.endpoint(family)) as server:
        with HandmadeClient(veth, server.endpoint) as client:
            deliver(server, client, OLD_START)
        with HandmadeClient(veth, server.endpoint) as client:
            wait_until(lambda: server.read_from(client) == b"", "the server has accepted anew")
            deliver(server, client, COMPLETION)
        with HandmadeClient(veth, server.endpoint) as client:
            wait_until(lambda: server.read_from(client) == b"", "the server has accepted anew")
            deliver(server, client, OLD_START)
            client.send(COMPLETION)
            wait_until(lambda: http_filter.counters()["dropped"] == 1, "the request is dropped")
            assert server.read_from(client) == OLD_START


def test_a_segment_in_flight_to_the_old_connection_does_not_count_for_the_new_one(veth, family):
    """The old connection was undecided, and had received 1000 bytes; its last byte was in flight on another CPU."""
    assert os.cpu_count() > 1, "one CPU shows nothing"
    endpoint = veth.endpoint(family)
    # No process reads, so none owns a socket when its connection is reset.
    with on_cpu(0), listen(endpoint), HandmadeClient(veth, endpoint) as client:
        for times in range(1, 41):
            for piece in b"GET /".ljust(1000, b"a"), b"b":
                client.send(piece)
                client.advance(len(piece))
            client.begin_anew()
            with on_cpu(1):
                client.send(REQUEST)
            wait_until(lambda: http_filter.counters()["blocked"] == times, "the request is blocked")
            client.begin_anew()
