# SPDX-License-Identifier: GPL-2.0
"""How often a test repeats something."""

import os


def repetitions(often, seldom):
    """`often` in make test-long, else `seldom`."""
    return often if "LONG" in os.environ else seldom
