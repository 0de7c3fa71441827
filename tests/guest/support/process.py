# SPDX-License-Identifier: GPL-2.0
"""Runs a real server while a block lasts; prefixes of commands that drop privileges."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from support.topology import IPV6, MAPPED, ONLY_IPV4, ONLY_IPV6, Endpoint
from support.wait import wait_until

# An unprivileged user; and root without CAP_NET_ADMIN, as in a service that systemd confines.
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
WITHOUT_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin"]


@contextlib.contextmanager
def folder():
    """A temporary folder that every user can read."""
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


def child_of(parent):
    """The number of the process that a process starts, once it has."""
    # /proc/PID/task/TID/children is not there in every kernel (CONFIG_PROC_CHILDREN).
    child = ["pgrep", "--parent", str(parent)]
    return int(wait_until(lambda: subprocess.run(child, capture_output=True, text=True).stdout, "it has begun"))


def listens(endpoint):
    with endpoint.namespace, socket.socket(endpoint.family) as probe:
        return probe.connect_ex((endpoint.address, endpoint.port)) == 0


@contextlib.contextmanager
def process(endpoint, where, *command, **options):
    """Runs a server until the block ends; the block starts when it listens."""
    output = where / "output"
    with endpoint.namespace, output.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=where, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            **options)

    def ready():
        assert process.poll() is None, f"{command[0]} ended: {output.read_text()}"
        return listens(endpoint)

    try:
        wait_until(ready, f"{command[0]} listens on {endpoint}", seconds=30)
        yield
    finally:
        # The whole group: children that still serve a connection would disturb later tests.
        for number in signal.SIGTERM, signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)


@dataclasses.dataclass(frozen=True)
class Instance:
    """A running server, as clients of one addressing (of topology.ADDRESSINGS) reach it."""

    addressing: str
    # Where clients connect to it, and what its context manager has yielded.
    endpoint: Endpoint
    yielded: object

    def __str__(self):
        return self.addressing


@contextlib.contextmanager
def for_each_addressing(topology, server, mapped=True):
    """Runs the server twice, on an IPv4 socket and on an IPv6 one that takes both; yields its instances.

    Not every server takes IPv4 clients on its IPv6 socket: then `mapped` is false, and there is no such instance.
    """
    only, found = topology.endpoints(ONLY_IPV4)
    both, found_mapped = topology.endpoints(MAPPED)
    found_ipv6 = topology.endpoint(IPV6, both.port)
    with server(only) as first, server(both) as second:
        assert listens(found_mapped) == mapped
        instances = [Instance(ONLY_IPV4, found, first), Instance(ONLY_IPV6, found_ipv6, second)]
        yield instances + [Instance(MAPPED, found_mapped, second)] * mapped
