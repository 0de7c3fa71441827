# SPDX-License-Identifier: GPL-2.0
"""The files in /sys/kernel/http_filter."""

import os
import re
import subprocess
import time

import pytest

from support import http_filter
from support.expect import send_blocked, send_delivered
from support.payloads import MINIMAL_REQUEST
from support.process import WITHOUT_NET_ADMIN

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

BAD_VALUES = [
    ("enabled", "2"), ("enabled", "-1"), ("enabled", "10"), ("enabled", "yes"), ("enabled", "0x1"), ("enabled", ""),
    ("action", "explode"), ("action", "DROP"), ("action", "dro"), ("action", "drops"), ("action", "drop monitor"),
    ("action", ""),
    ("detect", "telnet"), ("detect", "requests telnet"), ("detect", "REQUESTS"), ("detect", "request"),
    ("detect", "requests;h2c"), ("detect", "x" * 4000), ("detect", "x" + 2000 * "é"), ("detect", ","), ("detect", ""),
    ("log", "2"), ("log", "loud"), ("log", ""),
]

READ_ONLY = ["version", "since", "namespaces", "max_undecided", "stats/requests", "stats/blocked", "stats/methods/GET"]

WRITABLE = ["enabled", "action", "detect", "log"]


def test_defaults():
    assert http_filter.settings() == http_filter.DEFAULTS
    assert http_filter.read_file("namespaces") == "all"


def test_version_is_that_of_the_header():
    header = (http_filter.MODULE.parents[2] / "module/uapi/http_filter.h").read_text()
    assert http_filter.read_file("version") == re.search(r'HTTP_FILTER_VERSION\s+"(.*)"', header)[1]


def shortened(value):
    return (value[:20] if value.isascii() else "not ASCII") or "empty"


@pytest.mark.parametrize("name, value", BAD_VALUES, ids=shortened)
def test_a_bad_value_is_refused_and_explained(kernel_log, name, value):
    before = http_filter.settings()
    with pytest.raises(OSError, match="Invalid argument"):
        http_filter.write_setting(name, value)
    assert http_filter.settings() == before
    explanation, = kernel_log.lines()
    assert name in explanation and value[:20] in explanation
    assert len(explanation) < 300


@pytest.mark.parametrize("bad", ["\x1b[31m", "a\nhttp_filter: dropped", "\udcff", "\u202e"],
                         ids=["escape", "line end", "not UTF-8", "right to left"])
def test_a_bad_value_cannot_forge_a_log_line(kernel_log, bad):
    with pytest.raises(OSError, match="Invalid argument"):
        http_filter.write_setting("action", bad)
    explanation, = kernel_log.lines()
    assert explanation.isprintable()


@pytest.mark.parametrize("name", WRITABLE)
def test_writing_what_was_read_changes_nothing(name):
    http_filter.write_setting(name, http_filter.read_file(name))
    assert http_filter.settings() == http_filter.DEFAULTS


@pytest.mark.parametrize("name", WRITABLE)
def test_the_line_end_is_optional(name):
    (http_filter.SYSFS / name).write_text(http_filter.DEFAULTS[name])
    assert http_filter.settings() == http_filter.DEFAULTS


def write(name, data):
    """One write(2) of these bytes."""
    with (http_filter.SYSFS / name).open("wb", buffering=0) as file:
        file.write(data)


@pytest.mark.parametrize("end", [b"\0", b"\n\0"], ids=["NUL", "line end and NUL"])
@pytest.mark.parametrize("name", WRITABLE)
def test_a_nul_may_end_it(name, end):
    write(name, http_filter.DEFAULTS[name].encode() + end)
    assert http_filter.settings() == http_filter.DEFAULTS


@pytest.mark.parametrize("data", [b"\0", b"0\0001", b"0\0\n"])
def test_a_nul_within_it_is_refused(data):
    with pytest.raises(OSError, match="Invalid argument"):
        write("enabled", data)
    assert http_filter.read_file("enabled") == "1"


@pytest.mark.parametrize("name", READ_ONLY)
def test_is_read_only_even_for_root(name):
    assert (http_filter.SYSFS / name).stat().st_mode & 0o777 == 0o444
    with pytest.raises(PermissionError):
        http_filter.write_setting(name, "1")


@pytest.mark.parametrize("name", WRITABLE)
def test_is_writable_by_root_only(name):
    status = (http_filter.SYSFS / name).stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o644, 0)


def without_capability(*command, **options):
    return subprocess.run([*WITHOUT_NET_ADMIN, *command], capture_output=True, text=True, **options)


@pytest.mark.parametrize("name", [*WRITABLE, "stats/reset"])
def test_writing_takes_a_capability(veth, recorder, name):
    send_blocked(recorder, veth.client, MINIMAL_REQUEST)
    done = without_capability("tee", str(http_filter.SYSFS / name), input="0")
    assert done.returncode == 1 and "Operation not permitted" in done.stderr
    assert http_filter.settings() == http_filter.DEFAULTS
    assert http_filter.counters()["blocked"] == 1


@pytest.mark.parametrize("name", [*WRITABLE, *READ_ONLY])
def test_reading_does_not(name):
    assert without_capability("cat", str(http_filter.SYSFS / name)).stdout == f"{http_filter.read_file(name)}\n"


def test_reset_is_write_only():
    assert (http_filter.SYSFS / "stats/reset").stat().st_mode & 0o777 == 0o200
    with pytest.raises(PermissionError):
        os.open(http_filter.SYSFS / "stats/reset", os.O_RDONLY)


def test_every_file_ends_its_value_with_one_line_end():
    for path in http_filter.SYSFS.rglob("*"):
        if path.is_file() and path.name != "reset":
            assert re.fullmatch(r"[ -~]*\n", path.read_text()), path


def test_enabled_switches_the_filter(veth, recorder):
    http_filter.write_setting("enabled", 0)
    send_delivered(recorder, veth.client, MINIMAL_REQUEST)
    http_filter.write_setting("enabled", 1)
    send_blocked(recorder, veth.client, MINIMAL_REQUEST)


def test_enabled_is_idempotent(veth, recorder):
    for value in 0, 0, 1, 1:
        http_filter.write_setting("enabled", value)
        assert http_filter.read_file("enabled") == str(value)
    send_blocked(recorder, veth.client, MINIMAL_REQUEST)


def test_switched_off_inspects_nothing(veth, recorder):
    http_filter.write_setting("enabled", 0)
    send_delivered(recorder, veth.client, MINIMAL_REQUEST)
    assert not any(http_filter.counters().values())


def test_since_is_the_time_of_the_last_switch():
    http_filter.write_setting("enabled", 0)
    off = int(http_filter.read_file("since"))
    assert abs(off - time.time()) < 5
    time.sleep(1.1)
    http_filter.write_setting("enabled", 0)
    assert int(http_filter.read_file("since")) == off, "nothing was switched"
    http_filter.write_setting("enabled", 1)
    assert int(http_filter.read_file("since")) > off
