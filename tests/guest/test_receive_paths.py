# SPDX-License-Identifier: GPL-2.0
"""On every receive path of the kernel HTTP is blocked, whole or cut, and other streams are delivered."""

import pytest

from support.expect import send_blocked, send_delivered
from support.payloads import each_other, each_request
from support.topology import FAMILY_NAMES
from support.receive_paths import RECEIVE_PATHS

pytestmark = pytest.mark.usefixtures("filtered")


@pytest.fixture(scope="module", params=RECEIVE_PATHS,
                ids=[f"{path.__name__}-{FAMILY_NAMES[family]}" for path, family in RECEIVE_PATHS])
def receive_path(request, veth):
    make, family = request.param
    with make(veth, family) as path:
        yield path


@each_request
def test_a_request_is_blocked(receive_path, pieces):
    send_blocked(receive_path.server, receive_path.client, *pieces, options=receive_path.options)


@each_other
def test_another_stream_is_delivered(receive_path, pieces):
    send_delivered(receive_path.server, receive_path.client, *pieces, options=receive_path.options)
