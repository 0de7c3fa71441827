# SPDX-License-Identifier: GPL-2.0
"""Receive paths: what the kernel can do with a segment between the device and the socket.

Each is a context manager, for one address family over a veth pair. When the block ends, it checks by a counter of the
kernel, where there is one, that the segments did take this path.
"""

import contextlib
import dataclasses
import socket

from support import topology
from support.namespace import Namespace
from support.nfqueue import Reinjector
from support.nftables import rules
from support.streams import Recorder
from support.topology import IPV4, IPV6, Endpoint

_IPV6_TRANSPARENT = 75

# IPv6 headers of a client's packets: next header (the kernel's to fill in), length, a PadN option of six bytes.
_PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])

# The address that the client connects to where TPROXY hands its packets to a listener at another one.
_ELSEWHERE = {IPV4: "198.51.100.1", IPV6: "2001:db8:51::1"}


@dataclasses.dataclass(frozen=True)
class ReceivePath:
    """A recording server, the namespace of its clients, and the socket options that they set."""

    server: Recorder
    client: Namespace
    options: tuple = ()


@contextlib.contextmanager
def _server(network, family, endpoint=None, **options):
    with Recorder(endpoint or network.endpoint(family), **options) as server:
        yield ReceivePath(server, network.client)


@contextlib.contextmanager
def direct(veth, family):
    """Nothing special, to compare the others with."""
    with _server(veth, family) as path:
        yield path


@contextlib.contextmanager
def loopback(_, family):
    with _server(topology.loopback(), family) as path:
        yield path


@contextlib.contextmanager
def deferred_accept(veth, family):
    """The bare ACK of the handshake is dropped: data arrives at a request socket."""
    option = socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10
    with veth.server.counts("TcpExtTCPDeferAcceptDrop"), _server(veth, family, options=[option]) as path:
        yield path


@contextlib.contextmanager
def syn_cookies(veth, family):
    with (veth.server.sysctl("net.ipv4.tcp_syncookies", 2), veth.server.counts("TcpExtSyncookiesRecv"),
          _server(veth, family) as path):
        yield path


@contextlib.contextmanager
def no_early_demux(veth, family):
    """A packet's socket is not known before TCP looks for it."""
    with (veth.server.sysctl("net.ipv4.tcp_early_demux", 0), veth.server.sysctl("net.ipv4.ip_early_demux", 0),
          _server(veth, family) as path):
        yield path


@contextlib.contextmanager
def extension_headers(veth, family):
    assert family == IPV6
    with _server(veth, family) as path:
        yield dataclasses.replace(path, options=((socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, _PADDING),
                                                 (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, _PADDING)))


@contextlib.contextmanager
def reuseport(veth, family):
    """Four listeners on one port."""
    with _server(veth, family, listeners=4) as path:
        yield path


@contextlib.contextmanager
def transparent_proxy(veth, family):
    """TPROXY: the listener has an address that is not the packets'."""
    listener = veth.endpoint(family)
    elsewhere = Endpoint(veth.server, _ELSEWHERE[family], 80)
    protocol, host = ("ip", 32) if family == IPV4 else ("ip6", 128)
    version = f"-{4 if family == IPV4 else 6}"
    transparent = ((socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1) if family == IPV4 else
                   (socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1))
    veth.client.ip(version, f"route add {elsewhere.address}/{host} via", veth.server_addresses[family])
    veth.server.ip(version, "rule add fwmark 1 lookup 100")
    veth.server.ip(version, f"route add local {elsewhere.address}/{host} dev lo table 100")
    try:
        with (_server(veth, family, listener, reached_at=elsewhere, options=[transparent]) as path,
              rules(veth.server, "filter hook prerouting priority mangle",
                    f"{protocol} daddr {elsewhere.address} tcp dport {elsewhere.port}"
                    f" counter tproxy {protocol} to :{listener.port} meta mark set 1")):
            yield path
    finally:
        veth.server.ip(version, "route flush table 100")
        veth.server.ip(version, "rule delete fwmark 1 lookup 100")
        veth.client.ip(version, f"route delete {elsewhere.address}/{host}")


@contextlib.contextmanager
def redirect(veth, family):
    """REDIRECT: connection tracking rewrites the port of incoming packets."""
    listener = veth.endpoint(family)
    reached_at = veth.endpoint(family)
    with (_server(veth, family, listener, reached_at=reached_at) as path,
          rules(veth.server, "nat hook prerouting priority dstnat",
                f"tcp dport {reached_at.port} counter redirect to :{listener.port}")):
        yield path


@contextlib.contextmanager
def input_snat(veth, family):
    """SNAT in INPUT: the source address is rewritten behind most hooks."""
    protocol, address = ("ip", "192.0.2.77") if family == IPV4 else ("ip6", "2001:db8::77")
    with (_server(veth, family) as path,
          rules(veth.server, "nat hook input priority 100",
                f"tcp dport {path.server.endpoint.port} counter snat {protocol} to {address}")):
        yield path
        peers = path.server.peers()
        assert peers and all(peer == address for peer in peers), peers


@contextlib.contextmanager
def virtual_server(veth, family):
    """IPVS: the address of a virtual server is rewritten to that of a real one, here on the same host."""
    listener = veth.endpoint(family)
    reached_at = veth.endpoint(family)
    with _server(veth, family, listener, reached_at=reached_at) as path:
        veth.server.run("ipvsadm", "--add-service", "--tcp-service", str(reached_at), "--scheduler", "rr")
        try:
            veth.server.run("ipvsadm", "--add-server", "--tcp-service", str(reached_at),
                            "--real-server", str(listener), "--masquerading")
            yield path
            connections = veth.server.run("ipvsadm", "--list", "--connection", "--numeric").decode()
            assert f" {listener}\n" in connections, connections
        finally:
            veth.server.run("ipvsadm", "--clear")


@contextlib.contextmanager
def queue(veth, family):
    """A user-space program reinjects each packet: the next hook runs in process context."""
    with (_server(veth, family) as path, Reinjector(veth.server) as reinjector,
          rules(veth.server, "filter hook input priority filter",
                f"tcp dport {path.server.endpoint.port} counter queue num 0")):
        yield path
        assert reinjector.packets


@contextlib.contextmanager
def _vrf(family, address=None, options=(), accept=0):
    """The server's device belongs to a VRF."""
    with topology.veth_pair("vrf") as pair, pair.server.sysctl("net.ipv4.tcp_l3mdev_accept", accept):
        # Else the address is lost when the device joins.
        with pair.server.sysctl("net.ipv6.conf.eth0.keep_addr_on_down", 1):
            pair.server.ip("link add vrf0 type vrf table 10")
            pair.server.ip("link set vrf0 up")
            pair.server.ip("link set eth0 master vrf0")
            endpoint = pair.endpoint(family)
            listener = dataclasses.replace(endpoint, address=address or endpoint.address)
            with _server(pair, family, listener, reached_at=endpoint, options=options) as path:
                yield path


def _bound(device):
    return socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode()


@contextlib.contextmanager
def vrf_bound_to_it(_, family):
    with _vrf(family, options=[_bound("vrf0")]) as path:
        yield path


@contextlib.contextmanager
def vrf_bound_to_its_device(_, family):
    with _vrf(family, options=[_bound("eth0")]) as path:
        yield path


@contextlib.contextmanager
def vrf_accepted_from_all(_, family):
    with _vrf(family, {IPV4: "0.0.0.0", IPV6: "::"}[family], accept=1) as path:
        yield path


_BOTH = [loopback, deferred_accept, syn_cookies, no_early_demux, reuseport, transparent_proxy, redirect, input_snat,
         virtual_server, queue, vrf_bound_to_it, vrf_bound_to_its_device, vrf_accepted_from_all]

RECEIVE_PATHS = [(path, family) for path in _BOTH for family in (IPV4, IPV6)] + [(extension_headers, IPV6)]
