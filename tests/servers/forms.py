# SPDX-License-Identifier: GPL-2.0
"""Requests and near-misses: each part of a first line in turn, as it should not be."""

import dataclasses

HEADERS = b"Host: example.com\r\nConnection: close\r\n"

# What some programming language or RFC 9112, section 3 takes for white space.
SPACES = {
    "two spaces": b"  ", "HTAB": b"\t", "VT": b"\x0b", "FF": b"\x0c", "CR": b"\r", "NUL": b"\0", "FS": b"\x1c",
    "US": b"\x1f", "NEL": b"\x85", "NBSP": b"\xa0", "NBSP in UTF-8": b"\xc2\xa0", "space and HTAB": b" \t",
}


@dataclasses.dataclass(frozen=True)
class Form:
    """What is sent, and how the table calls it."""

    part: str
    name: str
    sent: bytes

    def __str__(self):
        return f"{self.part}: {self.name}"


def line(method=b"GET", gap=b" ", target=b"/index.html", space=b" ", version=b"HTTP/1.1", end=b"\r\n", before=b""):
    return b"".join((before, method, gap, target, space, version, end))


def request(**parts):
    return line(**parts) + HEADERS + b"\r\n"


def _separators():
    for part, behind in ("gap", "the method"), ("space", "the target"):
        for name, space in {"nothing": b"", **SPACES}.items():
            yield f"behind {behind}: {name}", request(**{part: space})
    for name, space in SPACES.items():
        yield f"around the target: {name}", request(gap=space, space=space)


def _versions():
    versions = (
        b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/2", b"HTTP/3", b"HTTP/9.9",
        b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/+1.1",
        b"HTTP/-1.1", b"HTTP/1,1", b"HTTP/1.1x", b"HTTP/x", b"HTTP/", b"HTTP", b"http/1.1", b"Http/1.1",
        b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP//1.1", b"HTTP\\1.1", b"HTTPS/1.1", b"XHTTP/1.1",
        b"RTSP/1.0", b"ICE/1.0", b"SIP/2.0", b"ICY/1.0", b"", b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTP/1.1 x",
        b"x HTTP/1.1", b"HTTP/1.1 HTTP/1.1", b"HTTP/\xef\xbc\x91.1",
    )
    for version in versions:
        yield show(version), request(version=version)


def _line_ends():
    ends = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\0\r\n", b"\x0b", b"\x85", b"")
    for end in ends:
        yield show(end), request(end=end)
    yield "LF everywhere", request().replace(b"\r", b"")
    yield "CR everywhere", request().replace(b"\n", b"")


def _leading_bytes():
    for before in (b"\r\n", b"\n", b"\r\n\r\n", b"\r\n" * 20, b"\r", b" ", b"\t", b"\x0b", b"\x0c", b"\0", b"\x1c",
                   b"\x85", b"\xa0", b"\xef\xbb\xbf", b" \r\n", b"\r\n ", b"x", b"x\r\n", b"\x16\x03\x01"):
        yield show(before), request(before=before)


def _methods():
    for method in (b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"PROPFIND",
                   b"PRI", b"HTTP", b"get", b"Get", b"GETS", b"G", b"", b"123", b"M-SEARCH", b"!#$%&'*+.^_`|~",
                   b"G=T", b"GET,", b"GET:", b"(GET)", b'"GET"', b"GET/", b"G\0T", b"G\tT", b"G\x7fT",
                   b"G\xc3\x84T", b"HTTP/1.1"):
        yield show(method), request(method=method)
    for length in 32, 33, 64, 1000:
        yield f"{length:,} letters", request(method=b"M" * length)


def _targets():
    for target in (b"/", b"", b"*", b"http://example.com/index.html", b"https://example.com/", b"example.com:80",
                   b"index.html", b"?", b"//", b"/a b", b"/a\tb", b"/a\0b", b"/a\rb", b"/\xc3\xa4", b"/\xa0",
                   b"/\x85", b'/"a"', b"/#a", b"\\index.html", b"/%00", b"/%zz", b"/<a>", b"/a HTTP/x", b"HTTP/1.1"):
        yield show(target), request(target=target)
    for length in 8_000, 60_000, 140_000:
        yield f"{length:,} letters", request(target=b"/" + b"a" * length)


def _methods_and_targets():
    targets = (b"/index.html", b"*", b"http://example.com/index.html", b"example.com:80", b"index.html", b"?", b"key",
               b"http:/index.html", b"a+b://example.com/", b"/a b", b"/a\tb", b"/index.html HTTP/x",
               b"http://example.com/a b", b"http://example.com/index.html x", b"* x", b"example.com:80 x", b"/\0",
               b"http://example.com/\0")
    for method in b"FOO", b"get", b"Propfind", b"203.0.113.9", b"GET":
        for target in targets:
            yield f"{show(method)} {show(target)}", request(method=method, target=target)


def _without_version():
    for start in (b"GET /index.html\r\n", b"GET /index.html\n", b"GET /index.html\r", b"GET /index.html\r\n\r\n",
                  b"GET /index.html \r\n", b"GET  /index.html\r\n", b"GET\t/index.html\r\n",
                  b"\r\nGET /index.html\r\n", b" GET /index.html\r\n", b"GET index.html\r\n", b"GET *\r\n",
                  b"GET http://example.com/\r\n", b"GET http://example.com/index.html\n", b"GET a+b://example.com/ \r\n",
                  b"GET http:/example.com/\r\n", b"GET http://example.com/a b\r\n", b"get http://example.com/\r\n",
                  b"HEAD http://example.com/\r\n", b"GET example.com:80\r\n", b"GET /a b\r\n", b"GET /?a\r\n", b"GET /\0\r\n", b"GET\r\n",
                  b"GET \r\n", b"get /index.html\r\n", b"Get /index.html\r\n", b"HEAD /index.html\r\n",
                  b"POST /index.html\r\n", b"PUT /index.html\r\n", b"FOO /index.html\r\n",
                  b"GET\xa0/index.html\r\n", b"GET /index.html HTTP\r\n\r\n", b"GET /index.html HTTP/\r\n\r\n",
                  b"GET /index.html RTSP/1.0\r\n\r\n", b"GET key\r\n", b"/index.html\r\n", b"\r\n\r\n"):
        yield show(start), start


def _http2():
    preface, settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    yield "preface", preface + settings
    yield "preface behind an empty line", b"\r\n" + preface + settings
    yield "preface in lower case", preface.lower() + settings
    yield "preface with LF", preface.replace(b"\r", b"") + settings
    yield "first line alone", preface[:16]
    yield "first line and headers", request(method=b"PRI", target=b"*", version=b"HTTP/2.0")
    yield "version of the preface is 1.1", preface.replace(b"2.0", b"1.1") + settings


def show(sent):
    """Bytes as the table shows them."""
    return sent.decode("latin-1").encode("unicode_escape").decode() or "nothing"


PARTS = {
    "separators": _separators, "versions": _versions, "line ends": _line_ends, "leading bytes": _leading_bytes,
    "methods": _methods, "targets": _targets, "methods and targets": _methods_and_targets,
    "without a version": _without_version, "HTTP/2": _http2,
}

FORMS = [Form(part, name, sent) for part, forms in PARTS.items() for name, sent in forms()]
