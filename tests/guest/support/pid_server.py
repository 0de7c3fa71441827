# SPDX-License-Identifier: GPL-2.0
"""A server that tells each client which process holds the connection, and holds it until the client ends it."""

import contextlib
import sys

from support.process import folder, process

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


def pid_from_server(stream):
    """The number of the process that holds the connection of a client."""
    return int(stream.socket.recv(32))
