# SPDX-License-Identifier: GPL-2.0
"""Tests of the debug kernels alone, which come after all others; `make test` does not collect this folder."""
