# SPDX-License-Identifier: GPL-2.0
"""Data that never becomes a packet: a sockmap redirects it from one socket of this host to another."""

import pytest

from support import http_filter
from support.payloads import MINIMAL_REQUEST
from support.sockmap import joined
from support.streams import connection

pytestmark = pytest.mark.usefixtures("fresh_filter")


def test_data_that_passes_no_hook_is_not_inspected(loopback, family):
    """A documented limit."""
    with connection(loopback, family) as (stream, accepted), joined(stream.socket, accepted):
        stream.send(MINIMAL_REQUEST)
        accepted.settimeout(5)
        assert accepted.recv(100) == MINIMAL_REQUEST
    assert not any(http_filter.counters().values())
