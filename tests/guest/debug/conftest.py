# SPDX-License-Identifier: GPL-2.0
"""Tests for the debug kernels only, collected after all others. `make test` does not collect this folder."""

import pytest

from support.kernel_log import KernelLog


@pytest.fixture(autouse=True)
def kernel_log():
    """The kernel log during the test. Allocation failures may be logged; a kernel bug fails the test."""
    with KernelLog() as log:
        yield log
        assert log.alarms() == []
