# SPDX-License-Identifier: GPL-2.0
"""A user-space program that accepts each packet of a netfilter queue (NFQUEUE)."""

import select
import socket
import struct
import threading

_NETLINK_NETFILTER = 12
_QUEUE = 3 << 8  # NFNL_SUBSYS_QUEUE
_PACKET, _VERDICT, _CONFIG = _QUEUE | 0, _QUEUE | 1, _QUEUE | 2
_CFG_CMD, _CFG_PARAMS = 1, 2
_PACKET_HDR, _VERDICT_HDR = 1, 2
_BIND, _COPY_META, _ACCEPT = 1, 1, 1
_REQUEST, _ACK, _ERROR = 1, 4, 2
_HEADERS = 20  # nlmsghdr and nfgenmsg


def _message(kind, queue, attribute, value, flags=_REQUEST):
    """A message with one attribute."""
    body = struct.pack("=BBHHH", socket.AF_UNSPEC, 0, socket.htons(queue), 4 + len(value), attribute)
    body += value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


class Reinjector:
    """Accepts the packets of a namespace's queue one by one: the hooks after it run in this process's context."""

    def __init__(self, namespace, queue=0):
        self._queue = queue
        self.packets = 0
        with namespace:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        self._configure(_CFG_CMD, struct.pack("!BBH", _BIND, 0, 0))
        self._configure(_CFG_PARAMS, struct.pack("!IB", 0, _COPY_META))
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        self._socket.close()

    def _configure(self, attribute, value):
        self._socket.send(_message(_CONFIG, self._queue, attribute, value, _REQUEST | _ACK))
        answer = self._socket.recv(4096)
        kind, error = struct.unpack_from("=4xH10xi", answer)
        assert (kind, error) == (_ERROR, 0), f"the queue refuses: {answer.hex()}"

    def _serve(self):
        while self._stopped not in select.select([self._socket, self._stopped], [], [])[0]:
            data = self._socket.recv(65_536)
            while data:
                size, kind = struct.unpack_from("=IH", data)
                if kind == _PACKET:
                    self._accept(data[_HEADERS:size])
                data = data[(size + 3) & ~3:]

    def _accept(self, attributes):
        while attributes:
            size, kind = struct.unpack_from("=HH", attributes)
            if kind == _PACKET_HDR:
                identity = attributes[4:8]
                self._socket.send(_message(_VERDICT, self._queue, _VERDICT_HDR, struct.pack("!I", _ACCEPT) + identity))
                self.packets += 1
                return
            attributes = attributes[(size + 3) & ~3:]
