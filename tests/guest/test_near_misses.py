# SPDX-License-Identifier: GPL-2.0
"""What only looks like HTTP arrives byte for byte."""

import pytest

from support import http_filter
from support.expect import send_delivered

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

NEAR_MISSES = {
    "RTSP": b"OPTIONS rtsp://example.com/a RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "SIP": b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
    "ICAP": b"REQMOD icap://example.com/ ICAP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "ICE": b"SOURCE /stream ICE/1.0\r\n\r\n",
    "Redis inline": b"GET key\r\n",
    "Redis array": b"*2\r\n$3\r\nGET\r\n$14\r\nGET / HTTP/1.1\r\n",
    "memcached": b"get key\r\n",
    "FTP": b"USER anonymous\r\n",
    "SMTP": b"EHLO example.com\r\nMAIL FROM:<a@example.com>\r\nDATA\r\nGET / HTTP/1.1\r\n.\r\n",
    "IRC": b"NICK bob\r\nUSER bob 0 * :GET / HTTP/1.1\r\n",
    "SSH": b"SSH-2.0-OpenSSH_10.0\r\n",
    "TLS record": b"\x16\x03\x01\x00\x0eGET / HTTP/1.1",
    "SOCKS 5": b"\x05\x01\x00GET / HTTP/1.1\r\n\r\n",
    "SOCKS 4": b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00GET / HTTP/1.1\r\n\r\n",
    "PROXY protocol 1": b"PROXY TCP4 192.0.2.7 192.0.2.1 51034 80\r\nGET / HTTP/1.1\r\n\r\n",
    "PROXY protocol 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + b"GET / HTTP/1.1\r\n\r\n",
    "git": b"0033git-upload-pack /project.git\0host=example.com\0",
    "rtsp-like version": b"POST / HTTQ/1.1\r\n\r\n",
    "lower-case version": b"POST / http/1.1\r\n\r\n",
    "version without digit": b"POST / HTTP/x\r\n\r\n",
    "no version": b"POST /\r\n\r\n",
    "no target": b"POST HTTP/1.1\r\n\r\n",
    "no space": b"POST/HTTP/1.1\r\n\r\n",
    "version on the next line": b"POST /\r\n HTTP/1.1\r\n\r\n",
    "33-character method": b"M" * 33 + b" / HTTP/1.1\r\n\r\n",
    "33-character method, registered at first": b"PROPFIND" * 4 + b"X a HTTP/1.1\r\n\r\n",
    "target of a word, any method": b"FOO key HTTP/1.1\r\n\r\n",
    "target of a word, lower-case method": b"get key HTTP/1.1\r\n\r\n",
    "host and port, any method": b"FOO example.com:80 HTTP/1.1\r\n\r\n",
    "a scheme and one slash, any method": b"FOO http:/x HTTP/1.1\r\n\r\n",
    "spaces in the target, any method": b"FOO /a b HTTP/1.1\r\n\r\n",
    "spaces in an absolute target": b"GET http://example.com/a b HTTP/1.1\r\n\r\n",
    "spaces in a target without a slash": b"GET a b HTTP/1.1\r\n\r\n",
    "spaces behind *": b"OPTIONS * x HTTP/1.1\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\n\r\n",
    "NUL in an absolute target": b"GET http://\0 HTTP/1.1\r\n\r\n",
    "HTTP/0.9 with NUL": b"GET /\0\r\n",
    "HTTP/0.9 with one slash": b"GET http:/x\r\n",
    "method with a colon": b"GET: / HTTP/1.1\r\n\r\n",
    "method with a NUL": b"GET\0 / HTTP/1.1\r\n\r\n",
    "request on the second line": b"HELO\r\nGET / HTTP/1.1\r\n\r\n",
    "HTTP/2 preface later": b"XPRI\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}

# Streams that end while they might still become HTTP.
BEGINNINGS = [b"G", b"GET", b"GET ", b"GET /", b"GET / ", b"GET / HTTP", b"GET / HTTP/", b"\r\n", b"PRI * HTTP/", b"P"]


@pytest.mark.parametrize("stream", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_is_delivered(veth, recorder, stream):
    send_delivered(recorder, veth.client, stream)
    assert http_filter.counters()["dropped"] == 0


@pytest.mark.parametrize("stream", BEGINNINGS, ids=lambda stream: repr(stream)[2:-1])
def test_a_mere_beginning_is_delivered(veth, recorder, stream):
    send_delivered(recorder, veth.client, stream)
    assert http_filter.counters()["blocked"] == 0


@pytest.mark.parametrize("stream", [b"GET / HTTQ/1.1\r\n\r\n", b"GET / HTTP/x\r\n\r\n", b"GET /key\r\n"],
                         ids=["another protocol", "no digit", "Redis inline"])
def test_is_delivered_without_detection_of_http09(veth, recorder, stream):
    """With http09 detected, these count as HTTP/0.9: GET and a target, which some servers answer."""
    http_filter.write_setting("detect", "requests h2c responses")
    send_delivered(recorder, veth.client, stream)
