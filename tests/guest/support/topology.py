# SPDX-License-Identifier: GPL-2.0
"""The networks between client and server: loopback, a veth pair, a macvlan bridge; each with IPv4 and IPv6."""

import contextlib
import dataclasses
import itertools
import socket

from support.namespace import INITIAL, Namespace, ip, new_namespace

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILY_NAMES = {IPV4: "ipv4", IPV6: "ipv6"}

# The version of IP that a client uses, and for the last one, IPv4 to a server whose socket is an IPv6 one.
ADDRESSINGS = ONLY_IPV4, ONLY_IPV6, MAPPED = "IPv4", "IPv6", "IPv4-mapped"

_ports = itertools.count(8001)


def bracketed(address):
    """An address as URLs and the filter's log write it."""
    return f"[{address}]" if ":" in address else address


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where a server listens."""

    namespace: Namespace
    address: str
    port: int

    @property
    def family(self):
        return IPV6 if ":" in self.address else IPV4

    def url(self, path="/", scheme="http"):
        return f"{scheme}://{self}{path}"

    def __str__(self):
        return f"{bracketed(self.address)}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Topology:
    """A server's and a client's namespace, and the server's device that the client's packets reach."""

    name: str
    server: Namespace
    client: Namespace
    device: str
    server_addresses: dict
    client_addresses: dict

    def endpoint(self, family=IPV4, port=None):
        """Where a server can listen: on a port that no other server has used, unless one is given."""
        return Endpoint(self.server, self.server_addresses[family], port or next(_ports))

    def endpoints(self, addressing, port=None):
        """Where a server listens, and where clients connect to it, for one of ADDRESSINGS."""
        found = self.endpoint(IPV6 if addressing == ONLY_IPV6 else IPV4, port)
        return dataclasses.replace(found, address="::") if addressing == MAPPED else found, found


def loopback(namespace=INITIAL):
    """Client and server in one namespace."""
    addresses = {IPV4: "127.0.0.1", IPV6: "::1"}
    return Topology("loopback", namespace, namespace, "lo", addresses, addresses)


def _address(namespace, device, addresses):
    namespace.ip("address add", addresses[IPV4] + "/24 dev", device)
    namespace.ip("address add", addresses[IPV6] + "/64 nodad dev", device)
    namespace.ip("link set", device, "up")


@contextlib.contextmanager
def veth_pair(name="veth"):
    """Two namespaces joined by a veth pair, both ends called eth0."""
    servers = {IPV4: "192.0.2.1", IPV6: "2001:db8::1"}
    clients = {IPV4: "192.0.2.7", IPV6: "2001:db8::7"}
    with new_namespace(f"{name}-server") as server, new_namespace(f"{name}-client") as client:
        server.ip("link add eth0 type veth peer name eth0 netns", client.name)
        _address(server, "eth0", servers)
        _address(client, "eth0", clients)
        yield Topology("veth", server, client, "eth0", servers, clients)


@contextlib.contextmanager
def macvlan_bridge():
    """Two macvlan devices in bridge mode: the server's in the initial namespace, the client's in its own."""
    servers = {IPV4: "10.0.0.1", IPV6: "fd00::1"}
    clients = {IPV4: "10.0.0.2", IPV6: "fd00::2"}
    with new_namespace("macvlan-client") as client:
        ip("link add parent0 type dummy")
        try:
            ip("link set parent0 up")
            ip("link add macvlan0 link parent0 type macvlan mode bridge")
            ip("link add macvlan1 link parent0 netns", client.name, "type macvlan mode bridge")
            _address(INITIAL, "macvlan0", servers)
            _address(client, "macvlan1", clients)
            yield Topology("macvlan", INITIAL, client, "macvlan0", servers, clients)
        finally:
            ip("link delete parent0")
