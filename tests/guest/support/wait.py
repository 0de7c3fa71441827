# SPDX-License-Identifier: GPL-2.0
"""Waits until a condition is true."""

import time


def wait_until(condition, what, seconds=10):
    """Returns the first true value of condition(); fails, naming `what`, if there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)
    return value
