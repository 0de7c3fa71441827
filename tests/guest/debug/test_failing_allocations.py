# SPDX-License-Identifier: GPL-2.0
"""Each allocation of loading, unloading and switching fails once: the operation fails as a whole, or it succeeds."""

import ctypes
import errno
import os
import time

import pytest

from support import http_filter
from support.expect import send_blocked, send_delivered
from support.fault_injection import fail_each_in_turn, some_fail_in_interrupts
from support.payloads import REQUEST
from support.stress import Stress

_SYS_INIT_MODULE, _SYS_DELETE_MODULE = 175, 176

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *arguments):
    """Calls syscall(2); returns 0, or the error number."""
    return ctypes.get_errno() if _libc.syscall(number, *arguments) else 0


def error_of(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0


def assert_only_memory_was_short(errors):
    assert set(errors) == {0, errno.ENOMEM}
    assert errors[-1] == 0


def assert_it_works(recorder, veth):
    send_blocked(recorder, veth.client, REQUEST)
    send_delivered(recorder, veth.client, b"SSH-2.0-test\r\n")


@pytest.mark.usefixtures("unfiltered")
def test_loading(recorder, veth):
    image = http_filter.MODULE.read_bytes()
    # The smallest table: a larger one is allocated by the same code.
    parameters = b"log=0 max_undecided=1"
    errors = []
    for error in fail_each_in_turn(lambda: syscall(_SYS_INIT_MODULE, image, len(image), parameters)):
        assert http_filter.is_loaded() == (not error)
        assert http_filter.SYSFS.exists() == (not error)
        if not error:
            http_filter.unload()
        errors.append(error)
    assert_only_memory_was_short(errors)
    http_filter.load()
    assert_it_works(recorder, veth)
    http_filter.unload()


@pytest.mark.usefixtures("fresh_filter")
def test_switching_on(recorder, veth):
    http_filter.write_setting("enabled", "0")
    errors = []
    for error in fail_each_in_turn(lambda: error_of(http_filter.write_setting, "enabled", "1")):
        assert http_filter.read_file("enabled") == ("0" if error else "1")
        if error:
            send_delivered(recorder, veth.client, REQUEST)
        else:
            http_filter.write_setting("enabled", "0")
        errors.append(error)
    assert_only_memory_was_short(errors)
    http_filter.write_setting("enabled", "1")
    assert_it_works(recorder, veth)


@pytest.mark.usefixtures("fresh_filter")
def test_switching_off(recorder, veth):
    for error in fail_each_in_turn(lambda: error_of(http_filter.write_setting, "enabled", "0")):
        assert http_filter.read_file("enabled") == ("1" if error else "0")
        assert error in (0, errno.ENOMEM)
        if not error:
            send_delivered(recorder, veth.client, REQUEST)
        http_filter.write_setting("enabled", "1")
    assert_it_works(recorder, veth)


@pytest.mark.usefixtures("unfiltered")
def test_unloading():
    def unload():
        return syscall(_SYS_DELETE_MODULE, b"http_filter", os.O_NONBLOCK)

    http_filter.load(max_undecided=1)
    for error in fail_each_in_turn(unload):
        assert http_filter.is_loaded() == bool(error)
        assert http_filter.SYSFS.exists() == bool(error)
        assert error in (0, errno.ENOMEM)
        if not error:
            http_filter.load(max_undecided=1)
    http_filter.unload()


@pytest.mark.usefixtures("filtered")
def test_traffic(recorder, veth):
    """While allocations fail, connections may fail, but only with the usual errors."""
    with Stress(veth, ignored=[OSError, AssertionError]) as stress, some_fail_in_interrupts(percent=2):
        time.sleep(20)
    assert all(stress.rounds.values()), stress.rounds
    assert_it_works(recorder, veth)
