# SPDX-License-Identifier: GPL-2.0
"""Requests of all forms, from real clients to real servers, are answered only while the filter is off."""

import asyncio
import contextlib
import functools
import http.client
import operator
import re
import subprocess

import pytest
import websockets

from support import http_filter, http_servers
from support.clients import BLOCKED_TIMEOUT, curl, in_parallel
from support.process import for_each_addressing
from support.streams import Stream

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

HOST = b"Host: example.com\r\n"
LAST = HOST + b"Connection: close\r\n\r\n"

# Requests by curl: its options besides the URL, and nginx's status code.
OF_NGINX = {
    "absolute form": (["--request-target", "http://example.com/index.html"], 200),
    "OPTIONS *": (["-X", "OPTIONS", "--request-target", "*"], 400),
    "target of 8 kB": (["--request-target", "/index.html?" + "a" * 8192], 200),
    "target of 60 kB": (["--request-target", "/index.html?" + "a" * 60_000], 200),
    "h2c, prior knowledge": (["--http2-prior-knowledge"], 200),
    "h2c, upgrade": (["--http2"], 200),
    "HTTP/1.0": (["--http1.0"], 200),
}
if not http_servers.nginx_has_http2():
    del OF_NGINX["h2c, prior knowledge"]

# The same with Node's server, which takes bodies.
OF_NODE = {
    "POST": (["--data", "a=b"], 200),
    "chunked upload": (["--data", "a=b", "-H", "Transfer-Encoding: chunked"], 200),
    "100-continue": (["--data", "a=b", "-H", "Expect: 100-continue"], 200),
}

# Requests by hand: their bytes, and nginx's status codes. Which one refuses CONNECT depends on its version.
BY_HAND = {
    "pipelining": (b"GET / HTTP/1.1\r\n" + HOST + b"\r\nHEAD / HTTP/1.1\r\n" + LAST, [{"200"}, {"200"}]),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\n" + LAST, [{"400", "405"}]),
    "absolute form": (b"GET http://example.com/ HTTP/1.1\r\n" + LAST, [{"200"}]),
}


@contextlib.contextmanager
def served(veth, server):
    """Runs a server; yields its endpoints by addressing."""
    with for_each_addressing(veth, server) as instances:
        yield {str(instance): instance.endpoint for instance in instances}


@pytest.fixture(scope="module")
def nginx(veth):
    with served(veth, http_servers.nginx) as endpoints:
        yield endpoints


@pytest.fixture(scope="module")
def node(veth):
    with served(veth, http_servers.node) as endpoints:
        yield endpoints


@contextlib.contextmanager
def off():
    """The filter is off for as long as the block lasts."""
    http_filter.write_setting("enabled", 0)
    yield
    http_filter.write_setting("enabled", 1)


def assert_blocked(veth, endpoint, requests):
    """Sends the requests with curl, concurrently, with the filter off and on; returns the replies with it off."""
    def ask_all(**keywords):
        return in_parallel({
            name: functools.partial(curl, veth.client, endpoint.url("/index.html"), "-i", *options, **keywords)
            for name, (options, _) in requests.items()})

    with off():
        answers = ask_all()
    assert {name: reply.status for name, reply in answers.items()} == {
        name: status for name, (_, status) in requests.items()}
    before = http_filter.counters()["blocked"]
    blocked = ask_all(timeout=BLOCKED_TIMEOUT)
    assert {name: str(reply) for name, reply in blocked.items()} == dict.fromkeys(requests, "timed out")
    assert http_filter.counters()["blocked"] - before >= len(requests)
    return answers


def test_by_curl(veth, nginx, node, addressing):
    assert_blocked(veth, nginx[addressing], OF_NGINX)
    answers = assert_blocked(veth, node[addressing], OF_NODE)
    assert answers["100-continue"].body.startswith("HTTP/1.1 100 Continue")


def test_keep_alive(veth, nginx, addressing):
    def ask_twice(timeout):
        """Two requests on one connection."""
        endpoint = nginx[addressing]
        connection = http.client.HTTPConnection(endpoint.address, endpoint.port, timeout=timeout)
        with contextlib.closing(connection):
            with veth.client:
                connection.connect()
            used = connection.sock
            for _ in range(2):
                connection.request("GET", "/index.html")
                assert connection.getresponse().read().decode() == http_servers.PAGE
                assert connection.sock is used

    with off():
        ask_twice(timeout=20)
    with pytest.raises(TimeoutError):
        ask_twice(BLOCKED_TIMEOUT)
    assert http_filter.counters()["blocked"] == 1


def answers(veth, endpoint, request, timeout):
    """The status codes of a server's answers, or None after the timeout."""
    with Stream(veth.client, endpoint) as stream:
        stream.send(request)
        stream.socket.settimeout(timeout)
        try:
            return re.findall(r"^HTTP/1\.1 (\d+)", stream.read_all().decode(), re.MULTILINE)
        except TimeoutError:
            return None


@pytest.mark.parametrize("request_, statuses", BY_HAND.values(), ids=BY_HAND)
def test_by_hand(veth, nginx, addressing, request_, statuses):
    with off():
        given = answers(veth, nginx[addressing], request_, timeout=20)
        assert len(given) == len(statuses) and all(map(operator.contains, statuses, given)), given
    assert answers(veth, nginx[addressing], request_, BLOCKED_TIMEOUT) is None
    assert http_filter.counters()["blocked"] == 1


def test_websocket(veth):
    async def echo(endpoint, timeout):
        async with websockets.connect(f"ws://{endpoint}/", open_timeout=timeout) as socket:
            await socket.send("hello")
            return await asyncio.wait_for(socket.recv(), timeout)

    with for_each_addressing(veth, http_servers.websocket_echo) as instances:
        for instance in instances:
            with off():
                with veth.client:
                    assert asyncio.run(echo(instance.endpoint, timeout=20)) == "hello", instance
            with veth.client, pytest.raises(TimeoutError):
                asyncio.run(echo(instance.endpoint, BLOCKED_TIMEOUT))
        assert http_filter.counters()["blocked"] == len(instances)


def test_http_on_port_22(veth, addressing):
    listener, found = veth.endpoints(addressing, 22)
    with http_servers.nginx(listener):
        with off():
            assert str(curl(veth.client, found.url())) == "200"
        assert curl(veth.client, found.url(), timeout=BLOCKED_TIMEOUT).timed_out
    assert http_filter.counters()["blocked"] == 1


def load(namespace, *command):
    """Runs a load generator; returns what it prints."""
    with namespace:
        return subprocess.run(command, capture_output=True, text=True).stdout


def test_ab(veth, nginx, addressing):
    url = nginx[addressing].url("/index.html")
    with off():
        assert re.search(r"Complete requests: +50\nFailed requests: +0\n",
                         load(veth.client, "ab", "-q", "-n", "50", "-c", "5", url))
    assert "Complete requests" not in load(veth.client, "ab", "-q", "-s", "1", "-n", "5", "-c", "5", url)
    assert http_filter.counters()["blocked"] >= 1


def test_wrk(veth, nginx, addressing):
    command = ["wrk", "--threads", "1", "--connections", "5", "--duration", "2", nginx[addressing].url("/index.html")]
    with off():
        assert int(re.search(r"(\d+) requests in", load(veth.client, *command))[1]) > 0
    assert " 0 requests in" in load(veth.client, *command)
    assert http_filter.counters()["blocked"] == 5
