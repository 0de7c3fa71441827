# SPDX-License-Identifier: GPL-2.0
"""The lines in the kernel log: one for each connection, not forgeable, and rate-limited."""

import contextlib
import re

import pytest

from support import http_filter, http_servers, kernel
from support.clients import BLOCKED_TIMEOUT, curl
from support.expect import send_blocked
from support.streams import Recorder, Stream
from support.wait import wait_until

# The rate limit belongs to the loaded module: a fresh one for each test.
pytestmark = pytest.mark.usefixtures("fresh_filter")

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"

FIRST_LINES = {
    b"GET /index.html HTTP/1.1": "GET /index.html HTTP/1.1",
    b"POST / HTTP/1.0": "POST / HTTP/1.0",
    b"BREW /pot HTTP/1.1": "BREW /pot HTTP/1.1",
    b"GET /search?token=secret HTTP/1.1": "GET /search HTTP/1.1",
    b"GET http://me:secret@example.com/a HTTP/1.1": "GET http://example.com/a HTTP/1.1",
    b"GET /" + b"a" * 300 + b" HTTP/1.1": "GET /" + "a" * 63 + " HTTP/1.1",
    b"GET /\x1b[31m HTTP/1.1": r"GET /\x1b[31m HTTP/1.1",
    b'GET /"a"\\b HTTP/1.1': r"GET /\x22a\x22\x5cb HTTP/1.1",
    b"GET /a\rhttp_filter: dropped b HTTP/1.1": r"GET /a\x0dhttp_filter:\x20dropped\x20b HTTP/1.1",
    b"GET /%0a\xc3\xa9\xff\x01 HTTP/1.1": r"GET /%0a\xc3\xa9\xff\x01 HTTP/1.1",
    b"PRI * HTTP/2.0": "HTTP/2 preface",
    b"GET /x": "GET /x HTTP/0.9",
}


def reports(kernel_log):
    return [line for line in kernel_log.lines() if line.startswith(("dropped ", "monitored "))]


def test_one_line_a_connection(each_topology, family, kernel_log):
    with Recorder(each_topology.endpoint(family)) as server:
        stream, _ = send_blocked(server, each_topology.client, REQUEST)
        assert reports(kernel_log) == [
            f"dropped GET /index.html HTTP/1.1 from {stream} to {server.endpoint} in {each_topology.device}"]


@pytest.mark.parametrize("line, shown", FIRST_LINES.items(), ids=FIRST_LINES.values())
def test_what_is_shown_of_the_first_line(veth, recorder, kernel_log, line, shown):
    stream, _ = send_blocked(recorder, veth.client, line + b"\r\n\r\n")
    assert reports(kernel_log) == [f"dropped {shown} from {stream} to {recorder.endpoint} in eth0"]


def test_a_response(veth, kernel_log):
    http_filter.write_setting("detect", "responses")
    with Recorder(veth.endpoint(), greeting=b"HTTP/1.1 200 OK\r\n\r\n") as server:
        with Stream(veth.client, server.endpoint) as stream:
            line, = wait_until(lambda: reports(kernel_log), "the response is reported")
    assert re.fullmatch(rf"dropped HTTP/1\.1( 200)? from {re.escape(str(server.endpoint))} to {stream} in eth0", line)


def test_curl_is_reported(veth, kernel_log):
    endpoint = veth.endpoint()
    with http_servers.nginx(endpoint):
        assert curl(veth.client, endpoint.url("/a/b?c"), timeout=BLOCKED_TIMEOUT).timed_out
    line, = reports(kernel_log)
    assert re.fullmatch(rf"dropped GET /a/b HTTP/1\.1 from 192\.0\.2\.7:\d+ to {endpoint} in eth0", line)


@kernel.renames_devices_in_use
def test_a_device_name_cannot_garble_the_log(veth, recorder, kernel_log):
    """Root in a container can choose the names of its devices."""
    try:
        veth.server.ip("link set eth0 name \x1b[2J\xe9")
        stream, _ = send_blocked(recorder, veth.client, REQUEST)
    finally:
        veth.server.ip("link set \x1b[2J\xe9 name eth0")
    assert reports(kernel_log) == [
        rf"dropped GET /index.html HTTP/1.1 from {stream} to {recorder.endpoint} in \x1b[2J\xc3\xa9"]


def test_log_0_silences_it(veth, recorder, kernel_log):
    http_filter.write_setting("log", 0)
    send_blocked(recorder, veth.client, REQUEST)
    assert reports(kernel_log) == []


def test_a_burst_is_limited_and_suppressed_lines_are_counted(veth, kernel_log):
    burst = 200
    with Recorder(veth.endpoint()) as server, contextlib.ExitStack() as streams:
        for _ in range(burst):
            streams.enter_context(Stream(veth.client, server.endpoint)).send(REQUEST)
        wait_until(lambda: http_filter.counters()["blocked"] == burst, "all are blocked", seconds=30)
    written = len(reports(kernel_log))
    assert 1 <= written < burst / 2
    http_filter.unload()
    left_out = re.findall(r"^(\d+) lines? suppressed$", "\n".join(kernel_log.lines()), re.MULTILINE)
    assert written + sum(map(int, left_out)) == burst
