# SPDX-License-Identifier: GPL-2.0
"""Network namespaces. Sockets and processes made inside `with namespace:` belong to it."""

import collections
import contextlib
import ctypes
import os
import pathlib
import subprocess
import threading


# Debian 12's Python has neither in os.
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _check(status):
    if status != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def set_network(fd):
    """Moves this thread into the network namespace of an open file (setns(2))."""
    _check(_LIBC.setns(fd, _CLONE_NEWNET))


def unshare_network():
    """Moves this thread into a new network namespace (unshare(2))."""
    _check(_LIBC.unshare(_CLONE_NEWNET))


def ip(*arguments):
    """Runs iproute2's `ip`; each argument may hold several words."""
    words = " ".join(arguments).split()
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stdout.decode().strip()}")
    return done.stdout.decode()


class Namespace:
    """An existing network namespace, by the path of its file."""

    def __init__(self, path, name=None):
        self.name = name
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._left = threading.local()

    def __enter__(self):
        if not hasattr(self._left, "stack"):
            self._left.stack = []
        self._left.stack.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        set_network(self._fd)
        return self

    def __exit__(self, *_):
        before = self._left.stack.pop()
        set_network(before)
        os.close(before)

    def ip(self, *arguments):
        """Runs `ip` in this namespace."""
        return ip(*([f"-n {self.name}"] if self.name else []), *arguments)

    def run(self, *command, **options):
        """Runs a command in this namespace, which must succeed."""
        with self:
            done = subprocess.run(command, capture_output=True, **options)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode().strip()}")
        return done.stdout

    @contextlib.contextmanager
    def sysctl(self, name, value):
        """Changes a sysctl of this namespace while the block lasts."""
        path = pathlib.Path("/proc/sys", name.replace(".", "/"))
        with self:
            before = path.read_text()
            path.write_text(str(value))
        try:
            yield
        finally:
            with self:
                path.write_text(before)

    def tcp_counters(self):
        """The kernel's counters of TCP and MPTCP in this namespace, by nstat's names (`TcpExtTCPDeferAcceptDrop`)."""
        with self:
            text = "".join(pathlib.Path("/proc/thread-self/net", name).read_text() for name in ("snmp", "netstat"))
        lines = text.splitlines()
        counters = collections.Counter()
        for names, values in zip(lines[::2], lines[1::2]):
            protocol = names.split(":")[0]
            counters.update({protocol + name: int(value) for name, value in zip(names.split()[1:], values.split()[1:])})
        return counters

    @contextlib.contextmanager
    def counts(self, name):
        """Checks that one of tcp_counters() grows during the block: the kernel did take the path under test."""
        before = self.tcp_counters()[name]
        yield
        assert self.tcp_counters()[name] > before, f"{name} has not grown"

    def close(self):
        os.close(self._fd)


INITIAL = Namespace("/proc/1/ns/net")


@contextlib.contextmanager
def new_namespace(name):
    """A new namespace, its loopback device up."""
    ip("netns add", name)
    namespace = Namespace(f"/run/netns/{name}", name)
    try:
        namespace.ip("link set lo up")
        yield namespace
    finally:
        namespace.close()
        ip("netns delete", name)
