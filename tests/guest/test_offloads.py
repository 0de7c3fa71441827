# SPDX-License-Identifier: GPL-2.0
"""Segments with and without offloads, and those larger than the linear part of the skb."""

import random

import pytest

from support.expect import send_blocked, send_delivered
from support.streams import Recorder

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture(params=["on", "off"])
def offloads(request, veth):
    """GRO, GSO and TSO, switched on both ends of the veth pair."""
    def switch(value):
        for namespace in veth.server, veth.client:
            namespace.run("ethtool", "-K", "eth0", "gro", value, "gso", value, "tso", value)

    switch(request.param)
    yield
    switch("on")
    for namespace in veth.server, veth.client:
        namespace.run("ethtool", "-K", "eth0", "gro", "off")


def request_with_target(size):
    return b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"


def test_a_request(offloads, veth, family):
    with Recorder(veth.endpoint(family)) as server:
        send_blocked(server, veth.client, request_with_target(1000))


def test_bulk_data(offloads, veth, family):
    with Recorder(veth.endpoint(family)) as server:
        send_delivered(server, veth.client, random.Random(4).randbytes(2_000_000))


@pytest.mark.parametrize("size", [8192, 30_000])
def test_a_request_in_one_large_packet(loopback, family, size):
    with Recorder(loopback.endpoint(family)) as server:
        send_blocked(server, loopback.client, request_with_target(size))
