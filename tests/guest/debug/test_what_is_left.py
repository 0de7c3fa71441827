# SPDX-License-Identifier: GPL-2.0
"""What the kernel's own checks say at the end of the run: the last file of the last folder."""

import pathlib
import re
import time

import pytest

_KMEMLEAK = pathlib.Path("/sys/kernel/debug/kmemleak")
_LOCKDEP = pathlib.Path("/proc/lockdep_stats")

# kmemleak leaves younger objects out of its reports, in seconds.
_KMEMLEAK_MIN_AGE = 5

# All else is built in: an address without a name was the module's.
_FROM_THE_MODULE = re.compile(r"\[http_filter\]|^ +0x[0-9a-f]{8,}$", re.MULTILINE)


@pytest.mark.usefixtures("unfiltered")
def test_no_memory_is_left_that_the_module_allocated():
    # What is found at first may have been between two places that hold it.
    for _ in range(2):
        time.sleep(_KMEMLEAK_MIN_AGE + 1)
        _KMEMLEAK.write_text("scan")
    reports = re.split(r"^(?=unreferenced object)", _KMEMLEAK.read_text(), flags=re.MULTILINE)
    assert [report for report in reports if _FROM_THE_MODULE.search(report)] == []


def test_lockdep_is_still_on():
    if not _LOCKDEP.exists():
        pytest.skip("this kernel has no lockdep")
    assert re.search(r"^ debug_locks: +1$", _LOCKDEP.read_text(), re.MULTILINE)
