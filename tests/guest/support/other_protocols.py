# SPDX-License-Identifier: GPL-2.0
"""Streams of other protocols, from the table that the classifier's tests read, too."""

import pathlib
import re

TABLE = pathlib.Path(__file__).parents[2] / "other_protocols.tsv"

_ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def _unescaped(text):
    def byte(match):
        escape = match[1].decode()
        return _ESCAPES.get(escape) or bytes.fromhex(escape[1:])

    return re.sub(rb"\\(x..|.)", byte, text.encode())


def streams():
    """The streams by their names."""
    lines = TABLE.read_text().splitlines()
    rows = (line.split("\t", 1) for line in lines if line and not line.startswith("#"))
    return {name: _unescaped(text) for name, text in rows}
