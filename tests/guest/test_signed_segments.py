# SPDX-License-Identifier: GPL-2.0
"""Segments with a TCP-MD5 signature are inspected like others: their data is not encrypted."""

import socket
import struct

import pytest

from support.expect import send_blocked, send_delivered
from support.payloads import each_other, each_request
from support.streams import Recorder
from support.topology import IPV4

pytestmark = pytest.mark.usefixtures("filtered")

KEY = b"secret"

# struct tcp_md5sig of the kernel's headers, which Python does not know: a peer's address, and the shared key.
TCP_MD5SIG = 14
STORAGE, SIGNATURE = 128, struct.Struct("128sBBHi80s")


def shared_with(address, family):
    """The socket option that makes TCP sign and verify all segments to and from an address."""
    packed = socket.inet_pton(family, address)
    name = struct.pack("=HH", family, 0) + (packed if family == IPV4 else bytes(4) + packed)
    return socket.IPPROTO_TCP, TCP_MD5SIG, SIGNATURE.pack(name.ljust(STORAGE, b"\0"), 0, 0, len(KEY), 0, KEY)


@pytest.fixture
def server(veth, family):
    with Recorder(veth.endpoint(family), options=[shared_with(veth.client_addresses[family], family)]) as recorder:
        yield recorder


@pytest.fixture
def options(veth, family):
    """The socket options of the client."""
    return [shared_with(veth.server_addresses[family], family)]


@each_request
def test_a_request_is_blocked(veth, server, options, pieces):
    send_blocked(server, veth.client, *pieces, options=options)


@each_other
def test_another_stream_is_delivered(veth, server, options, pieces):
    send_delivered(server, veth.client, *pieces, options=options)


def test_a_client_without_the_key_is_not_answered(veth, server):
    """The premise of the other tests: segments are signed."""
    with veth.client, veth.server.counts("TcpExtTCPMD5NotFound"), pytest.raises(TimeoutError):
        socket.create_connection((server.endpoint.address, server.endpoint.port), timeout=1)
