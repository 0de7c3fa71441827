# SPDX-License-Identifier: GPL-2.0
"""Waiting for something to become true."""

import time


def wait_until(condition, what, seconds=10):
    """Returns condition()'s first true value; fails naming `what` if there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)
    return value
