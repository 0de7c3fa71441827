# SPDX-License-Identifier: GPL-2.0
"""Everything at once: HTTP, other streams, short-lived namespaces, readers of every file of the filter."""

import contextlib
import errno
import fcntl
import os
import random
import socket
import struct
import threading

from support import http_filter
from support.streams import Recorder, Stream
from support.topology import IPV4, IPV6

_REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

# Between two rounds of a worker, in seconds: all of them share an emulated processor or two.
_PAUSE = 0.02


class Hammer:
    """Works while the block lasts; leaving it raises whatever a worker ran into, but what is to be forgiven."""

    def __init__(self, topology, forgive=()):
        self._forgive = forgive
        self._servers = []
        self._workers = []
        self._errors = []
        self._stop = threading.Event()
        self.rounds = {}
        for family in IPV4, IPV6:
            self._add_traffic(topology, topology.endpoint(family))
        self._add("namespaces", make_namespace)
        self._add("readers", read_all_files)

    def __enter__(self):
        for server in self._servers:
            server.__enter__()
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for worker in self._workers:
            worker.join()
        for server in self._servers:
            server.__exit__()
        for error in self._errors:
            raise error

    def _add_traffic(self, topology, endpoint):
        self._servers.append(Recorder(endpoint, echo=True, forget=True))
        self._add(f"requests to {endpoint}", lambda: send_request(topology.client, endpoint))
        self._add(f"echoes from {endpoint}", lambda: echo(topology.client, endpoint))

    def _add(self, name, work):
        self.rounds[name] = 0

        def loop():
            try:
                while not self._stop.wait(_PAUSE):
                    with contextlib.suppress(*self._forgive):
                        work()
                        self.rounds[name] += 1
            except Exception as error:  # whatever it is, the test is to see it
                self._errors.append(error)

        self._workers.append(threading.Thread(target=loop, name=name))


def send_request(namespace, endpoint):
    """A client of HTTP: it may be served or not."""
    with Stream(namespace, endpoint) as stream:
        stream.send(_REQUEST)
        stream.socket.settimeout(0.05)
        try:
            stream.socket.recv(100)
        except TimeoutError:
            pass


def echo(namespace, endpoint):
    """A client of something else: it must be served."""
    data = random.randbytes(random.choice([1, 100, 20_000]))
    with Stream(namespace, endpoint) as stream:
        stream.send(data)
        # The reset that follows leaves no socket in TIME_WAIT, which would take memory for a minute.
        assert stream.read_exactly(len(data)) == data


def make_namespace():
    """A namespace that has some traffic and ends with its thread's next one."""
    os.unshare(os.CLONE_NEWNET)
    with socket.socket() as listener, socket.socket() as client:
        fcntl.ioctl(listener, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP) + bytes(14))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        client.sendall(random.choice([_REQUEST, b"SSH-2.0-test\r\n"]))


def read_all_files():
    """Reads the filter's files, of which any may be gone at any time."""
    try:
        for folder, _, names in os.walk(http_filter.SYSFS):
            for name in names:
                if name != "reset":
                    with open(os.path.join(folder, name)) as file:
                        file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
