# SPDX-License-Identifier: GPL-2.0
"""Packets whose data is in memory that the sender, on the same host, can still write: sendfile() does not copy."""

import mmap
import os

import pytest

from support import http_filter
from support.payloads import MINIMAL_REQUEST
from support.streams import Recorder, Stream, connection, read_what_is_there
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture
def file():
    descriptor = os.memfd_create("data")
    os.truncate(descriptor, mmap.PAGESIZE)
    with mmap.mmap(descriptor, mmap.PAGESIZE) as memory:
        yield descriptor, memory
    os.close(descriptor)


def test_a_request_is_blocked(veth, family, file):
    descriptor, memory = file
    memory[:len(MINIMAL_REQUEST)] = MINIMAL_REQUEST
    with Recorder(veth.endpoint(family)) as server, Stream(veth.client, server.endpoint) as stream:
        os.sendfile(stream.socket.fileno(), descriptor, 0, len(MINIMAL_REQUEST))
        wait_until(lambda: http_filter.counters()["blocked"] == 1, "the request is dropped")
        assert server.read_from(stream) == b""


def test_what_changes_after_it_was_inspected_is_not_inspected_again(veth, family, file):
    """A documented limit: the client changes the data while it is in the server's receive queue."""
    descriptor, memory = file
    memory[:len(MINIMAL_REQUEST)] = b"-" * len(MINIMAL_REQUEST)
    with connection(veth, family) as (stream, accepted):
        os.sendfile(stream.socket.fileno(), descriptor, 0, len(MINIMAL_REQUEST))
        wait_until(lambda: http_filter.counters()["inspected"], "the data has passed")
        memory[:len(MINIMAL_REQUEST)] = MINIMAL_REQUEST
        assert read_what_is_there(accepted) == MINIMAL_REQUEST
    assert http_filter.counters()["blocked"] == 0
