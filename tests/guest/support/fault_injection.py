# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail when they are told to. Needs a kernel with CONFIG_FAILSLAB."""

import contextlib
import itertools
import pathlib

_FAILSLAB = pathlib.Path("/sys/kernel/debug/failslab")
_FAIL_NTH = pathlib.Path("/proc/thread-self/fail-nth")


def _configure(**settings):
    for name, value in settings.items():
        (_FAILSLAB / name.replace("_", "-")).write_text(str(value))


@contextlib.contextmanager
def _failslab(**settings):
    # The log is to hold what goes wrong, not each failure.
    _configure(verbose=0, times=-1, **settings)
    try:
        yield
    finally:
        _configure(probability=0, ignore_gfp_wait="Y")


def fail_each_in_turn(action):
    """Calls action() again and again: its first allocation in the kernel fails, then only its second, and so on.

    Yields what it returned, for each allocation that failed; ends when there was none left to fail.
    """
    with _failslab(ignore_gfp_wait="N"), _FAIL_NTH.open("r+b", buffering=0) as fail_nth:
        for nth in itertools.count(1):
            fail_nth.write(b"%d" % nth)
            result = action()
            fail_nth.seek(0)
            left = int(fail_nth.read())
            fail_nth.write(b"0")
            if left:
                return
            yield result


def some_fail_in_interrupts(percent):
    """While the block lasts, some of the allocations fail that can't wait: those on a packet's way."""
    return _failslab(probability=percent, ignore_gfp_wait="Y")
