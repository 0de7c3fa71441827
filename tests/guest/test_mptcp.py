# SPDX-License-Identifier: GPL-2.0
"""Multipath TCP: a stream on several subflows, of which only the first begins with the stream's start."""

import contextlib
import hashlib
import socket
import struct

import pytest

from support import http_filter, topology
from support.expect import holds_no_first_line
from support.handmade import HandmadeClient
from support.nftables import rules
from support.payloads import REQUEST, each_other, each_request
from support.streams import Recorder, Stream
from support.topology import IPV4, IPV6
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

SECOND_ADDRESSES = {IPV4: "192.0.2.8", IPV6: "2001:db8::8"}

# The second half by itself is not HTTP.
HALVES = b"GET / HT", b"TP/1.1\r\nHost: example.com\r\n\r\n"


@pytest.fixture(scope="module")
def paths():
    """A veth pair whose client has a second address, from which it opens a second subflow."""
    with topology.veth_pair("mptcp") as pair:
        for namespace in pair.server, pair.client:
            namespace.ip("mptcp limits set subflow 2")
        for address in SECOND_ADDRESSES.values():
            # Deprecated, so that no first subflow takes it.
            pair.client.ip(f"address add {address}/{64 if ':' in address else 24} dev eth0 preferred_lft 0",
                           "nodad" if ":" in address else "")
            pair.client.ip(f"mptcp endpoint add {address} dev eth0 subflow")
        yield pair


@contextlib.contextmanager
def recorder(paths, family):
    with Recorder(paths.endpoint(family), protocol=socket.IPPROTO_MPTCP) as server:
        yield server


def stream_to(server, paths):
    return Stream(paths.client, server.endpoint, protocol=socket.IPPROTO_MPTCP)


@contextlib.contextmanager
def two_subflows(paths, family, start):
    """A server, and a stream with two subflows, if the filter lets it have them; the first has carried `start`."""
    with recorder(paths, family) as server, stream_to(server, paths) as stream:
        def joined():
            return paths.server.tcp_counters()["MPTcpExtMPJoinAckRx"]

        before = joined()
        stream.send(start)
        server.wait_for(stream, start)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: joined() > before, "a second subflow", seconds=1)
        yield server, stream


def test_both_ends_speak_mptcp(paths, family):
    """The premise of the other tests: both ends use MPTCP, and a second subflow."""
    http_filter.write_setting("enabled", 0)
    with (paths.server.counts("MPTcpExtMPCapableACKRX"), paths.server.counts("MPTcpExtMPJoinAckRx"),
          two_subflows(paths, family, b"SSH-2.0-test\r\n") as (server, stream)):
        stream.send(REQUEST)
        server.wait_for(stream, b"SSH-2.0-test\r\n" + REQUEST)


@each_request
def test_a_request_is_blocked(paths, family, pieces):
    with recorder(paths, family) as server, stream_to(server, paths) as stream:
        stream.send(*pieces)
        wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped")
        assert b"".join(pieces[:-1]).startswith(server.read_from(stream))
    assert http_filter.counters()["blocked"] == 1


@each_other
def test_another_stream_is_delivered(paths, family, pieces):
    with recorder(paths, family) as server, stream_to(server, paths) as stream:
        stream.send(*pieces)
        server.wait_for(stream, b"".join(pieces))
    assert http_filter.counters()["blocked"] == 0


@pytest.mark.parametrize("enabled", [0, 1])
def test_a_request_whose_end_comes_on_another_subflow(paths, family, enabled):
    """After the start, the first subflow loses all packets: the rest is sent on the second one, if there is one."""
    http_filter.write_setting("enabled", enabled)
    protocol = "ip" if family == IPV4 else "ip6"
    with two_subflows(paths, family, HALVES[0]) as (server, stream):
        with rules(paths.client, "filter hook output priority filter",
                   f"{protocol} saddr {paths.client_addresses[family]} tcp dport {server.endpoint.port} counter drop"):
            stream.send(HALVES[1])
            whole = b"".join(HALVES)
            if enabled:
                with contextlib.suppress(AssertionError):
                    wait_until(lambda: server.read_from(stream) == whole, "the request", seconds=4)
                assert holds_no_first_line(server.read_from(stream))
            else:
                wait_until(lambda: server.read_from(stream) == whole, "the request", seconds=4)


@pytest.mark.parametrize("number", range(8))
def test_bulk_data_that_quotes_requests_is_delivered(paths, family, number):
    """A second subflow begins anywhere in the stream; what it begins with is not the stream's start."""
    start = b"SSH-2.0-test\r\n" + number * b"-"
    data = 100_000 * b"GET / HTTP/1.1\r\n"
    with two_subflows(paths, family, start) as (server, stream):
        stream.send(data)
        stream.finish()
        assert server.read_all_from(stream) == start + data
    counters = http_filter.counters()
    assert (counters["blocked"], counters["dropped"]) == (0, 0)


class MappingClient(HandmadeClient):
    """A client that sets the data sequence mapping of each segment (RFC 8684 section 3.3)."""

    _KEY = b"of eight"
    _MP_CAPABLE, _DSS = 0x01, 0x20  # version 1

    def _syn_options(self):
        return struct.pack("!BBBB", 30, 4, self._MP_CAPABLE, 1)

    def _ack_options(self, syn_ack):
        server_key = syn_ack[syn_ack.index(struct.pack("!BBBB", 30, 12, self._MP_CAPABLE, 1)):][4:12]
        self._starts = [self._first_number(key) for key in (server_key, self._KEY)]
        return struct.pack("!BBBB", 30, 20, self._MP_CAPABLE, 1) + self._KEY + server_key

    @staticmethod
    def _first_number(key):
        return struct.unpack("!Q", hashlib.sha256(key).digest()[-8:])[0] + 1

    def send_mapped(self, data, subflow, stream):
        """Sends a segment at the offset `subflow` of the subflow, mapped to the offset `stream` of the stream."""
        own, number = self._starts[0], self._starts[1] + stream & (1 << 64) - 1
        dss = struct.pack("!BBBBQQIHxx", 30, 26, self._DSS, 0x0f, own, number, 1 + subflow, len(data))
        self.send(data, ahead=subflow, options=dss)


def test_a_mapping_in_order_is_inspected(paths, family):
    with recorder(paths, family) as server, MappingClient(paths, server.endpoint) as client:
        for place, data in (0, HALVES[0]), (len(HALVES[0]), HALVES[1]):
            client.send_mapped(data, place, place)
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
        server.wait_for(client, HALVES[0])


def test_a_mapping_out_of_order_is_not_inspected(paths, family):
    """A documented limit: the bytes are not HTTP in the order of the subflow, but are in that of the stream."""
    with recorder(paths, family) as server, MappingClient(paths, server.endpoint) as client:
        # The client learns the window of the MPTCP connection from the first answer.
        client.send_mapped(HALVES[0][:1], 0, 0)
        server.wait_for(client, HALVES[0][:1])
        client.send_mapped(HALVES[1], 1, len(HALVES[0]))
        client.send_mapped(HALVES[0][1:], 1 + len(HALVES[1]), 1)
        server.wait_for(client, b"".join(HALVES))
    assert http_filter.counters()["blocked"] == 0
