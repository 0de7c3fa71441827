# SPDX-License-Identifier: GPL-2.0
"""What some server takes for a request and the classifier does not: why, and which forms."""

LIMITS = {
    "Python's `http.server` takes all white space of Unicode for a separator, FS to US, NEL and NBSP among it": [
        *(f"separators: {place}: {space}" for place in ("behind the method", "around the target")
          for space in ("FS", "US", "NEL", "NBSP")),
        *(rf"leading bytes: {byte}" for byte in (r"\x1c", r"\x85", r"\xa0")),
    ],
    "It also takes the second of two words for a target, whatever it is": ["targets: nothing"],
    "busybox asks for `HTTP/` and not for a digit behind it": [
        *(f"versions: HTTP/{rest}" for rest in (".1", "+1.1", "-1.1", "x", "", " 1.1", "/1.1", r"\xef\xbc\x91.1")),
        r"without a version: GET /index.html HTTP/\r\n\r\n",
    ],
    "Node answers RTSP as if it were HTTP": [
        "versions: RTSP/1.0", r"without a version: GET /index.html RTSP/1.0\r\n\r\n",
    ],
    "nginx and Caddy know methods of any length, if only to say that they are not allowed": [
        *(f"methods: {length:,} letters" for length in (33, 64, 1000)),
    ],
    "Caddy takes a port, or a scheme and one slash, for a target behind any method, not only a registered one": [
        *(f"methods and targets: {method} {target}" for method in ("FOO", "get", "Propfind", "203.0.113.9")
          for target in ("example.com:80", "http:/index.html")),
    ],
    "lighttpd takes white space in an absolute target": [
        "methods and targets: GET http://example.com/a b", "methods and targets: GET http://example.com/index.html x",
    ],
    "Apache takes a scheme and one slash without a version": [r"without a version: GET http:/example.com/\r\n"],
    "Apache, if told to be unsafe, takes the version in lower case, and other methods than `GET` without a version": [
        "versions: http/1.1", "versions: Http/1.1",
        *(rf"without a version: {method} /index.html\r\n" for method in ("HEAD", "POST", "PUT")),
        r"without a version: HEAD http://example.com/\r\n",
    ],
}
