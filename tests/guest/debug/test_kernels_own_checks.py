# SPDX-License-Identifier: GPL-2.0
"""The reports of kmemleak and lockdep at the end of the run: pytest collects this file last."""

import pathlib
import re
import time

import pytest

_KMEMLEAK = pathlib.Path("/sys/kernel/debug/kmemleak")
_LOCKDEP = pathlib.Path("/proc/lockdep_stats")

# kmemleak does not report objects that are younger, in seconds.
_KMEMLEAK_MIN_AGE = 5


def kernel_image():
    """The addresses of built-in code. The init functions among it have no symbols any more."""
    symbols = {}
    for line in pathlib.Path("/proc/kallsyms").read_text().splitlines():
        address, _, name = line.split()[:3]
        symbols[name] = int(address, 16)
    return range(symbols["_text"], symbols["_end"])


def is_from_the_module(report, image):
    """These kernels have no other module: an address without a symbol was this one's."""
    nameless = re.findall(r"^ +0x([0-9a-f]+)$", report, re.MULTILINE)
    return "[http_filter]" in report or any(int(address, 16) not in image for address in nameless)


@pytest.mark.usefixtures("unfiltered")
def test_no_memory_is_left_that_the_module_allocated():
    # The first scan may report an object whose pointer is just being moved.
    for _ in range(2):
        time.sleep(_KMEMLEAK_MIN_AGE + 1)
        _KMEMLEAK.write_text("scan")
    reports = re.split(r"^(?=unreferenced object)", _KMEMLEAK.read_text(), flags=re.MULTILINE)
    image = kernel_image()
    assert [report for report in reports if is_from_the_module(report, image)] == []


def test_lockdep_is_still_on():
    if not _LOCKDEP.exists():
        pytest.skip("this kernel has no lockdep")
    assert re.search(r"^ debug_locks: +1$", _LOCKDEP.read_text(), re.MULTILINE)
