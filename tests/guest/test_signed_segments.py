# SPDX-License-Identifier: GPL-2.0
"""Segments that are signed for those who have a key (TCP-MD5): they can be read as others can."""

import socket
import struct

import pytest

from support.expect import send_blocked, send_delivered
from support.payloads import each_other, each_request
from support.streams import Recorder
from support.topology import IPV4

pytestmark = pytest.mark.usefixtures("filtered")

KEY = b"secret"

# From the kernel's headers; Python does not know it. A peer's address, and the key it shares.
TCP_MD5SIG = 14
STORAGE, SIGNATURE = 128, struct.Struct("128sBBHi80s")


def shared_with(address, family):
    """The socket option by which all segments from and to an address are signed."""
    packed = socket.inet_pton(family, address)
    name = struct.pack("=HH", family, 0) + (packed if family == IPV4 else bytes(4) + packed)
    return socket.IPPROTO_TCP, TCP_MD5SIG, SIGNATURE.pack(name.ljust(STORAGE, b"\0"), 0, 0, len(KEY), 0, KEY)


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family), options=[shared_with(veth.client_addresses[family], family)]) as recorder:
        yield recorder


@pytest.fixture
def options(veth, family):
    """Those of a client."""
    return [shared_with(veth.server_addresses[family], family)]


@each_request
def test_a_request_is_blocked(veth, server, options, pieces):
    send_blocked(server, veth.client, *pieces, options=options)


@each_other
def test_another_stream_is_delivered(veth, server, options, pieces):
    send_delivered(server, veth.client, *pieces, options=options)


def test_only_those_with_the_key_are_heard(veth, server):
    """What the others rest on: segments are signed."""
    with veth.client, veth.server.counts("TcpExtTCPMD5NotFound"), pytest.raises(TimeoutError):
        socket.create_connection((server.endpoint.address, server.endpoint.port), timeout=1)
