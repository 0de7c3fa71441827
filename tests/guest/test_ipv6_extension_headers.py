# SPDX-License-Identifier: GPL-2.0
"""Extension headers between IPv6 and TCP hide nothing."""

import random
import socket

import pytest

from support.expect import send_blocked, send_delivered
from support.streams import Recorder
from support.topology import IPV6

pytestmark = pytest.mark.usefixtures("filtered")

# Next header (the kernel's to fill in), length, and one PadN option of six bytes.
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])

HEADERS = {
    "hop-by-hop": [(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, PADDING)],
    "destination": [(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, PADDING)],
    "both": [(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, PADDING), (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, PADDING)],
}


@pytest.fixture(params=["loopback", "veth"])
def server(request):
    topology = request.getfixturevalue(request.param)
    with Recorder(topology.endpoint(IPV6)) as recorder:
        recorder.client_namespace = topology.client
        yield recorder


@pytest.mark.parametrize("options", HEADERS.values(), ids=HEADERS)
def test_a_request_is_blocked(server, options):
    send_blocked(server, server.client_namespace, b"GET / HTTP/1.1\r\n\r\n", options=options)


@pytest.mark.parametrize("options", HEADERS.values(), ids=HEADERS)
def test_other_streams_are_delivered(server, options):
    send_delivered(server, server.client_namespace, random.Random(5).randbytes(200_000), options=options)
