# SPDX-License-Identifier: GPL-2.0
"""Streams to send to a server, whole and cut; each piece is a segment."""

import pytest

REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

# A request without header fields.
MINIMAL_REQUEST = b"GET / HTTP/1.1\r\n\r\n"

# The first line of a stream that is not HTTP.
OTHER = b"SSH-2.0-test\r\n"

# The last piece completes the first line; a server must never read that whole.
REQUESTS = {
    "whole": (REQUEST,),
    "in two": (REQUEST[:2], REQUEST[2:]),
    "in three": (REQUEST[:3], REQUEST[3:9], REQUEST[9:]),
}

# These must arrive byte for byte.
OTHERS = {
    "whole": (OTHER,),
    "in two": (OTHER[:3], OTHER[3:]),
    "like HTTP, in two": (b"GET", b"TING started\r\n"),
    "like HTTP to the end, in three": (b"GET / HT", b"ML", b"\r\nGET / HTTP/1.1\r\n\r\n"),
}

each_request = pytest.mark.parametrize("pieces", REQUESTS.values(), ids=REQUESTS)
each_other = pytest.mark.parametrize("pieces", OTHERS.values(), ids=OTHERS)
