# SPDX-License-Identifier: GPL-2.0
"""The filter is unloaded or switched off while connections are undecided: their streams go on."""

import pytest

from support import http_filter
from support.streams import Stream
from support.wait import wait_until

pytestmark = pytest.mark.every_kernel

START, REST = b"GET /index", b".html HTTP/1.1\r\n\r\n"

DISABLE = {
    "unloaded": http_filter.unload,
    "switched off": lambda: http_filter.write_setting("enabled", 0),
}


@pytest.mark.parametrize("disable", DISABLE.values(), ids=DISABLE)
@pytest.mark.usefixtures("fresh_filter")
def test_while_starts_are_undecided(veth, recorder, disable):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(START)
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        disable()
        stream.send(REST)
        recorder.wait_for(stream, START + REST)


@pytest.mark.parametrize("disable", DISABLE.values(), ids=DISABLE)
@pytest.mark.usefixtures("unfiltered")
def test_with_the_smallest_table(veth, recorder, disable):
    http_filter.load(max_undecided=1)
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(START)
        wait_until(lambda: http_filter.counters()["undecided"] == 1, "the start is kept")
        stream.send(REST)
        wait_until(lambda: http_filter.counters()["dropped"] >= 1, "the rest is dropped")
        disable()
    if http_filter.is_loaded():
        http_filter.unload()
