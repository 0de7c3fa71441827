# SPDX-License-Identifier: GPL-2.0
"""What real servers answer to each form, and what the classifier takes it for."""

import concurrent.futures
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "guest"))

from support.http_servers import HTTP_SERVERS, PAGE, apache_unsafe  # noqa: E402
from support.namespace import Namespace  # noqa: E402
from support.topology import loopback  # noqa: E402

# TCP_DEFER_ACCEPT changes nothing in what a server answers.
SERVERS = {name: server for name, server in HTTP_SERVERS.items() if name != "nginx deferred"}
# As it was before it became strict, which can still be configured.
SERVERS["Apache, unsafe"] = apache_unsafe

# Behind the status that a page tells which comes without one of its own.
BARE = " bare"

# How long a server is waited for, in seconds: who says nothing so long waits for more itself.
PATIENCE = 3

# Answers that say that this is no request, or none that the server knows.
REFUSALS = {"400", "408", "414", "431", "500", "501", "505", "closes", "waits"}


def is_taken(answer):
    """Whether a server takes what it answers so for a request: it talks about what was asked for."""
    return answer.removesuffix(BARE) not in REFUSALS


def ask(endpoint, sent):
    """A server's answer: a status, that of its bare page, "HTTP/2", or that it closes or waits."""
    received = b""
    with socket.create_connection((endpoint.address, endpoint.port), PATIENCE) as client:
        try:
            client.sendall(sent)
            while len(received) < 1000 and (more := client.recv(1000)):
                received += more
        except TimeoutError:
            if not received:
                return "waits"
        except OSError:
            pass
    if status := re.match(rb"HTTP/\S+ (\d{3})", received):
        return status[1].decode()
    # The server's own preface is a SETTINGS frame (RFC 9113, section 3.4).
    if received[3:5] == b"\x04\x00":
        return "HTTP/2"
    # An answer of HTTP/0.9 is a bare body.
    if PAGE.encode() in received:
        return "200" + BARE
    if status := re.search(rb"(?:<title>|Error code: )(\d{3})", received):
        return status[1].decode() + BARE
    assert not received, received
    return "closes"


def ask_all(forms):
    """The answers of all servers by their names, each a list in the order of the forms."""
    # Nobody else is to listen where the servers do.
    os.unshare(os.CLONE_NEWNET)
    network = loopback(Namespace("/proc/self/ns/net"))
    network.server.run("ip", "link", "set", "lo", "up")
    answers = {}
    for name, server in SERVERS.items():
        endpoint = network.endpoint()
        with server(endpoint), concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers[name] = list(pool.map(lambda form: ask(endpoint, form.sent), forms))
    return answers


def classify(forms, filterctl):
    """The classifier's verdicts: each form is the client's stream of a connection in a capture."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        # Raw IP.
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 101))
        for number, form in enumerate(forms):
            for packet in packets(1024 + number, form.sent):
                file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
        file.flush()
        command = [filterctl, "check", "--json", file.name]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    flows = [json.loads(line) for line in told.stdout.splitlines()]
    verdicts = {int(flow["client"].rsplit(":", 1)[1]) - 1024: flow["verdict"] for flow in flows}
    assert len(flows) == len(verdicts) == len(forms)
    return [verdicts[number] for number in range(len(forms))]


def packets(port, sent):
    """A connection's packets from its client: a SYN, and data."""
    syn, ack, size = 0x02, 0x10, 1400
    pieces = [(0, syn, b""), *((1 + at, ack, sent[at:at + size]) for at in range(0, len(sent), size))]
    for seq, flags, data in pieces:
        tcp = struct.pack(">HHIIBBHHH", port, 80, seq, 1, 5 << 4, flags, 65_535, 0, 0)
        yield struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, bytes([192, 0, 2, 7]),
                          bytes([192, 0, 2, 1])) + tcp + data
