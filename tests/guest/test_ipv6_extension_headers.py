# SPDX-License-Identifier: GPL-2.0
"""IPv6 extension headers before the TCP header: the filter skips them."""

import pathlib
import random
import socket

import pytest

from support import http_filter, ipv6
from support.expect import send_blocked, send_delivered
from support.handmade import AuthenticatedClient, deliver
from support.streams import Recorder
from support.topology import IPV6, veth_pair
from support.wait import wait_until

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


@pytest.fixture(scope="module", params=["synchronous", "asynchronous"])
def authenticated(request):
    """A server whose client's packets are authenticated (RFC 4302); the kernel verifies them synchronously or not."""
    if request.param == "asynchronous":
        with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as algorithm:
            try:
                # cryptd is asynchronous. The kernel keeps this instance, and prefers it from now on.
                algorithm.bind(("hash", "cryptd(hmac(sha256))"))
            except FileNotFoundError:
                pytest.skip("this kernel has no cryptd")
            except FileExistsError:
                # Linux 6.12 has made the instance all the same.
                pass
    assert ("cryptd(hmac" in pathlib.Path("/proc/crypto").read_text()) == (request.param == "asynchronous")
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


def test_authenticated_segments_are_inspected_once(authenticated):
    send_delivered(authenticated, authenticated.client_namespace, b"GET ", b"/", b" is not\r\n")
    assert http_filter.counters()["inspected"] == 3
    send_delivered(authenticated, authenticated.client_namespace, random.Random(5).randbytes(200_000))
    assert http_filter.counters()["deferred"] == 0


@pytest.fixture
def handmade(veth):
    with Recorder(veth.endpoint(IPV6)) as server, AuthenticatedClient(veth, server.endpoint) as client:
        yield server, client


# Some kernels accept at most 12 extension headers; they count anew behind the authentication header.
MANY = [(ipv6.DESTINATION, ipv6.PADDING)] * 7, [(ipv6.DESTINATION, ipv6.PADDING)] * 6


def test_a_request_behind_headers_before_and_behind_the_authentication_is_blocked(handmade):
    server, client = handmade
    client.before, client.behind = MANY
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: http_filter.counters()["blocked"] == 1, "it is blocked")
    assert server.read_from(client) == b""


def test_another_stream_behind_as_many_headers_is_delivered(handmade):
    server, client = handmade
    client.before, client.behind = MANY
    deliver(server, client, b"GET ", b"/ is not\r\n")


@pytest.mark.parametrize("offset", [0, 8])
def test_a_request_in_a_fragment_of_a_fragment_is_not_read(handmade, offset):
    """The stack discards it. The outer fragment is atomic; the hook saw it before the packet was authenticated."""
    server, client = handmade
    client.before, client.behind = [ipv6.fragment(0)], [ipv6.fragment(offset)]
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    client.before, client.behind = (), ()
    deliver(server, client, b"SSH-2.0-test\r\n")
