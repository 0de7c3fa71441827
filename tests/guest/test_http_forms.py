# SPDX-License-Identifier: GPL-2.0
"""All forms of requests that a server would answer are blocked, and counted by their kind."""

import subprocess

import pytest

from support import http_filter
from support.clients import BLOCKED_TIMEOUT, curl
from support.expect import send_blocked

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

REQUESTS = {
    "http 1.1": b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n",
    "http 1.0": b"GET / HTTP/1.0\r\n\r\n",
    "a version to come": b"GET / HTTP/9.7\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "absolute target": b"GET http://example.com/ HTTP/1.1\r\n\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n\r\n",
    "WebSocket": b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "UPnP": b"M-SEARCH * HTTP/1.1\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n\r\n",
    "mixed-case method": b"Get / HTTP/1.1\r\n\r\n",
    "32-character method": b"M" * 32 + b" / HTTP/1.1\r\n\r\n",
    "punctuation in the method": b"!#$%&'*+-.^_`|~ / HTTP/1.1\r\n\r\n",
    "leading CRLF": b"\r\nGET / HTTP/1.1\r\n\r\n",
    "many leading CRLFs": b"\r\n" * 100 + b"GET / HTTP/1.1\r\n\r\n",
    "leading LFs": b"\n\n\nGET / HTTP/1.1\r\n\r\n",
    "leading space": b"  GET / HTTP/1.1\r\n\r\n",
    "tabs": b"GET\t/\tHTTP/1.1\r\n\r\n",
    "many spaces": b"GET    /    HTTP/1.1\r\n\r\n",
    "spaces in the target": b"GET /a b c HTTP/1.1\r\n\r\n",
    "any bytes in the target": b"GET /" + bytes(set(range(256)) - {0, 10}) + b" HTTP/1.1\r\n\r\n",
    "spaces in the target, lower-case method": b"propfind /a b c HTTP/1.1\r\n\r\n",
    "a target without a slash": b"QUERY index.html HTTP/1.1\r\n\r\n",
    "the longest registered method": b"UPDATEREDIRECTREF a HTTP/1.1\r\n\r\n",
    "absolute target, any method": b"FOO a+b-c.1://example.com/ HTTP/1.1\r\n\r\n",
    "*, any method": b"foo * HTTP/1.1\r\n\r\n",
    # A documented limit: text that has the form of a request.
    "a log of address, path and version": b"203.0.113.9 /x HTTP/1.1\n",
    "prose": b"see http://x HTTP/2 there\n",
}

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"

HTTP09 = {
    "CRLF": b"GET /\r\n",
    "LF": b"GET /\n",
    "path": b"GET /a/b.html?c\r\n",
    "tab": b"GET\t/\r\n",
    "absolute target": b"GET http://example.com/\r\n",
    "leading CRLF": b"\r\nGET /\r\n",
}


@pytest.mark.parametrize("stream", REQUESTS.values(), ids=REQUESTS)
def test_request(veth, recorder, stream):
    _, changes = send_blocked(recorder, veth.client, stream)
    assert changes["requests"] == 1


def test_http2_preface(veth, recorder):
    _, changes = send_blocked(recorder, veth.client, PREFACE)
    assert changes["h2c"] == 1
    assert "requests" not in changes


def test_curl_http2_prior_knowledge(veth, recorder):
    reply = curl(veth.client, recorder.endpoint.url(), "--http2-prior-knowledge", timeout=BLOCKED_TIMEOUT)
    assert reply.timed_out
    assert http_filter.counters()["h2c"] == 1
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("stream", HTTP09.values(), ids=HTTP09)
def test_http09(veth, recorder, stream):
    _, changes = send_blocked(recorder, veth.client, stream)
    assert changes["http09"] == 1
    assert "requests" not in changes


def test_netcat(veth, recorder):
    with veth.client:
        subprocess.run(["nc", "-N", "-w", "2", recorder.endpoint.address, str(recorder.endpoint.port)],
                       input=b"GET / HTTP/1.0\n\n", capture_output=True)
    assert http_filter.counters()["requests"] == 1
    assert http_filter.counters()["blocked"] == 1
