# SPDX-License-Identifier: GPL-2.0
"""detect chooses what counts as HTTP."""

import itertools

import pytest

from support import http_filter
from support.streams import Stream
from support.wait import wait_until

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

# In the order in which the setting is read.
KINDS = ["requests", "h2c", "http09", "responses"]

STREAMS = {
    "requests": b"GET / HTTP/1.1\r\n\r\n",
    "h2c": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http09": b"GET /\r\n",
    "responses": b"HTTP/1.1 200 OK\r\n\r\n",
}

SUBSETS = [subset for size in range(1, 5) for subset in itertools.combinations(KINDS, size)]


@pytest.mark.parametrize("subset", SUBSETS, ids=" ".join)
def test_exactly_the_chosen_kinds_are_blocked(veth, recorder, subset):
    http_filter.write_setting("detect", " ".join(subset))
    for kind, data in STREAMS.items():
        before = http_filter.counters()
        with Stream(veth.client, recorder.endpoint) as stream:
            stream.send(data)
            stream.finish()
            if kind in subset:
                wait_until(lambda: (http_filter.counters() - before).get("dropped", 0) >= 2, f"{kind} are dropped")
                assert recorder.read_from(stream) == b""
            else:
                assert recorder.read_all_from(stream) == data
        counted = set(http_filter.counters() - before) & {*KINDS, "blocked"}
        assert counted == ({kind, "blocked"} if kind in subset else set())


@pytest.mark.parametrize("subset", SUBSETS, ids=" ".join)
def test_reads_back_in_one_order(subset):
    for written in itertools.permutations(subset):
        http_filter.write_setting("detect", " ".join(written))
        assert http_filter.read_file("detect") == " ".join(subset)


@pytest.mark.parametrize("written", [
    "responses,requests", "responses, requests", " requests  responses ", "requests\tresponses",
    "requests,responses,requests", "requests,,responses,",
])
def test_takes_spaces_and_commas(written):
    http_filter.write_setting("detect", written)
    assert http_filter.read_file("detect") == "requests responses"
