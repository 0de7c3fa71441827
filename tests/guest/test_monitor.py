# SPDX-License-Identifier: GPL-2.0
"""action=monitor: HTTP is counted and logged, and nothing is dropped."""

import pytest

from support import http_filter, http_servers
from support.clients import HTTP_CLIENTS
from support.expect import send_blocked, send_delivered
from support.handmade import HandmadeClient, deliver
from support.streams import Recorder, Stream
from support.wait import wait_until

STREAMS = {
    "requests": b"GET /index.html HTTP/1.1\r\n\r\n",
    "h2c": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http09": b"GET /\r\n",
}


@pytest.fixture(autouse=True)
def monitoring(fresh_filter):
    http_filter.write_setting("action", "monitor")


@pytest.mark.parametrize("client", HTTP_CLIENTS.values(), ids=HTTP_CLIENTS)
def test_clients_are_served(veth, family, client):
    endpoint = veth.endpoint(family)
    with http_servers.nginx(endpoint):
        assert str(client(veth.client, endpoint.url("/"))) == "200"
    assert http_filter.counters()["monitored"] == 1


@pytest.mark.parametrize("kind", STREAMS)
def test_counts_but_drops_nothing(veth, recorder, kind):
    send_delivered(recorder, veth.client, STREAMS[kind])
    counters = http_filter.counters()
    assert (counters[kind], counters["monitored"], counters["blocked"], counters["dropped"]) == (1, 1, 0, 0)


def test_counts_the_method(veth, recorder):
    send_delivered(recorder, veth.client, b"PUT / HTTP/1.1\r\n\r\n")
    assert http_filter.counters()["methods/PUT"] == 1


def test_counts_a_connection_once(veth, recorder):
    send_delivered(recorder, veth.client, STREAMS["requests"] * 5000)
    assert http_filter.counters()["requests"] == 1


@pytest.mark.parametrize("option", [b"\x13\x02\1\1", b"\x1d\x02\1\1"], ids=["MD5", "TCP-AO"])
def test_counts_what_has_a_signature_that_tcp_ignores(veth, family, option):
    """An option that is too short, with which TCP does not discard the segment."""
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, STREAMS["requests"], options=option)
    assert http_filter.counters()["monitored"] == 1


def test_does_not_count_what_is_not_http(veth, recorder):
    send_delivered(recorder, veth.client, b"SSH-2.0-test\r\n")
    assert http_filter.counters()["monitored"] == 0


def test_logs_one_line(veth, recorder, kernel_log):
    stream = send_delivered(recorder, veth.client, STREAMS["requests"])
    expected = f"monitored GET /index.html HTTP/1.1 from {stream} to {recorder.endpoint} in eth0"
    wait_until(lambda: expected in kernel_log.lines(), expected)
    assert [line for line in kernel_log.lines() if "monitored" in line] == [expected]


def test_dropping_starts_when_told_so(veth, recorder):
    send_delivered(recorder, veth.client, STREAMS["requests"])
    http_filter.write_setting("action", "drop")
    send_blocked(recorder, veth.client, STREAMS["requests"])


@pytest.mark.parametrize("kind", STREAMS)
def test_counts_what_comes_in_pieces_but_drops_nothing(veth, recorder, kind):
    data = STREAMS[kind]
    with Stream(veth.client, recorder.endpoint) as stream:
        for place in range(len(data)):
            stream.send(data[place:place + 1])
            recorder.wait_for(stream, data[:place + 1])
    counters = http_filter.counters()
    assert (counters[kind], counters["monitored"], counters["dropped"], counters["deferred"]) == (1, 1, 0, 0)
    assert counters["uninspectable"] == 0
