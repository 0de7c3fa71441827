# SPDX-License-Identifier: GPL-2.0
"""Thousands of connections at a time: each is counted once, and those of other protocols are not affected."""

import re
import time

import pytest

from support import http_filter
from support.many_connections import many_connections, read_from_each
from support.wait import wait_until

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

# LDAP: an anonymous bind, after which a pooled connection may be idle for hours.
BIND = bytes.fromhex("300c020101600702010304008000")


@pytest.mark.usefixtures("fresh_filter")
def test_many_blocked_connections_count_once_each(loopback, kernel_log):
    """Between two retransmissions of one connection, thousands of others are blocked."""
    count = 12_000
    with many_connections(loopback, count, REQUEST):
        wait_until(lambda: http_filter.counters()["dropped"] >= 3 * count, "each was repeated twice", seconds=60)
        counters = http_filter.counters()
    assert (counters["requests"], counters["methods/GET"], counters["blocked"]) == (count, count, count)
    written = len([line for line in kernel_log.lines() if line.startswith("dropped ")])
    http_filter.unload()
    left_out = re.findall(r"^(\d+) lines? suppressed$", "\n".join(kernel_log.lines()), re.MULTILINE)
    assert written + sum(map(int, left_out)) == count


@pytest.mark.usefixtures("filtered")
def test_idle_connections_of_another_protocol_are_not_affected(loopback):
    count = 5_000
    with many_connections(loopback, count, BIND) as accepted:
        # Longer than a connection is undecided before it may be ended to make room.
        time.sleep(7)
        read = read_from_each(accepted)
        counters = http_filter.counters()
    assert read.count(BIND) == count
    assert (counters["undecided"], counters["refused"], counters["evicted"]) == (0, 0, 0)


@pytest.mark.usefixtures("fresh_filter")
def test_the_table_has_room_for_max_undecided_connections(loopback):
    count = int(http_filter.read_file("max_undecided"))
    assert count == 4096
    with many_connections(loopback, count, b"GE") as accepted:
        counters = http_filter.counters()
        read = read_from_each(accepted)
    assert (counters["undecided"], counters["refused"], counters["evicted"]) == (count, 0, 0)
    assert read.count(b"GE") == count
