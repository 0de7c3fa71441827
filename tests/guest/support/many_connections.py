# SPDX-License-Identifier: GPL-2.0
"""Thousands of connections at a time; the test holds both ends of each."""

import contextlib
import resource
import socket
import struct

from support.streams import listen, read_what_is_there

_RESET = socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)

# The limit of open files: two for each connection.
_FILES = 65_536


@contextlib.contextmanager
def _many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, max(_FILES, before[1])))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def open_connections(network, count, data=b""):
    """Makes `count` connections and sends `data` on each; yields the clients' sockets, and the server's. All are reset at
    the end."""
    endpoint = network.endpoint()
    clients, accepted = [], []
    with _many_files():
        try:
            with listen(endpoint) as listener, network.client:
                for _ in range(count):
                    client = socket.create_connection((endpoint.address, endpoint.port))
                    clients.append(client)
                    accepted.append(listener.accept()[0])
                    client.setsockopt(*_RESET)
                    client.send(data)
            yield clients, accepted
        finally:
            for end in clients + accepted:
                end.close()


@contextlib.contextmanager
def many_connections(network, count, data):
    """The same; yields the server's sockets alone."""
    with open_connections(network, count, data) as (_, accepted):
        yield accepted


def read_from_each(accepted):
    """What each of the server's sockets has received, or None if its connection was ended."""
    def read(end):
        try:
            return read_what_is_there(end)
        except ConnectionError:
            return None

    return [read(end) for end in accepted]
