# SPDX-License-Identifier: GPL-2.0
"""Other hooks at the last priority: of hooks of the same priority, the one registered last runs first."""

import pytest

from support import http_filter
from support.expect import send_blocked
from support.nftables import rules
from support.payloads import MINIMAL_REQUEST
from support.streams import Stream
from support.wait import wait_until

LAST = "filter hook input priority 2147483647"
DROPS_REQUESTS = "@ih,0,32 0x47455420 counter drop"


@pytest.mark.usefixtures("filtered")
def test_a_hook_registered_later_may_drop_the_packet(veth, recorder):
    """A documented limit, and its remedy: switch the filter off and on."""
    with rules(veth.server, LAST, f"tcp dport {recorder.endpoint.port} {DROPS_REQUESTS}"):
        with Stream(veth.client, recorder.endpoint) as stream:
            before = veth.client.tcp_counters()["TcpRetransSegs"]
            stream.send(MINIMAL_REQUEST)
            wait_until(lambda: veth.client.tcp_counters()["TcpRetransSegs"] > before, "the request is sent again")
        assert http_filter.counters()["requests"] == 0
        for enabled in 0, 1:
            http_filter.write_setting("enabled", enabled)
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)


@pytest.mark.usefixtures("unfiltered")
def test_a_hook_registered_earlier_runs_after_the_filter(veth, recorder):
    port = recorder.endpoint.port
    with rules(veth.server, LAST, f"tcp dport {port} counter", f"tcp dport {port} @ih,0,32 0x47455420 drop"):
        http_filter.load()
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)
