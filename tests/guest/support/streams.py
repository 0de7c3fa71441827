# SPDX-License-Identifier: GPL-2.0
"""Plain TCP streams: a client's end, and a server that records what it reads to the byte."""

import selectors
import socket
import struct
import threading

from support.topology import bracketed
from support.wait import wait_until


class Stream:
    """A client's connection. Leaving it resets the connection, so that nothing is sent again."""

    def __init__(self, namespace, endpoint, options=()):
        with namespace:
            self.socket = socket.socket(endpoint.family)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(30)
        self.socket.connect((endpoint.address, endpoint.port))
        self.name = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __str__(self):
        return f"{bracketed(self.name[0])}:{self.name[1]}"

    def send(self, data):
        self.socket.sendall(data)

    def finish(self):
        """Tells the server that nothing follows."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_exactly(self, size):
        data = b""
        while len(data) < size and (more := self.socket.recv(size - len(data))):
            data += more
        return data

    def read_all(self):
        """Reads until the server's end of stream."""
        return b"".join(iter(lambda: self.socket.recv(1 << 16), b""))


class Recorder:
    """A server that records what it reads from each client (unless told to forget), may speak first, and may echo."""

    def __init__(self, endpoint, greeting=b"", echo=False, forget=False):
        self.endpoint = endpoint
        self._greeting = greeting
        self._echo = echo
        self._forget = forget
        self._streams = {}
        self._ended = set()
        self._stop, self._stopped = socket.socketpair()
        with endpoint.namespace:
            self._listener = socket.create_server(
                (endpoint.address, endpoint.port), family=endpoint.family, backlog=512,
                dualstack_ipv6=endpoint.address == "::")
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        self._listener.close()

    def read_from(self, stream):
        """What was read from a client so far."""
        return bytes(self._streams.get(stream.name[1], b""))

    def read_all_from(self, stream, seconds=30):
        """All that a client sent until it finished."""
        wait_until(lambda: stream.name[1] in self._ended, f"end of the stream from {stream}", seconds)
        return self.read_from(stream)

    def wait_for(self, stream, data):
        """Waits until exactly this was read from a client."""
        wait_until(lambda: self.read_from(stream) == data, f"{data[:60]!r} from {stream}")

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._stopped:
                        for other in list(selector.get_map().values()):
                            if other.data is not None:
                                other.fileobj.close()
                        return
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        self._read(selector, key.fileobj, key.data)

    def _accept(self, selector):
        connection, peer = self._listener.accept()
        if not self._forget:
            self._streams[peer[1]] = bytearray()
        if self._greeting:
            connection.sendall(self._greeting)
        selector.register(connection, selectors.EVENT_READ, peer[1])

    def _read(self, selector, connection, port):
        try:
            data = connection.recv(1 << 18)
            if not self._forget:
                self._streams[port] += data
            if data and self._echo:
                connection.sendall(data)
        except OSError:
            data = b""
        else:
            if not data:
                self._ended.add(port)
        if not data:
            selector.unregister(connection)
            connection.close()
