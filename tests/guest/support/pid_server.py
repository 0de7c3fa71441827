# SPDX-License-Identifier: GPL-2.0
"""A server that tells each client which process holds the connection, and holds it until the client ends it."""

import contextlib
import subprocess
import sys

from support.namespace import Namespace
from support.process import child_of, folder, listens, process
from support.topology import Endpoint
from support.wait import wait_until

# How it shares its connections among processes: a class of Python's socketserver.
ALONE, FORKING = "ThreadingTCPServer", "ForkingTCPServer"

PROGRAM = """
import os, socket, socketserver, sys

kind, address, port = sys.argv[1:]

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"%d" % os.getpid())
        while self.request.recv(1 << 16):
            pass

class Server(getattr(socketserver, kind)):
    address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    allow_reuse_address = True

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        super().server_bind()

Server((address, int(port)), Handler).serve_forever()
"""


@contextlib.contextmanager
def pid_server(endpoint, kind=ALONE, name="webserver", prefix=(), **options):
    """Runs the server, as a program of this name, with options of Popen; several may listen on one port."""
    with folder() as where:
        program = where / name
        program.symlink_to(sys.executable)
        with process(endpoint, where, *prefix, program, "-c", PROGRAM, kind, endpoint.address, str(endpoint.port),
                     **options):
            yield


@contextlib.contextmanager
def pid_server_in_container(**options):
    """Runs it with namespaces of its own, for processes, mounts and the network; yields its process and its endpoint."""
    commands = f"ip link set lo up; exec python3 -c \"$0\" {ALONE} 127.0.0.1 8000"
    with subprocess.Popen(["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", commands,
                           PROGRAM], **options) as parent:
        try:
            pid = child_of(parent.pid)
            with contextlib.closing(Namespace(f"/proc/{pid}/ns/net")) as network:
                endpoint = Endpoint(network, "127.0.0.1", 8000)
                wait_until(lambda: listens(endpoint), "it listens")
                yield pid, endpoint
        finally:
            parent.kill()


def pid_from_server(stream):
    """The number of the process that holds the connection of a client."""
    return int(stream.socket.recv(32))
