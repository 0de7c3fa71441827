# SPDX-License-Identifier: GPL-2.0
"""Rules of nftables for a while."""

import contextlib
import re


@contextlib.contextmanager
def rules(namespace, hook, *lines):
    """A chain is there while the block lasts. Each `counter` in it must have met packets by its end."""
    chain = "\n".join([f"type {hook};", *lines, ""])
    namespace.run("nft", "-f", "-", input=f"table inet test {{ chain test {{ {chain} }}; }}\n".encode())
    try:
        yield
        met = re.findall(r"counter packets (\d+)", namespace.run("nft", "list table inet test").decode())
        assert met and "0" not in met, f"a rule has met no packet: {met}"
    finally:
        namespace.run("nft", "delete table inet test")
