# SPDX-License-Identifier: GPL-2.0
"""Plain TCP streams: a client's socket, and a server that records every byte it reads."""

import contextlib
import selectors
import socket
import struct
import threading
import time

from support.topology import IPV6, bracketed
from support.wait import wait_until


# The pause between two pieces, in seconds, so that they become two segments.
_PAUSE = 0.02


def listen(endpoint, options=(), protocol=socket.IPPROTO_TCP):
    """A listening socket; `::` takes IPv4 clients as well."""
    with endpoint.namespace:
        listener = socket.socket(endpoint.family, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if endpoint.family == IPV6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, endpoint.address != "::")
    for option in options:
        listener.setsockopt(*option)
    listener.bind((endpoint.address, endpoint.port))
    listener.listen(512)
    return listener


class Stream:
    """A client's connection. The end of the block resets it, so that nothing is retransmitted."""

    def __init__(self, namespace, endpoint, options=(), port=0, in_syn=b"", protocol=socket.IPPROTO_TCP):
        """Connects, from `port` if it is given; `in_syn` is sent in the SYN, by TCP Fast Open."""
        with namespace:
            self.socket = socket.socket(endpoint.family, socket.SOCK_STREAM, protocol)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if port:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(("", port))
        if in_syn:
            self.socket.sendto(in_syn, socket.MSG_FASTOPEN, (endpoint.address, endpoint.port))
        self.socket.settimeout(30)
        if not in_syn:
            self.socket.connect((endpoint.address, endpoint.port))
        self.name = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __str__(self):
        return f"{bracketed(self.name[0])}:{self.name[1]}"

    def send(self, *pieces):
        """Sends each piece in a segment of its own."""
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(_PAUSE)
            self.socket.sendall(piece)

    def finish(self):
        """Ends the stream: sends a FIN."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_exactly(self, size):
        data = b""
        while len(data) < size and (more := self.socket.recv(size - len(data))):
            data += more
        return data

    def read_all(self):
        """Reads until the server's end of stream."""
        return b"".join(iter(lambda: self.socket.recv(1 << 16), b""))


@contextlib.contextmanager
def connection(network, family, listener_options=(), **options):
    """A client's connection, and the server's socket of it, from which only the test reads."""
    endpoint = network.endpoint(family)
    with listen(endpoint, listener_options) as listener, Stream(network.client, endpoint, **options) as stream:
        with listener.accept()[0] as accepted:
            yield stream, accepted


def read_what_is_there(accepted):
    """Reads all that is in the receive queue, without waiting."""
    accepted.setblocking(False)
    data = b""
    with contextlib.suppress(BlockingIOError):
        while more := accepted.recv(1 << 16):
            data += more
    return data


class Recorder:
    """A server that records what it reads from each client (unless told to forget), may speak first, and may echo.

    Its `endpoint` is where clients connect to: `reached_at`, where the kernel redirects packets to the listener. The
    options are those of its listeners, of which there may be several in one SO_REUSEPORT group.
    """

    def __init__(self, endpoint, greeting=b"", echo=False, forget=False, reached_at=None, options=(), listeners=1,
                 protocol=socket.IPPROTO_TCP):
        self.endpoint = reached_at or endpoint
        self._greeting = greeting
        self._echo = echo
        self._forget = forget
        self._streams = {}
        self._peers = set()
        self._ended = set()
        self._stop, self._stopped = socket.socketpair()
        if listeners > 1:
            options = [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1), *options]
        self._listeners = [listen(endpoint, options, protocol) for _ in range(listeners)]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        for listener in self._listeners:
            listener.close()

    def read_from(self, stream):
        """What was read from a client so far."""
        return bytes(self._streams.get(stream.name[1], b""))

    def read_all_from(self, stream, seconds=30):
        """All that a client sent until it finished."""
        wait_until(lambda: stream.name[1] in self._ended, f"end of the stream from {stream}", seconds)
        return self.read_from(stream)

    def read_so_far(self):
        """What was read from all clients so far, in the order of their connections."""
        return b"".join(map(bytes, list(self._streams.values())))

    def peers(self):
        """The addresses that clients came from, as the server sees them."""
        return set(self._peers)

    def wait_for(self, stream, data):
        """Waits until exactly this was read from a client."""
        wait_until(lambda: self.read_from(stream) == data, f"{data[:60]!r} from {stream}")

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._stopped:
                        for other in list(selector.get_map().values()):
                            if other.data is not None:
                                other.fileobj.close()
                        return
                    if key.fileobj in self._listeners:
                        self._accept(selector, key.fileobj)
                    else:
                        self._read(selector, key.fileobj, key.data)

    def _accept(self, selector, listener):
        connection, peer = listener.accept()
        self._peers.add(peer[0])
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
