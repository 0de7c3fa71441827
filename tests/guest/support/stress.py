# SPDX-License-Identifier: GPL-2.0
"""Stress: HTTP, other streams, short-lived namespaces and readers of the filter's files, all at the same time."""

import contextlib
import errno
import fcntl
import os
import random
import socket
import struct
import threading

from support import http_filter
from support.namespace import unshare_network
from support.payloads import OTHER, REQUEST
from support.streams import Recorder, Stream
from support.topology import IPV4, IPV6

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

# A worker's pause between two rounds, in seconds: all workers share one or two emulated CPUs.
_PAUSE = 0.02


class Stress:
    """Runs the workers while the block lasts; its end raises their exceptions, except those of `ignored` types."""

    def __init__(self, topology, ignored=()):
        self._ignored = ignored
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
                    with contextlib.suppress(*self._ignored):
                        work()
                        self.rounds[name] += 1
            except Exception as error:  # raised again at the end of the block
                self._errors.append(error)

        self._workers.append(threading.Thread(target=loop, name=name))


def send_request(namespace, endpoint):
    """Sends an HTTP request, which may be answered or not."""
    with Stream(namespace, endpoint) as stream:
        stream.send(REQUEST)
        stream.socket.settimeout(0.05)
        try:
            stream.socket.recv(100)
        except TimeoutError:
            pass


def echo(namespace, endpoint):
    """Sends random bytes, which the server must echo."""
    data = random.randbytes(random.choice([1, 100, 20_000]))
    with Stream(namespace, endpoint) as stream:
        stream.send(data)
        # The reset that follows leaves no socket in TIME_WAIT, which would take memory for a minute.
        assert stream.read_exactly(len(data)) == data


def make_namespace():
    """Moves the thread to a new namespace, which ends its former one, and connects to itself there."""
    unshare_network()
    with socket.socket() as listener, socket.socket() as client:
        fcntl.ioctl(listener, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP) + bytes(14))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        client.sendall(random.choice([REQUEST, OTHER]))


def read_all_files():
    """Reads the filter's files; each may be removed at any time, with the module."""
    try:
        for folder, _, names in os.walk(http_filter.SYSFS):
            for name in names:
                if name != "reset":
                    with open(os.path.join(folder, name)) as file:
                        file.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise
