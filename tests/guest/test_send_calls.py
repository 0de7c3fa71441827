# SPDX-License-Identifier: GPL-2.0
"""Requests are blocked and other data is delivered, whatever system call has sent them, on any MTU."""

import contextlib
import itertools
import os
import random
import socket

import pytest

from support import http_filter, topology
from support.cpus import on_one_cpu
from support.expect import holds_no_first_line
from support.streams import Recorder, Stream
from support.topology import MAPPED, ONLY_IPV4, ONLY_IPV6
from support.wait import wait_until

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

REQUEST = b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
OTHER = random.Random(7).randbytes(1_000_000)

# From the kernel's headers; Python does not know them.
SO_ZEROCOPY = 60
MSG_ZEROCOPY = 0x4000000


def copied(sock, data):
    sock.sendall(data)


def by_sendfile(sock, data):
    descriptor = os.memfd_create("data")
    try:
        os.write(descriptor, data)
        sent = 0
        while sent < len(data):
            sent += os.sendfile(sock.fileno(), descriptor, sent, len(data) - sent)
    finally:
        os.close(descriptor)


def without_copies(sock, data):
    """MSG_ZEROCOPY: the packets refer to the process's memory."""
    sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    rest = memoryview(data)
    while rest:
        rest = rest[sock.send(rest[:100_000], MSG_ZEROCOPY):]


SENDERS = {"send": copied, "sendfile": by_sendfile, "MSG_ZEROCOPY": without_copies}


# IPv6 needs an MTU of at least 1280.
NETWORKS = [*itertools.product([ONLY_IPV4, MAPPED], [576, 1500, 9000]),
            *itertools.product([ONLY_IPV6], [1280, 1500, 9000])]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda param: f"{param[0]}-{param[1]}")
def network(request):
    """Two namespaces joined by a veth pair, no packet larger than its MTU, and the addressing of its clients."""
    addressing, mtu = request.param
    with topology.veth_pair("mtu") as pair:
        for namespace in pair.server, pair.client:
            namespace.ip("link set eth0 mtu", str(mtu))
            namespace.run("ethtool", "-K", "eth0", "gro", "off", "gso", "off", "tso", "off")
        yield pair, addressing


@contextlib.contextmanager
def connection(network):
    """A server, and a client's connection to it."""
    pair, addressing = network
    listener, found = pair.endpoints(addressing)
    with Recorder(listener, reached_at=found) as server, Stream(pair.client, found) as stream:
        yield server, stream


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_a_request_is_blocked(network, send):
    with connection(network) as (server, stream):
        send(stream.socket, REQUEST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request and its retransmission are dropped")
        assert holds_no_first_line(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_bulk_data_is_delivered(network, send):
    with connection(network) as (server, stream):
        stream.socket.settimeout(None)
        # From two CPUs, the first two segments could be reordered.
        with on_one_cpu():
            send(stream.socket, OTHER)
        stream.finish()
        assert server.read_all_from(stream) == OTHER
    assert http_filter.counters()["dropped"] == http_filter.counters()["deferred"] == 0
