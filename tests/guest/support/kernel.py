# SPDX-License-Identifier: GPL-2.0
"""What tests need of the running kernel; without it they are skipped."""

import os
import re

import pytest

VERSION = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))

# TCP reckons with as much overhead as it sees. Before, it took half of the buffer for that.
prunes_small_segments = pytest.mark.skipif(
    VERSION < (6, 6), reason="before Linux 6.6, TCP collapses queues of small segments instead of pruning them")

renames_devices_in_use = pytest.mark.skipif(
    VERSION < (6, 2), reason="before Linux 6.2, a device that is up keeps its name")
