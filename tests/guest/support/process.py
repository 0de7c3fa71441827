# SPDX-License-Identifier: GPL-2.0
"""Running a real server for as long as a block lasts, and what commands are run by."""

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

# A user without rights; and root as in a service that systemd confines.
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
WITHOUT_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin"]


@contextlib.contextmanager
def folder():
    """A folder that every user can read, gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


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
        # With the children that serve a connection each: they would speak up in later tests.
        for number in signal.SIGTERM, signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)


@dataclasses.dataclass(frozen=True)
class Way:
    """How clients reach a server, and what there is to know of it."""

    name: str
    # Where clients find the server, and what it yields.
    endpoint: Endpoint
    server: object

    def __str__(self):
        return self.name


@contextlib.contextmanager
def on_every_way(topology, server, mapped=True):
    """The server twice, for clients of IPv4, and for those of both IPv4 and IPv6; yields the ways to it.

    Not every server takes IPv4 clients on its IPv6 socket: then there must be none that is `mapped`.
    """
    only, found = topology.way(ONLY_IPV4)
    both, found_mapped = topology.way(MAPPED)
    found_ipv6 = topology.endpoint(IPV6, both.port)
    with server(only) as first, server(both) as second:
        assert listens(found_mapped) == mapped
        ways = [Way(ONLY_IPV4, found, first), Way(ONLY_IPV6, found_ipv6, second)]
        yield ways + [Way(MAPPED, found_mapped, second)] * mapped
