# SPDX-License-Identifier: GPL-2.0
"""The retransmissions of a blocked request count as one connection."""

import time

import pytest

from support import http_filter
from support.streams import Recorder, Stream

SECONDS = 4


@pytest.mark.usefixtures("fresh_filter")
def test_retransmissions_count_once(veth, family, kernel_log):
    with Recorder(veth.endpoint(family)) as server, Stream(veth.client, server.endpoint) as stream:
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        time.sleep(SECONDS)
        assert server.read_from(stream) == b""
    counters = http_filter.counters()
    assert counters["dropped"] >= 4, "the client did not retransmit"
    assert (counters["requests"], counters["methods/GET"], counters["blocked"]) == (1, 1, 1)
    assert len([line for line in kernel_log.lines() if line.startswith("dropped ")]) == 1


@pytest.mark.usefixtures("filtered")
def test_a_retransmission_passes_when_the_filter_is_switched_off(veth, recorder):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        time.sleep(0.5)
        http_filter.write_setting("enabled", 0)
        recorder.wait_for(stream, b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.usefixtures("filtered")
def test_each_connection_counts(veth, recorder):
    streams = [Stream(veth.client, recorder.endpoint) for _ in range(20)]
    for stream in streams:
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(1)
    for stream in streams:
        with stream:
            assert recorder.read_from(stream) == b""
    assert http_filter.counters()["blocked"] == len(streams)
