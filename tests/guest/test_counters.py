# SPDX-License-Identifier: GPL-2.0
"""The counters in /sys/kernel/http_filter/stats."""

import subprocess

import pytest

from support import http_filter
from support.expect import send_blocked, send_delivered
from support.process import NOBODY

pytestmark = pytest.mark.usefixtures("filtered")

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]


def test_there_is_a_counter_for_each_method_and_one_for_the_rest():
    names = {path.name for path in (http_filter.SYSFS / "stats/methods").iterdir()}
    assert names == {*METHODS, "other"}


@pytest.mark.parametrize("method", METHODS)
def test_counts_the_method(veth, recorder, method):
    _, changes = send_blocked(recorder, veth.client, f"{method} / HTTP/1.1\r\n\r\n".encode())
    assert changes[f"methods/{method}"] == 1
    assert changes["requests"] == 1
    assert "methods/other" not in changes


@pytest.mark.parametrize("method", ["PROPFIND", "BREW", "get", "GETS", "X"])
def test_counts_any_other_method_as_other(veth, recorder, method):
    _, changes = send_blocked(recorder, veth.client, f"{method} / HTTP/1.1\r\n\r\n".encode())
    methods = {name: change for name, change in changes.items() if name.startswith("methods/")}
    assert methods == {"methods/other": 1}


def test_a_blocked_request_counts_nothing_else(veth, recorder):
    _, changes = send_blocked(recorder, veth.client, b"GET / HTTP/1.1\r\n\r\n")
    # Retransmissions are dropped without inspection.
    assert changes.pop("inspected") == 1
    assert changes.pop("dropped") >= 2
    assert changes == {"requests": 1, "methods/GET": 1, "blocked": 1}


def test_a_stream_that_is_not_http_counts_as_inspected_only(veth, recorder):
    send_delivered(recorder, veth.client, b"SSH-2.0-test\r\n")
    assert {name for name, value in http_filter.counters().items() if value} == {"inspected"}


def test_reset_sets_all_to_zero(veth, recorder):
    send_blocked(recorder, veth.client, b"GET / HTTP/1.1\r\n\r\n")
    http_filter.write_setting("stats/reset", 1)
    assert not any(http_filter.counters().values())


def test_counts_on_after_a_reset(veth, recorder):
    for _ in range(2):
        http_filter.write_setting("stats/reset", 1)
        _, changes = send_blocked(recorder, veth.client, b"PUT / HTTP/1.1\r\n\r\n")
        assert changes["methods/PUT"] == 1


def test_containers_can_read_them(veth, recorder):
    """A documented limit: a process in any namespace can read them if it has a /sys. It can't write."""
    send_blocked(recorder, veth.client, b"GET / HTTP/1.1\r\n\r\n")
    looks = "mount -t sysfs sysfs /sys; cd /sys/kernel/http_filter/stats; cat blocked; ! echo 1 >reset"
    container = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec", looks]
    done = subprocess.run([*NOBODY, *container], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("1\n", 0), done
    assert "Permission denied" in done.stderr
    assert http_filter.counters()["blocked"] == 1
