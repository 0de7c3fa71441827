# SPDX-License-Identifier: GPL-2.0
"""Temporary nftables rules."""

import contextlib
import re


@contextlib.contextmanager
def rules(namespace, hook, *lines, table="test"):
    """Adds a chain while the block lasts. At its end, each `counter` of the chain must have counted packets."""
    chain = "\n".join([f"type {hook};", *lines, ""])
    namespace.run("nft", "-f", "-", input=f"table inet {table} {{ chain test {{ {chain} }}; }}\n".encode())
    try:
        yield
        counted = re.findall(r"counter packets (\d+)", namespace.run("nft", f"list table inet {table}").decode())
        assert counted and "0" not in counted, f"a rule has counted no packet: {counted}"
    finally:
        namespace.run("nft", f"delete table inet {table}")
