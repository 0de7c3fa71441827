# SPDX-License-Identifier: GPL-2.0
"""Streams from real captures, sent through real sockets: those labelled as HTTP are blocked, the others delivered.

The captures are in the folder CORPUS; without it these tests are skipped.
"""

import base64
import contextlib
import json
import pathlib

import pytest

from support import http_filter
from support.expect import holds_no_first_line
from support.streams import Recorder, Stream
from support.wait import wait_until

FLOWS = pathlib.Path("/corpus/flows.jsonl")

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered"), pytest.mark.skipif(not FLOWS.exists(), reason="CORPUS is not set")]


def pieces(segments):
    """The bytes that each segment adds to the stream, in order, up to the first gap."""
    position, pieces = 0, []
    for offset, text in sorted(segments, key=lambda segment: segment[0]):
        if offset > position:
            break
        new = base64.b64decode(text)[position - offset:]
        if new:
            pieces.append(new)
        position += len(new)
    return pieces


def flows(label):
    """The streams of a label, by their names."""
    all_flows = map(json.loads, FLOWS.read_text().splitlines())
    chosen = {flow["id"]: pieces(flow["segments"]) for flow in all_flows if flow["label"] == label}
    assert len(chosen) > 100
    return chosen


@contextlib.contextmanager
def sent(veth, addressing, streams):
    """Sends all streams, each on a connection of its own; yields the server and the connections."""
    with contextlib.ExitStack() as stack:
        listener, found = veth.endpoints(addressing)
        server = stack.enter_context(Recorder(listener, reached_at=found))
        connections = {}
        for name, segments in streams.items():
            connections[name] = stack.enter_context(Stream(veth.client, server.endpoint))
            connections[name].send(*segments[:3], b"".join(segments[3:]))
        yield server, connections


def test_requests_are_blocked(veth, addressing):
    with sent(veth, addressing, flows("http1")) as (server, connections):
        wait_until(lambda: http_filter.counters()["blocked"] >= len(connections), "all are blocked")
        read = {name: server.read_from(stream) for name, stream in connections.items()}
    assert [name for name, data in read.items() if not holds_no_first_line(data)] == []
    assert http_filter.counters()["blocked"] == len(connections)


def test_other_streams_are_delivered(veth, addressing):
    streams = flows("other")
    with sent(veth, addressing, streams) as (server, connections):
        for stream in connections.values():
            stream.finish()
        read = {name: server.read_all_from(stream) for name, stream in connections.items()}
    assert [name for name in streams if read[name] != b"".join(streams[name])] == []
    assert http_filter.counters()["blocked"] == 0
