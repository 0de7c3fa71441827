# SPDX-License-Identifier: GPL-2.0
"""Log lines that quote requests, the filter's own among them, are delivered when the usual tools ship them over TCP."""

import subprocess

import pytest

from support import http_filter
from support.expect import send_blocked
from support.kernel_log import PREFIX
from support.wait import wait_until

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

LOGGED_REQUEST = '"GET /index.html HTTP/1.1" 200 612 "-" "curl/8.14.1"'
LINES = {
    "access log": f"203.0.113.9 - - [26/Nov/2026:02:20:00 +0000] {LOGGED_REQUEST}",
    "access log, IPv6": f"2001:db8::9 - - [26/Nov/2026:02:20:00 +0000] {LOGGED_REQUEST}",
    "access log, a virtual host": f"www.example.com 203.0.113.9 - - [26/Nov/2026:02:20:00 +0000] {LOGGED_REQUEST}",
    "log4j": "2026-11-26 02:20:00,123 INFO access - GET /health HTTP/1.1 200",
    "IIS": "2026-11-26 02:20:00 W3SVC1 10.0.0.1 GET /index.html - 80 - 203.0.113.9 HTTP/1.1 200",
    "journal": "Nov 26 02:20:00 web1 nginx[812]: GET / HTTP/1.1",
    "prose": "We serve HTTP/2 here",
    "no mention": "link is up",
}
FRAMINGS = {"octets counted": ["--octet-count"], "LF": []}

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"


def assert_delivered(server, namespace, command, message):
    """Runs a tool that ships a message, which must be delivered without a drop."""
    before = http_filter.counters()
    with namespace:
        subprocess.run(command, input=message + "\n", text=True, check=True, timeout=60)
    wait_until(lambda: message.encode() in server.read_so_far(), f"{message!r} arrives", seconds=10)
    changes = http_filter.counters() - before
    assert not changes.keys() & {"blocked", "dropped", "deferred", "refused"}


def nc(endpoint):
    """nc, which sends its standard input."""
    return ["nc", "-N", endpoint.address, str(endpoint.port)]


def logger(endpoint, message, *options):
    return ["logger", "--tcp", *options, "--server", endpoint.address, "--port", str(endpoint.port), "--tag", "kernel",
            message]


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_by_nc(veth, recorder, line):
    assert_delivered(recorder, veth.client, nc(recorder.endpoint), line)


@pytest.mark.parametrize("options", FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_by_logger(veth, recorder, line, options):
    assert_delivered(recorder, veth.client, logger(recorder.endpoint, line, *options), line)


def test_the_lines_of_the_filter(veth, recorder, kernel_log):
    stream, _ = send_blocked(recorder, veth.client, REQUEST)
    report = f"dropped GET /index.html HTTP/1.1 from {stream} to {recorder.endpoint} in eth0"
    wait_until(lambda: report in kernel_log.lines(), report)
    line = PREFIX + report
    for options in FRAMINGS.values():
        assert_delivered(recorder, veth.client, logger(recorder.endpoint, line, *options), line)
    for shown in line, f"Nov 26 02:20:00 web1 kernel: {line}", f"[  123.456789] {line}":
        assert_delivered(recorder, veth.client, nc(recorder.endpoint), shown)
