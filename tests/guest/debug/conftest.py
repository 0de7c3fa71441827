# SPDX-License-Identifier: GPL-2.0
"""Tests of the debug kernels alone, which come after all others; `make test` does not collect this folder."""

import pytest

from support.kernel_log import KernelLog


@pytest.fixture(autouse=True)
def kernel_log():
    """The kernel log during the test. That memory is short the kernel may say; nothing else may go wrong."""
    with KernelLog() as log:
        yield log
        assert log.alarms() == []
