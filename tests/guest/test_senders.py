# SPDX-License-Identifier: GPL-2.0
"""However a client hands its data to the kernel, on whatever MTU: requests are blocked, the rest arrives."""

import os
import random
import socket

import pytest

from support import http_filter, topology
from support.expect import holds_no_first_line
from support.streams import Recorder, Stream
from support.topology import IPV4, IPV6
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

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
    """The packets refer to the process's memory."""
    sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    rest = memoryview(data)
    while rest:
        rest = rest[sock.send(rest[:100_000], MSG_ZEROCOPY):]


SENDERS = {"send": copied, "sendfile": by_sendfile, "MSG_ZEROCOPY": without_copies}


NETWORKS = [(IPV4, 576), (IPV4, 1500), (IPV4, 9000), (IPV6, 1280), (IPV6, 1500), (IPV6, 9000)]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda param: f"{topology.FAMILY_NAMES[param[0]]}-{param[1]}")
def network(request):
    """Two namespaces joined by a veth pair of this MTU, and the version of IP to use: IPv6 asks for 1280 at least."""
    family, mtu = request.param
    with topology.veth_pair("mtu") as pair:
        for namespace in pair.server, pair.client:
            namespace.ip("link set eth0 mtu", str(mtu))
        yield pair, family


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_a_request_is_blocked(network, send):
    pair, family = network
    with Recorder(pair.endpoint(family)) as server, Stream(pair.client, server.endpoint) as stream:
        send(stream.socket, REQUEST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request and its repetition are dropped")
        assert holds_no_first_line(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_bulk_data_is_delivered(network, send):
    pair, family = network
    with Recorder(pair.endpoint(family)) as server, Stream(pair.client, server.endpoint) as stream:
        stream.socket.settimeout(None)
        send(stream.socket, OTHER)
        stream.finish()
        assert server.read_all_from(stream) == OTHER
    assert http_filter.counters()["dropped"] == http_filter.counters()["deferred"] == 0
