# SPDX-License-Identifier: GPL-2.0
"""Extension headers between IPv6 and TCP hide nothing."""

import pathlib
import random
import socket

import pytest

from support import http_filter
from support.expect import send_blocked, send_delivered
from support.streams import Recorder
from support.topology import IPV6, veth_pair

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


@pytest.fixture(scope="module", params=["at once", "later"])
def authenticated(request):
    """What the client sends is authenticated (RFC 4302), and its kernel is done with that at once, or another time."""
    if request.param == "later":
        with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as algorithm:
            try:
                # The kernel keeps it, and prefers it from now on.
                algorithm.bind(("hash", "cryptd(hmac(sha256))"))
            except FileNotFoundError:
                pytest.skip("this kernel has no cryptd")
    assert ("cryptd(hmac" in pathlib.Path("/proc/crypto").read_text()) == (request.param == "later")
    with veth_pair("authenticated") as pair:
        ends = f"src {pair.client_addresses[IPV6]} dst {pair.server_addresses[IPV6]}"
        for namespace in pair.client, pair.server:
            namespace.ip("xfrm state add", ends, "proto ah spi 7 mode transport auth hmac(sha256)", "0x" + "7e" * 32)
        pair.client.ip("xfrm policy add", ends, "dir out tmpl", ends, "proto ah mode transport")
        with Recorder(pair.endpoint(IPV6)) as recorder:
            recorder.client_namespace = pair.client
            yield recorder
        assert " 0(packets)" not in pair.server.ip("-s xfrm state").split("lifetime current:")[1]


def test_an_authenticated_request_is_blocked(authenticated):
    send_blocked(authenticated, authenticated.client_namespace, b"GET ", b"/ HTTP/1.1\r\n\r\n")


def test_authenticated_segments_are_judged_once(authenticated):
    send_delivered(authenticated, authenticated.client_namespace, b"GET ", b"/", b" is not\r\n")
    assert http_filter.counters()["inspected"] == 3
    send_delivered(authenticated, authenticated.client_namespace, random.Random(5).randbytes(200_000))
    assert http_filter.counters()["deferred"] == 0
