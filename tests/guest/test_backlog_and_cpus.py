# SPDX-License-Identifier: GPL-2.0
"""Many connections whose segments wait in the socket's backlog, or are received on two CPUs at the same time."""

import os

import pytest

from support import bench, http_filter
from support.memory import has_checks
from support.topology import IPV4

pytestmark = pytest.mark.usefixtures("filtered")

CONNECTIONS = 1000

# A server thread locks the sockets all the time; a client's segments are sent from alternating CPUs.
PROVOCATIONS = {
    "neither": {},
    "locks taken": {"lock_sockets": True},
    "CPUs changing": {"alternate": True},
    "both": {"lock_sockets": True, "alternate": True},
}

provoked = pytest.mark.parametrize("provocation", PROVOCATIONS.values(), ids=PROVOCATIONS)


def run(veth, family, lock_sockets=False, **options):
    """Makes connections to an echo server; returns the changes of the server's and the clients' TCP counters."""
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
    # On a slow kernel a client may give up, its last segment having been deferred each time.
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
    """The premise of the other tests: segments do wait in the backlog, since some are coalesced there."""
    def joined():
        server, _ = run(veth, family, lock_sockets=True, streams="long", connections=200)
        return server["TcpExtTCPBacklogCoalesce"]

    assert any(joined() for _ in range(20))


def lost(changes):
    """Retransmissions of segments that were lost: without those that the receiver reports as duplicates (DSACK)."""
    return sum(change["TcpRetransSegs"] - change["TcpExtTCPDSACKRecvSegs"] for change in changes)


@pytest.mark.parametrize("streams", ["short", "long"])
def test_the_filter_causes_no_retransmissions_on_a_lossless_network(veth, family, streams):
    """The filter defers a segment only if two CPUs reorder an undecided start: one start in hundreds, or in dozens on
    a slow kernel."""
    connections = 300
    at_most = connections // (10 if has_checks() else 30)

    def losses(enabled):
        http_filter.write_setting("enabled", enabled)
        return lost(run(veth, family, streams=streams, connections=connections, threads=4))

    def are_few():
        http_filter.write_setting("stats/reset", 1)
        without, with_filter = losses(0), losses(1)
        counters = http_filter.counters()
        assert (counters["dropped"], counters["refused"]) == (0, 0)
        return counters["deferred"] <= at_most and with_filter <= without + at_most

    # Not each time: on a busy machine TCP retransmits what is late, too.
    assert any(are_few() for _ in range(3))
