# SPDX-License-Identifier: GPL-2.0
"""The CPU that sends: over a veth pair it is the one that receives as well."""

import contextlib
import os


@contextlib.contextmanager
def on_cpu(number):
    """What this thread sends is sent from there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_one_cpu():
    """The same from one that it may run on, always the same one, so that its packets keep their order."""
    return on_cpu(min(os.sched_getaffinity(0)))
