# SPDX-License-Identifier: GPL-2.0
"""action=reject: both ends of a connection learn at once that it is over, and nothing of it is left."""

import contextlib
import errno
import select
import socket
import threading
import time

import pytest

from support import http_filter, http_servers, ipv6, tracing
from support.clients import curl
from support.handmade import HandmadeClient, deliver
from support.many_connections import many_connections
from support.missing_page import stuck
from support.payloads import OTHER, REQUEST, each_request
from support.streams import Recorder, Stream, connection, listen, read_what_is_there
from support.topology import IPV4, IPV6, Endpoint
from support.wait import wait_until
from test_fast_open import ENABLED
from test_forged_segments import LONG_AGO, NOW, TimestampClient, timestamp
from test_ipv6_extension_headers import HEADERS
from test_signed_segments import shared_with

DEFERRED = socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60
_TCP_ULP = 31

# With these, TCP makes no socket before there is data.
LISTENERS = {"accepts at once": (), "TCP_DEFER_ACCEPT": (DEFERRED,)}
each_listener = pytest.mark.parametrize("options", LISTENERS.values(), ids=LISTENERS)


@pytest.fixture(autouse=True)
def rejecting(filtered):
    http_filter.write_setting("action", "reject")


@pytest.fixture(params=["loopback", "veth"])
def network(request):
    return request.getfixturevalue(request.param)


def left(network, endpoint):
    """The sockets of the server's connections that are left in both namespaces, as `ss` lists them."""
    command = "ss", "-Htan", f"sport = :{endpoint.port} or dport = :{endpoint.port}"
    lines = [line for namespace in {network.server, network.client}
             for line in namespace.run(*command).decode().splitlines()]
    return [line for line in lines if not line.startswith("LISTEN")]


@contextlib.contextmanager
def rejected(network, endpoint, connections=1):
    """Checks that connections are rejected in the block, without that any segment is repeated."""
    yield
    wait_until(lambda: not left(network, endpoint), f"nothing is left of {left(network, endpoint)}", seconds=1)
    counters = http_filter.counters()
    assert (counters["blocked"], counters["dropped"], counters["evicted"]) == (connections, connections, 0)


def expect_reset(end):
    """The end of a connection gets an error, behind what it has received."""
    end.settimeout(10)
    with pytest.raises(ConnectionResetError):
        while end.recv(100):
            pass


@each_request
def test_both_ends_get_an_error(network, family, pieces):
    with connection(network, family) as (stream, accepted), rejected(network, network.endpoint(family)):
        stream.send(*pieces)
        expect_reset(stream.socket)
        expect_reset(accepted)


@pytest.mark.parametrize("log", [0, 1])
@pytest.mark.parametrize("data, kind",
                         [(REQUEST, "requests"), (b"PRI * HTTP/2.0\r\n", "h2c"), (b"GET /\r\n", "http09")])
def test_each_kind_is_rejected_logged_or_not(veth, data, kind, log):
    http_filter.write_setting("log", log)
    with connection(veth, IPV4) as (stream, accepted):
        stream.send(data)
        expect_reset(stream.socket)
        expect_reset(accepted)
    assert http_filter.counters()[kind] == 1


@each_listener
def test_a_connection_that_nobody_has_accepted(network, family, options):
    endpoint = network.endpoint(family)
    with listen(endpoint, options) as listener, Stream(network.client, endpoint) as stream:
        with rejected(network, endpoint):
            stream.send(REQUEST)
            expect_reset(stream.socket)
        listener.settimeout(0.1)
        # What was made a socket is accepted in vain; of others nothing is to be accepted.
        with pytest.raises((ConnectionAbortedError, TimeoutError)) as error:
            listener.accept()
        assert error.type is (TimeoutError if options else ConnectionAbortedError)


def test_a_listener_accepts_others_afterwards(veth, family):
    with Recorder(veth.endpoint(family), options=[DEFERRED]) as server:
        for _ in range(3):
            with Stream(veth.client, server.endpoint) as stream:
                stream.send(REQUEST)
                expect_reset(stream.socket)
        with Stream(veth.client, server.endpoint) as stream:
            stream.send(OTHER)
            server.wait_for(stream, OTHER)


def test_who_waits_for_data_is_woken(veth, family):
    errors = []

    def read(accepted):
        try:
            accepted.recv(1)
        except OSError as error:
            errors.append(error.errno)

    with connection(veth, family) as (stream, accepted):
        reader = threading.Thread(target=read, args=[accepted])
        reader.start()
        time.sleep(0.1)
        stream.send(REQUEST)
        reader.join(5)
        assert errors and errors[0] in (errno.EPIPE, errno.ECONNRESET)


def test_who_polls_is_told(veth, family):
    with connection(veth, family) as (stream, accepted), select.epoll() as poll:
        poll.register(accepted, select.EPOLLIN | select.EPOLLET)
        stream.send(REQUEST)
        (_, events), = poll.poll(5)
        assert events & select.EPOLLHUP and events & select.EPOLLERR


@pytest.mark.parametrize("serve", [http_servers.nginx, http_servers.nginx_deferred])
def test_curl_fails_at_once_and_the_server_goes_on(veth, family, serve):
    endpoint = veth.endpoint(family)
    with serve(endpoint):
        before = left(veth, endpoint)
        began = time.monotonic()
        # 56: the connection was reset.
        assert "exit status 56" in curl(veth.client, endpoint.url()).error
        assert time.monotonic() - began < 2
        assert set(left(veth, endpoint)) <= set(before)
        http_filter.write_setting("enabled", 0)
        assert curl(veth.client, endpoint.url()).status == 200


@each_listener
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_behind_ipv6_extension_headers(network, headers, options):
    endpoint = network.endpoint(IPV6)
    with listen(endpoint, options), Stream(network.client, endpoint, headers) as stream, rejected(network, endpoint):
        stream.send(REQUEST)
        expect_reset(stream.socket)


@pytest.mark.parametrize("extensions", [(), [(ipv6.DESTINATION, ipv6.PADDING)] * 3], ids=["bare", "behind others"])
def test_data_on_the_third_ack(veth, addressing, extensions):
    listens_at, endpoint = veth.endpoints(addressing)
    if extensions and endpoint.family == IPV4:
        pytest.skip("IPv4 has no extension headers")
    with listen(listens_at), HandmadeClient(veth, endpoint, bare_ack=False) as client, rejected(veth, endpoint):
        client.send(REQUEST, extensions=extensions)
        client.wait_for_reset()


def test_data_on_the_third_ack_with_a_syn_cookie_is_dropped(veth, family):
    """There is neither socket nor request that could be ended."""
    endpoint = veth.endpoint(family)
    with (veth.server.sysctl("net.ipv4.tcp_syncookies", 2), listen(endpoint),
          HandmadeClient(veth, endpoint, bare_ack=False) as client):
        for times in 1, 2:
            client.send(REQUEST)
            wait_until(lambda: http_filter.counters()["dropped"] == times, "the request is dropped")
            assert left(veth, endpoint) == []
    assert http_filter.counters()["blocked"] == 1


def test_a_connection_from_a_syn_cookie(veth, family):
    endpoint = veth.endpoint(family)
    with (veth.server.sysctl("net.ipv4.tcp_syncookies", 2), listen(endpoint), rejected(veth, endpoint),
          veth.server.counts("TcpExtSyncookiesRecv"), Stream(veth.client, endpoint) as stream):
        stream.send(REQUEST)
        expect_reset(stream.socket)


def test_fast_open(veth, family):
    """The SYN is dropped. The client repeats it without the data, which it sends on the connection."""
    endpoint = veth.endpoint(family)
    with (veth.server.sysctl("net.ipv4.tcp_fastopen", ENABLED), veth.client.sysctl("net.ipv4.tcp_fastopen", ENABLED),
          Recorder(endpoint) as server):
        veth.client.ip("tcp_metrics flush")
        with Stream(veth.client, endpoint, in_syn=OTHER) as stream:
            server.wait_for(stream, OTHER)
        # The call that sends the SYN may wait for the connection.
        with pytest.raises(ConnectionResetError), Stream(veth.client, endpoint, in_syn=REQUEST) as stream:
            stream.read_all()
    assert http_filter.counters()["blocked"] == 1


FORGERIES = {
    "acknowledges what was never sent": lambda client: client.forge(acknowledges=1),
    "has an old timestamp": lambda client: client.forge(LONG_AGO),
    "has a wrong checksum": lambda client: client.send_corrupt(REQUEST, **client.sent(NOW)),
    "lies behind what was received": lambda client: client.forge(ahead=1 << 30),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("bare_ack", [True, False], ids=["established", "third ACK"])
def test_a_forged_request_ends_nothing(veth, family, forge, bare_ack):
    with Recorder(veth.endpoint(family)) as server:
        with TimestampClient(veth, server.endpoint, bare_ack=bare_ack) as client:
            for _ in range(3):
                forge(client)
            deliver(server, client, OTHER, b"more", **client.sent(NOW))
    assert http_filter.counters()["blocked"] == 0


def test_a_request_that_echoes_what_was_never_sent_ends_nothing(veth, family):
    """On the third ACK; newer kernels discard it."""
    with Recorder(veth.endpoint(family)) as server:
        with TimestampClient(veth, server.endpoint, bare_ack=False) as client:
            client.send(OTHER, options=timestamp(NOW, 1 << 30))
            time.sleep(0.2)
            if server.read_from(client) == OTHER:
                pytest.skip("this kernel takes it")
            client.send(REQUEST, options=timestamp(NOW, 1 << 30))
            deliver(server, client, OTHER, b"more", **client.sent(NOW))
    assert http_filter.counters()["blocked"] == 0


def test_forged_requests_do_not_end_a_session(veth, family):
    """Whatever they acknowledge: the session is past its first line."""
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, OTHER)
        for ahead in -len(OTHER), 0:
            client.send(REQUEST, ahead=ahead, acknowledges=1 << 30)
        deliver(server, client, b"more")
    assert http_filter.counters()["blocked"] == 0


@pytest.mark.parametrize("call", ["send_from", "receive_into"])
def test_an_owner_is_not_waited_for(veth, family, page, call):
    """It lets go after some time; the next repetition of the request ends the connection."""
    with connection(veth, family) as (stream, accepted):
        stream.send(b"GET")
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        with stuck(page, getattr(page, call), accepted):
            stream.send(b" / HTTP/1.1\r\n")
            wait_until(lambda: http_filter.counters()["dropped"] >= 2, "it is dropped, and its repetition")
            assert stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        expect_reset(stream.socket)
    counters = http_filter.counters()
    assert (counters["blocked"], counters["evicted"]) == (1, 0)


def test_the_filter_is_unloaded_beside_an_owner(veth, page):
    with connection(veth, IPV4) as (stream, accepted), stuck(page, page.send_from, accepted):
        stream.send(REQUEST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 1, "it is dropped")
        began = time.monotonic()
        http_filter.unload()
        assert time.monotonic() - began < 3


def test_a_connection_that_was_dropped_before(veth, family):
    http_filter.write_setting("action", "drop")
    with connection(veth, family) as (stream, accepted):
        stream.send(REQUEST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 1, "it is dropped")
        http_filter.write_setting("action", "reject")
        expect_reset(stream.socket)
        expect_reset(accepted)


# Who can't be rejected is dropped.

def wait_for_repetition():
    wait_until(lambda: http_filter.counters()["dropped"] >= 2, "the request is dropped, and its repetition")
    assert http_filter.counters()["blocked"] == 1


def test_ktls_is_dropped(veth):
    with connection(veth, IPV4) as (stream, accepted):
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, _TCP_ULP, b"tls")
        except FileNotFoundError:
            pytest.skip("this kernel has no kTLS (CONFIG_TLS)")
        stream.send(REQUEST)
        wait_for_repetition()
        assert read_what_is_there(accepted) == b""


def test_mptcp_is_dropped(veth, family):
    endpoint = veth.endpoint(family)
    with Recorder(endpoint, protocol=socket.IPPROTO_MPTCP) as server:
        with Stream(veth.client, endpoint, protocol=socket.IPPROTO_MPTCP) as stream:
            stream.send(REQUEST)
            wait_for_repetition()
            assert server.read_from(stream) == b""


def test_signed_segments_are_dropped(veth, family):
    endpoint = veth.endpoint(family)
    try:
        server = Recorder(endpoint, options=[shared_with(veth.client_addresses[family], family)])
    except OSError:
        pytest.skip("this kernel has no TCP-MD5")
    with server, Stream(veth.client, endpoint, [shared_with(veth.server_addresses[family], family)]) as stream:
        stream.send(REQUEST)
        wait_for_repetition()
        assert server.read_from(stream) == b""


# Many.

@each_listener
def test_no_request_is_repeated(veth, family, options):
    """In 99 of 100 connections."""
    endpoint = veth.endpoint(family)
    with listen(endpoint, options):
        for _ in range(100):
            with Stream(veth.client, endpoint) as stream:
                stream.send(REQUEST)
                expect_reset(stream.socket)
        assert left(veth, endpoint) == []
    counters = http_filter.counters()
    assert counters["blocked"] == 100
    assert counters["dropped"] <= 101


def test_a_flood_leaves_nothing(loopback):
    """Each connection costs the work of one, and the filter can be unloaded at once."""
    count = 10_000
    aborts = tracing.count("tcp_disconnect") if tracing.is_supported() else contextlib.nullcontext()
    with aborts as work, many_connections(loopback, count, REQUEST) as accepted:
        wait_until(lambda: http_filter.counters()["blocked"] == count, "all are rejected", seconds=60)
        counters = http_filter.counters()
        endpoint = Endpoint(loopback.server, *accepted[0].getsockname())
        assert left(loopback, endpoint) == []
    assert counters["dropped"] <= 1.01 * count
    assert (counters["evicted"], counters["undecided"]) == (0, 0)
    assert work is None or work.calls == count
    began = time.monotonic()
    http_filter.unload()
    assert time.monotonic() - began < 3


def test_it_is_logged(veth, kernel_log):
    with Recorder(veth.endpoint()) as server, Stream(veth.client, server.endpoint) as stream:
        stream.send(REQUEST)
        expected = f"rejected GET / HTTP/1.1 from {stream} to {server.endpoint} in eth0"
        wait_until(lambda: expected in kernel_log.lines(), expected)
