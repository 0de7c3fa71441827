# SPDX-License-Identifier: GPL-2.0
"""Many real connections whose segments wait for the socket's owner, or pass on two CPUs at once."""

import os

import pytest

from support import bench, http_filter
from support.memory import has_checks
from support.topology import IPV4

pytestmark = pytest.mark.usefixtures("filtered")

CONNECTIONS = 1000

# The server owns its sockets time and again; a client's segments leave from one CPU, and then from another.
PROVOCATIONS = {
    "neither": {},
    "locks taken": {"lock_sockets": True},
    "CPUs changing": {"alternate": True},
    "both": {"lock_sockets": True, "alternate": True},
}

provoked = pytest.mark.parametrize("provocation", PROVOCATIONS.values(), ids=PROVOCATIONS)


def run(veth, family, lock_sockets=False, **options):
    """Makes connections to an echo server; returns the changes of its namespace's and the clients' counters."""
    assert os.cpu_count() > 1, "one CPU shows nothing"
    endpoint = veth.endpoint(family)
    http_filter.write_setting("log", 0)
    before = veth.server.tcp_counters(), veth.client.tcp_counters()
    with bench.serve(endpoint, lock_sockets=lock_sockets):
        bench.run(veth.client, endpoint, **options)
    return veth.server.tcp_counters() - before[0], veth.client.tcp_counters() - before[1]


@provoked
def test_cut_requests_are_never_read(veth, family, provocation):
    run(veth, family, streams="requests", connections=CONNECTIONS, threads=128, **provocation)
    # On a slow kernel a client may give up whose last segment was held back each time.
    least = CONNECTIONS * 99 // 100 if has_checks() else CONNECTIONS
    assert least <= http_filter.counters()["blocked"] <= CONNECTIONS


def test_without_the_filter_they_are_read(veth):
    http_filter.write_setting("enabled", 0)
    with pytest.raises(AssertionError, match="the server has read .* HTTP/1.1"):
        run(veth, IPV4, streams="requests", connections=10)


@provoked
def test_other_streams_are_delivered(veth, family, provocation):
    run(veth, family, streams="short", connections=CONNECTIONS, **provocation)
    counters = http_filter.counters()
    assert (counters["blocked"], counters["refused"], counters["evicted"]) == (0, 0, 0)


def test_segments_do_wait_for_the_owner(veth, family):
    """What the others rest on: some are joined with one that waits already, sooner or later."""
    def joined():
        server, _ = run(veth, family, lock_sockets=True, streams="long", connections=200)
        return server["TcpExtTCPBacklogCoalesce"]

    assert any(joined() for _ in range(20))


def lost(changes):
    """Segments that were sent again because they had not come: in vain were those whose receiver reports it."""
    return sum(change["TcpRetransSegs"] - change["TcpExtTCPDSACKRecvSegs"] for change in changes)


@pytest.mark.parametrize("streams", ["short", "long"])
def test_a_network_that_loses_nothing_repeats_nothing_for_the_filter(veth, family, streams):
    """Nothing is held back but an undecided start that two CPUs put out of order: one of some hundreds, or of some dozens
    where the kernel is slow."""
    connections = 300
    at_most = connections // (10 if has_checks() else 30)
    http_filter.write_setting("enabled", 0)
    without = lost(run(veth, family, streams=streams, connections=connections, threads=4))
    http_filter.write_setting("enabled", 1)
    with_filter = lost(run(veth, family, streams=streams, connections=connections, threads=4))
    counters = http_filter.counters()
    assert (counters["dropped"], counters["refused"]) == (0, 0)
    assert counters["deferred"] <= at_most
    assert with_filter <= without + at_most
