# SPDX-License-Identifier: GPL-2.0
"""The CPU that a thread sends from. Over a veth pair, packets are received on the same CPU."""

import contextlib
import os


@contextlib.contextmanager
def on_cpu(number):
    """Pins the calling thread to a CPU while the block lasts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_one_cpu():
    """Pins the calling thread to the first CPU that it may run on, so that its packets keep their order."""
    return on_cpu(min(os.sched_getaffinity(0)))
