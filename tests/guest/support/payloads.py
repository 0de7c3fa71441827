# SPDX-License-Identifier: GPL-2.0
"""Streams to send to a server, whole and cut; each piece is a segment."""

import pytest

REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

# Of these no complete first line may ever be read; it is the last piece that completes it.
REQUESTS = {
    "whole": (REQUEST,),
    "in two": (REQUEST[:2], REQUEST[2:]),
    "in three": (REQUEST[:3], REQUEST[3:9], REQUEST[9:]),
}

# And these must arrive byte for byte.
OTHERS = {
    "whole": (b"SSH-2.0-test\r\n",),
    "in two": (b"SSH", b"-2.0-test\r\n"),
    "like HTTP, in two": (b"GET", b"TING started\r\n"),
    "like HTTP to the end, in three": (b"GET / HT", b"ML", b"\r\nGET / HTTP/1.1\r\n\r\n"),
}

each_request = pytest.mark.parametrize("pieces", REQUESTS.values(), ids=REQUESTS)
each_other = pytest.mark.parametrize("pieces", OTHERS.values(), ids=OTHERS)
