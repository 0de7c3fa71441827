# SPDX-License-Identifier: GPL-2.0
"""Injects failures of memory allocations. Needs a kernel with CONFIG_FAILSLAB."""

import contextlib
import itertools
import os
import pathlib

_FAILSLAB = pathlib.Path("/sys/kernel/debug/failslab")
_FAIL_NTH = "/proc/thread-self/fail-nth"


def _configure(**settings):
    for name, value in settings.items():
        (_FAILSLAB / name.replace("_", "-")).write_text(str(value))


@contextlib.contextmanager
def _failslab(**settings):
    # No report of each injected failure: the kernel log is checked for other trouble.
    _configure(verbose=0, times=-1, **settings)
    try:
        yield
    finally:
        _configure(probability=0, ignore_gfp_wait="Y")


def fail_each_in_turn(action):
    """Calls action() repeatedly; in the nth call, only the nth allocation in the kernel fails.

    Yields what each call returned. In the last call, action() made fewer allocations, and none failed.
    """
    fail_nth = os.open(_FAIL_NTH, os.O_RDWR)
    try:
        for nth in itertools.count(1):
            with _failslab(ignore_gfp_wait="N"):
                os.pwrite(fail_nth, b"%d" % nth, 0)
                result = action()
                left = int(os.pread(fail_nth, 20, 0))
                os.pwrite(fail_nth, b"0", 0)
            yield result
            if left:
                return
    finally:
        os.close(fail_nth)


def some_fail_in_interrupts(percent):
    """While the block lasts, some of the atomic allocations fail: those of the packet path (softirq)."""
    return _failslab(probability=percent, ignore_gfp_wait="Y")
