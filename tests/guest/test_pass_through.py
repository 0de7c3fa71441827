# SPDX-License-Identifier: GPL-2.0
"""What is not plaintext HTTP goes on undisturbed."""

import random
import threading

import pytest

from support import http_filter, servers
from support.clients import curl, redis_cli, ssh
from support.expect import send_delivered
from support.streams import Recorder, Stream

pytestmark = pytest.mark.usefixtures("filtered")

SIZES = [1, 2, 15, 1448, 1449, 65_537, 5_000_000]


@pytest.fixture(autouse=True)
def nothing_blocked(filtered):
    """None of these streams counts as HTTP."""
    yield
    assert {name for name, value in http_filter.counters().items() if value} <= {"inspected"}


@pytest.mark.smoke
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_https(veth, family, version):
    endpoint = veth.endpoint(family)
    with servers.nginx_tls(endpoint):
        reply = curl(veth.client, endpoint.url(scheme="https"), "--insecure", f"--tlsv{version}", "--tls-max", version)
    assert (reply.status, reply.body) == (200, servers.PAGE)


@pytest.mark.smoke
def test_ssh_command(veth, family):
    endpoint = veth.endpoint(family)
    with servers.sshd(endpoint) as key:
        assert ssh(veth.client, key, endpoint, "echo GET / HTTP/1.1") == b"GET / HTTP/1.1\n"


def test_ssh_copies_a_megabyte_both_ways(macvlan):
    endpoint = macvlan.endpoint()
    data = random.Random(1).randbytes(1_000_000)
    with servers.sshd(endpoint) as key:
        assert ssh(macvlan.client, key, endpoint, "cat", stdin=data) == data


@pytest.mark.smoke
def test_redis_client(veth, family):
    endpoint = veth.endpoint(family)
    with servers.redis(endpoint):
        assert redis_cli(veth.client, endpoint, "SET", "page", "GET / HTTP/1.1") == "OK"
        assert redis_cli(veth.client, endpoint, "GET", "page") == "GET / HTTP/1.1"


def test_redis_inline_commands(veth):
    endpoint = veth.endpoint()
    with servers.redis(endpoint):
        for command, answer in (b"SET key 1", b"+OK\r\n"), (b"GET key", b"$1\r\n1\r\n"), (b"PING", b"+PONG\r\n"):
            with Stream(veth.client, endpoint) as stream:
                stream.send(command + b"\r\n")
                assert stream.socket.recv(100) == answer


def echoed(namespace, endpoint, data):
    """What comes back while `data` is being sent."""
    with Stream(namespace, endpoint) as stream:
        sender = threading.Thread(target=lambda: (stream.send(data), stream.finish()))
        sender.start()
        answer = stream.read_all()
        sender.join()
    return answer


@pytest.mark.parametrize("size", SIZES)
def test_random_bytes_both_ways(veth, family, size):
    data = random.Random(size).randbytes(size)
    with Recorder(veth.endpoint(family), echo=True) as server:
        assert echoed(veth.client, server.endpoint, data) == data


@pytest.mark.smoke
def test_random_bytes_over_loopback(loopback, family):
    data = random.Random(2).randbytes(1_000_000)
    with Recorder(loopback.endpoint(family), echo=True) as server:
        assert echoed(loopback.client, server.endpoint, data) == data


def test_random_bytes_over_macvlan(macvlan, family):
    data = random.Random(3).randbytes(1_000_000)
    with Recorder(macvlan.endpoint(family), echo=True) as server:
        assert echoed(macvlan.client, server.endpoint, data) == data


@pytest.mark.parametrize("offset", [3, 100, 1400, 1448, 70_000])
def test_http_later_in_a_stream(veth, recorder, offset):
    send_delivered(recorder, veth.client, bytes(offset) + b"\r\nGET / HTTP/1.1\r\nHost: example.com\r\n\r\n")


def test_http_in_a_later_segment(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(b"STARTTLS\r\n")
        recorder.wait_for(stream, b"STARTTLS\r\n")
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        recorder.wait_for(stream, b"STARTTLS\r\nGET / HTTP/1.1\r\n\r\n")


def test_an_idle_connection(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.finish()
        assert recorder.read_all_from(stream) == b""
