# SPDX-License-Identifier: GPL-2.0
"""Connections from before the filter: it leaves alone those that have received data, and inspects the others."""

import pytest

from support import http_filter
from support.payloads import MINIMAL_REQUEST
from support.streams import Stream
from support.wait import wait_until

ENABLE = {
    "loaded": (http_filter.unload, http_filter.load),
    "switched on": (lambda: http_filter.write_setting("enabled", 0), lambda: http_filter.write_setting("enabled", 1)),
}

pytestmark = [pytest.mark.usefixtures("filtered"),
              pytest.mark.parametrize("disable, enable", ENABLE.values(), ids=ENABLE)]


@pytest.mark.parametrize("before", [MINIMAL_REQUEST[:5], MINIMAL_REQUEST], ids=["within the first line", "past it"])
def test_one_that_has_received_data_is_left_alone(veth, recorder, disable, enable, before):
    """A documented limit: what was received before is not known."""
    disable()
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(before)
        recorder.wait_for(stream, before)
        enable()
        later = (MINIMAL_REQUEST + MINIMAL_REQUEST)[len(before):]
        stream.send(later)
        recorder.wait_for(stream, MINIMAL_REQUEST + MINIMAL_REQUEST)
    assert http_filter.counters()["blocked"] == 0


def test_one_that_has_received_nothing_is_inspected(veth, recorder, disable, enable):
    disable()
    with Stream(veth.client, recorder.endpoint) as stream:
        enable()
        stream.send(MINIMAL_REQUEST)
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
        assert recorder.read_from(stream) == b""


def test_a_begun_line_of_which_the_filter_missed_a_part(veth, recorder, disable, enable):
    """The connection was undecided when the filter was disabled, and has received data since."""
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(MINIMAL_REQUEST[:2])
        recorder.wait_for(stream, MINIMAL_REQUEST[:2])
        disable()
        stream.send(MINIMAL_REQUEST[2:5])
        recorder.wait_for(stream, MINIMAL_REQUEST[:5])
        enable()
        stream.send(MINIMAL_REQUEST[5:])
        recorder.wait_for(stream, MINIMAL_REQUEST)
