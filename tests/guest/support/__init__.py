# SPDX-License-Identifier: GPL-2.0
"""What the tests in the guest and the demo are built from."""
