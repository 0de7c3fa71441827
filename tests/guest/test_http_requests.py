# SPDX-License-Identifier: GPL-2.0
"""What real clients ask of a real server, in all the ways that HTTP has, is answered only while the filter is off."""

import contextlib
import functools
import re
import subprocess

import pytest

from support import http_filter, http_servers
from support.clients import BLOCKED_PATIENCE, curl, in_parallel
from support.process import on_every_way
from support.streams import Stream
from support.topology import IPV4, IPV6, Endpoint

pytestmark = pytest.mark.usefixtures("filtered")

HOST = b"Host: example.com\r\n"
LAST = HOST + b"Connection: close\r\n\r\n"

# By curl: its options beside the address, and what nginx answers.
CURL = {
    "keep-alive": (["{url}"], 200),
    "POST": (["--data", "a=b"], 405),
    "chunked upload": (["--data", "a=b", "-H", "Transfer-Encoding: chunked"], 405),
    "100-continue": (["--data", "a=b", "-H", "Expect: 100-continue"], 405),
    "absolute form": (["--request-target", "http://example.com/index.html"], 200),
    "OPTIONS *": (["-X", "OPTIONS", "--request-target", "*"], 400),
    "target of 8 kB": (["--request-target", "/index.html?" + "a" * 8192], 200),
    "target of 60 kB": (["--request-target", "/index.html?" + "a" * 60_000], 200),
    "h2c, prior knowledge": (["--http2-prior-knowledge"], 200),
    "h2c, upgrade": (["--http2"], 200),
    "HTTP/1.0": (["--http1.0"], 200),
}

# By hand: what is sent, and the states of what nginx answers.
BY_HAND = {
    "pipelining": (b"GET / HTTP/1.1\r\n" + HOST + b"\r\nHEAD / HTTP/1.1\r\n" + LAST, ["200", "200"]),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\n" + LAST, ["400"]),
    "absolute form": (b"GET http://example.com/ HTTP/1.1\r\n" + LAST, ["200"]),
}


@pytest.fixture(scope="module")
def nginx(veth):
    """For clients of IPv4 and IPv6; yields where each finds it."""
    listener = Endpoint(veth.server, "::", veth.endpoint().port)
    with http_servers.nginx(listener):
        yield {family: veth.endpoint(family, listener.port) for family in (IPV4, IPV6)}


@contextlib.contextmanager
def off():
    """The filter is off for as long as the block lasts."""
    http_filter.set("enabled", 0)
    yield
    http_filter.set("enabled", 1)


def test_by_curl(veth, nginx, family):
    url = nginx[family].url("/index.html")

    def ask_all(**patience):
        """What becomes of each request, all made at once."""
        replies = in_parallel({
            name: functools.partial(curl, veth.client, url, *(option.format(url=url) for option in options), **patience)
            for name, (options, _) in CURL.items()})
        return {name: str(reply) for name, reply in replies.items()}

    with off():
        assert ask_all() == {name: str(status) for name, (_, status) in CURL.items()}
    assert ask_all(patience=BLOCKED_PATIENCE) == dict.fromkeys(CURL, "timed out")
    assert http_filter.counters()["blocked"] >= len(CURL)


def answers(veth, endpoint, request, patience):
    """The states of what a server answers, or None if nothing comes."""
    with Stream(veth.client, endpoint) as stream:
        stream.send(request)
        stream.socket.settimeout(patience)
        try:
            return re.findall(r"^HTTP/1\.1 (\d+)", stream.read_all().decode(), re.MULTILINE)
        except TimeoutError:
            return None


@pytest.mark.parametrize("request_, states", BY_HAND.values(), ids=BY_HAND)
def test_by_hand(veth, nginx, family, request_, states):
    with off():
        assert answers(veth, nginx[family], request_, patience=20) == states
    assert answers(veth, nginx[family], request_, BLOCKED_PATIENCE) is None
    assert http_filter.counters()["blocked"] == 1


def test_websocket(veth):
    from websockets.sync.client import connect

    def echo(endpoint, patience):
        with veth.client, connect(f"ws://{endpoint}/", open_timeout=patience) as socket:
            socket.send("hello")
            return socket.recv(timeout=patience)

    with on_every_way(veth, http_servers.websocket_echo) as ways:
        for way in ways:
            with off():
                assert echo(way.endpoint, patience=20) == "hello", way
            with pytest.raises(TimeoutError):
                echo(way.endpoint, BLOCKED_PATIENCE)
        assert http_filter.counters()["blocked"] == len(ways)


def test_http_on_port_22(veth, family):
    endpoint = veth.endpoint(family, 22)
    with http_servers.nginx(endpoint):
        with off():
            assert str(curl(veth.client, endpoint.url())) == "200"
        assert curl(veth.client, endpoint.url(), patience=BLOCKED_PATIENCE).timed_out
    assert http_filter.counters()["blocked"] == 1


def load(namespace, *command):
    """Runs a load generator; returns what it prints."""
    with namespace:
        return subprocess.run(command, capture_output=True, text=True).stdout


def test_ab(veth, nginx, family):
    url = nginx[family].url("/index.html")
    with off():
        assert re.search(r"Complete requests: +50\nFailed requests: +0\n",
                         load(veth.client, "ab", "-q", "-n", "50", "-c", "5", url))
    assert "Complete requests" not in load(veth.client, "ab", "-q", "-s", "1", "-n", "5", "-c", "5", url)
    assert http_filter.counters()["blocked"] >= 1


def test_wrk(veth, nginx, family):
    command = ["wrk", "--threads", "1", "--connections", "5", "--duration", "1", nginx[family].url("/index.html")]
    with off():
        assert int(re.search(r"(\d+) requests in", load(veth.client, *command))[1]) > 0
    assert " 0 requests in" in load(veth.client, *command)
    assert http_filter.counters()["blocked"] == 5
