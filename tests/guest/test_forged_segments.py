# SPDX-License-Identifier: GPL-2.0
"""Segments that TCP will discard do not count."""

import struct
import time

import pytest

from support import http_filter
from support.handmade import HandmadeClient, deliver
from support.payloads import MINIMAL_REQUEST, OTHER
from support.streams import Recorder, listen
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")

NOW, LONG_AGO = 1_000_000, 1


def timestamp(value, echoed):
    """The TCP option, behind two bytes of padding."""
    return struct.pack("!BBBBII", 1, 1, 8, 10, value, echoed)


class TimestampClient(HandmadeClient):
    """A client whose segments have timestamps."""

    def _syn_options(self):
        return timestamp(NOW, 0)

    def _ack_options(self, options):
        at = options.index(bytes([8, 10]))
        self._servers, = struct.unpack("!I", options[at + 2:at + 6])
        return timestamp(NOW, self._servers)

    def sent(self, when):
        """Arguments of send() for a segment with this timestamp."""
        return {"options": timestamp(when, self._servers)}

    def forge(self, when=NOW, data=MINIMAL_REQUEST, **header):
        """Sends a request, or its rest, with a header that TCP does not accept."""
        self.send(data, **header, **self.sent(when))


# What is wrong with a segment that has the right addresses, ports and sequence number.
FORGERIES = {
    "acknowledges what was never sent": lambda client, data: client.forge(data=data, acknowledges=1 << 30),
    "acknowledges what is long gone": lambda client, data: client.forge(data=data, acknowledges=-1 << 30),
    "acknowledges nothing": lambda client, data: client.forge(data=data, acknowledges=None),
    "has an old timestamp": lambda client, data: client.forge(LONG_AGO, data),
    "has a wrong checksum": lambda client, data: client.send_corrupt(data, **client.sent(NOW)),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("first", [b"", b"S"], ids=["at the start", "undecided"])
@pytest.mark.parametrize("action", ["drop", "reject"])
def test_a_forged_request_does_not_count(veth, family, action, first, forge, kernel_log):
    http_filter.write_setting("action", action)
    with Recorder(veth.endpoint(family)) as server, TimestampClient(veth, server.endpoint) as client:
        deliver(server, client, *[first] * bool(first), **client.sent(NOW))
        for _ in range(3):
            forge(client, MINIMAL_REQUEST)
        deliver(server, client, OTHER[len(first):], b"more", **client.sent(NOW))
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["monitored"]) == (0, 0, 0)
    assert kernel_log.lines() == []


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_request_hides_none_where_nothing_is_dropped(veth, family, forge):
    http_filter.write_setting("action", "monitor")
    with Recorder(veth.endpoint(family)) as server, TimestampClient(veth, server.endpoint) as client:
        deliver(server, client, MINIMAL_REQUEST[:4], **client.sent(NOW))
        forge(client, MINIMAL_REQUEST[4:])
        deliver(server, client, MINIMAL_REQUEST[4:], **client.sent(NOW))
    assert http_filter.counters()["monitored"] == 1


def test_a_request_with_a_wrong_checksum_does_not_count_later(veth, family, kernel_log):
    with Recorder(veth.endpoint(family)) as server, HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, OTHER)
        client.send_corrupt(MINIMAL_REQUEST)
        deliver(server, client, OTHER)
    assert http_filter.counters()["blocked"] == 0
    assert kernel_log.lines() == []


@pytest.mark.parametrize("action", ["drop", "monitor"])
def test_a_request_to_a_closed_socket_does_not_count(veth, family, action):
    """TCP answers it with a reset."""
    http_filter.write_setting("action", action)
    endpoint = veth.endpoint(family)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client:
        listener.accept()[0].close()
        client.send(MINIMAL_REQUEST)
        wait_until(lambda: http_filter.counters()["inspected"] == 1, "it comes")
    counters = http_filter.counters()
    assert (counters["requests"], counters["blocked"], counters["monitored"]) == (0, 0, 0)


def test_after_its_fin_nothing_is_deferred(veth, family):
    """The client sends a FIN within an undecided start; it still receives."""
    endpoint = veth.endpoint(family)
    with listen(endpoint) as listener, HandmadeClient(veth, endpoint) as client, listener.accept()[0] as accepted:
        client.send(b"GET")
        client.advance(3)
        client.finish()
        accepted.settimeout(5)
        assert (accepted.recv(100), accepted.recv(100)) == (b"GET", b"")
        client.send(b"forged", ahead=100)
        time.sleep(1.5)
        accepted.sendall(b"an answer")
    counters = http_filter.counters()
    assert (counters["deferred"], counters["evicted"]) == (0, 0)
