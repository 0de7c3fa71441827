# SPDX-License-Identifier: GPL-2.0
"""Whichever way data comes to a socket, HTTP is blocked, whole or cut, and all else is delivered."""

import pytest

from support.expect import send_blocked, send_delivered
from support.payloads import each_other, each_request
from support.topology import FAMILY_NAMES
from support.ways import WAYS

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture(scope="module", params=WAYS, ids=[f"{way.__name__}-{FAMILY_NAMES[family]}" for way, family in WAYS])
def way(request, veth):
    make, family = request.param
    with make(veth, family) as way:
        yield way


@each_request
def test_a_request_is_blocked(way, pieces):
    send_blocked(way.server, way.client, *pieces, options=way.options)


@each_other
def test_another_stream_is_delivered(way, pieces):
    send_delivered(way.server, way.client, *pieces, options=way.options)
