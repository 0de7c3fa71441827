# SPDX-License-Identifier: GPL-2.0
"""IPv6 fragments are reassembled in the hook if they are for this host; forwarded ones are left alone."""

import contextlib
import dataclasses
import ipaddress
import pathlib
import socket
import struct
import subprocess

import pytest

from support import http_filter, ipv6, nftables, receive_paths
from support.handmade import HandmadeClient, LoopbackClient, datagram, deliver, link_address
from support.namespace import INITIAL, new_namespace
from support.streams import Recorder
from support.topology import IPV4, IPV6, Topology, veth_pair
from support.wait import wait_until

# The size of a fragment: each segment is sent in two.
SIZE = 1240
REQUEST = b"GET /" + b"a" * 1300 + b" HTTP/1.1\r\nHost: example.com\r\n\r\n"
LIKE_HTTP = b"GET /" + b"a" * 1300, b"a" * 1300 + b" is not\r\n"
OTHER = b"SSH-2.0-" + b"a" * 1300 + b"\r\n"

EXTENSIONS = {
    "hop-by-hop": [(ipv6.HOP_BY_HOP, ipv6.PADDING)],
    "destination": [(ipv6.DESTINATION, ipv6.PADDING)],
    "both": [(ipv6.HOP_BY_HOP, ipv6.PADDING), (ipv6.DESTINATION, ipv6.PADDING)],
}
by_extensions = pytest.mark.parametrize("extensions", EXTENSIONS.values(), ids=EXTENSIONS)

# UDP datagrams: their data, addresses and ports.
DATA = bytes(range(256)) * 12
SOURCE = ipaddress.ip_address("2001:db8:77::7")
SERVER = ipaddress.ip_address("2001:db8:99::1")
PORTS = 5353, 9999


@pytest.fixture
def server(filtered, veth):
    with Recorder(veth.endpoint(IPV6)) as recorder:
        yield recorder


@pytest.fixture
def short_lived():
    """A veth pair of its own: fragments that stay in a reassembly queue must not affect later tests."""
    with veth_pair("short") as pair:
        yield pair


def leave_incomplete(client):
    """Sends only the first of two fragments."""
    client.send(OTHER, fragment_size=SIZE, only=slice(1))


def assert_blocked(server, client, **how):
    before = http_filter.counters()["dropped"]
    client.send(REQUEST, **how)
    wait_until(lambda: http_filter.counters()["dropped"] > before, "the request is dropped")
    assert server.read_from(client) == b""


# Packets for this host.

@by_extensions
def test_a_fragmented_request_behind_extension_headers_is_blocked(veth, server, extensions):
    with HandmadeClient(veth, server.endpoint) as client:
        assert_blocked(server, client, fragment_size=SIZE, extensions=extensions)


@by_extensions
def test_a_fragmented_stream_behind_extension_headers_is_delivered(veth, server, extensions):
    with HandmadeClient(veth, server.endpoint) as client:
        deliver(server, client, *LIKE_HTTP, fragment_size=SIZE, extensions=extensions)


@pytest.mark.parametrize("path", [receive_paths.no_early_demux, receive_paths.queue, receive_paths.redirect,
                                  receive_paths.vrf_bound_to_it])
def test_fragments_are_reassembled_on_each_receive_path(filtered, veth, path):
    """The fragments are sent in reverse order."""
    reverse = slice(None, None, -1)
    with path(veth, IPV6) as found:
        server = found.server
        network = dataclasses.replace(veth, server=server.endpoint.namespace, client=found.client)
        with HandmadeClient(network, server.endpoint) as client:
            assert_blocked(server, client, fragment_size=SIZE, only=reverse)
        with HandmadeClient(network, server.endpoint, port=40_001) as client:
            deliver(server, client, *LIKE_HTTP, fragment_size=SIZE, only=reverse)


def test_an_atomic_fragment_is_not_reassembled_with_others(filtered, short_lived):
    """RFC 6946: a forged fragment of the same identification must not make the kernel discard the packet."""
    with Recorder(short_lived.endpoint(IPV6)) as server, HandmadeClient(short_lived, server.endpoint) as client:
        leave_incomplete(client)
        deliver(server, client, OTHER, fragment_size=2 * SIZE)


@contextlib.contextmanager
def receiver(namespace, address="::", port=PORTS[1]):
    with namespace, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as found:
        found.bind((address, port))
        found.settimeout(5)
        yield found


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("address", ["2001:db8::1", "ff02::1"], ids=["unicast", "multicast"])
def test_a_datagram_in_fragments_is_delivered(veth, address):
    with receiver(veth.server) as found, veth.client, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.sendto(DATA, (address, PORTS[1], 0, socket.if_nametoindex(veth.device)))
        assert found.recv(65_536) == DATA


@pytest.mark.usefixtures("filtered")
def test_a_ping_in_fragments_is_answered(veth):
    with veth.client, socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as ping:
        ping.settimeout(5)
        ping.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 1) + DATA, (veth.server_addresses[IPV6], 0))
        while (answer := ping.recv(65_536))[0] != 129:
            pass
    assert answer[4:] == struct.pack("!HH", 7, 1) + DATA


@pytest.fixture
def tracked():
    """A namespace where conntrack looks at everything."""
    addresses = {IPV4: "192.0.2.1", IPV6: "2001:db8::1"}
    with new_namespace("tracked") as namespace:
        namespace.ip("link add dummy0 type dummy")
        namespace.ip("address add", addresses[IPV6] + "/64 nodad dev dummy0")
        namespace.ip("link set dummy0 up")
        with nftables.rules(namespace, "filter hook input priority 0", "ct state new,established counter"):
            yield Topology("loopback", namespace, namespace, "dummy0", addresses, addresses)


def test_packets_that_conntrack_has_seen_are_reassembled(filtered, tracked):
    """Packets over loopback have their conntrack entry from OUTPUT already when they come in, in fragments."""
    with Recorder(tracked.endpoint(IPV6)) as server:
        with LoopbackClient(tracked, server.endpoint) as client:
            assert_blocked(server, client, fragment_size=SIZE)
        with LoopbackClient(tracked, server.endpoint, port=40_001) as client:
            deliver(server, client, *LIKE_HTTP, fragment_size=SIZE)
    assert http_filter.counters()["uninspectable"] == 0


# Forwarded packets.

class Route:
    """A route from a client to a server by a router: sends IPv6 packets at one end, receives them at the other."""

    def __init__(self, client, router, server, number):
        device, link = f"eth{number}", f"2001:db8:{number}::"
        router.ip("link add near type veth peer name", device, "netns", client.name)
        router.ip("link add far type veth peer name", device, "netns", server.name)
        for namespace, name in (router, "near"), (router, "far"), (client, device), (server, device):
            namespace.ip("link set", name, "up")
        router.ip("address add", link + "1/64 nodad dev far")
        server.ip("address add", link + "2/64 nodad dev", device)
        router.ip("route add", str(SERVER), "via", link + "2")
        with client:
            self._entry = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._entry.bind((device, 0))
        self._ethernet = link_address(router, "near") + link_address(client, device) + struct.pack("!H", 0x86DD)
        with server:
            self._exit = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD))
        self._exit.bind((device, 0x86DD))
        self._exit.settimeout(5)

    def close(self):
        self._entry.close()
        self._exit.close()

    def send(self, packet):
        self._entry.send(self._ethernet + packet)

    def receive(self):
        """Waits for the client's next packet at the server."""
        while (packet := self._exit.recv(65_536))[8:24] != SOURCE.packed:
            pass
        return packet


@pytest.fixture
def routes(filtered):
    """The server, and two routes to it from the same client."""
    with contextlib.ExitStack() as stack:
        client, server, *routers = (
            stack.enter_context(new_namespace(name)) for name in ("sender", "receiver", "router0", "router1"))
        server.ip("address add", f"{SERVER}/128 nodad dev lo")
        found = []
        for number, router in enumerate(routers):
            stack.enter_context(router.sysctl("net.ipv6.conf.all.forwarding", 1))
            found.append(stack.enter_context(contextlib.closing(Route(client, router, server, number))))
        yield server, *found


def sent_in_fragments():
    payload = datagram(SOURCE, SERVER, PORTS, DATA)
    return list(ipv6.fragments(SOURCE, SERVER, socket.IPPROTO_UDP, payload, SIZE, identification=7))


def test_forwarded_fragments_arrive_as_they_were_sent(routes):
    _, route, _ = routes
    sent = sent_in_fragments()[::-1]
    for packet in sent:
        route.send(packet)
    one_hop_less = [packet[:7] + bytes([packet[7] - 1]) + packet[8:] for packet in sent]
    assert [route.receive() for _ in sent] == one_hop_less


def test_fragments_may_arrive_by_different_routers(routes):
    server, *both = routes
    with receiver(server) as found:
        for number, packet in enumerate(sent_in_fragments()):
            both[number % 2].send(packet)
        assert found.recv(65_536) == DATA


# While fragments are incomplete, the namespace or the filter goes.

def test_a_namespace_with_incomplete_fragments_is_removed(filtered):
    with new_namespace("outliving") as outliving:
        with veth_pair("short") as pair:
            pair.server.ip("link add witness type veth peer name witness netns", outliving.name)
            with Recorder(pair.endpoint(IPV6)) as server, HandmadeClient(pair, server.endpoint) as client:
                leave_incomplete(client)
        wait_until(lambda: "witness" not in outliving.ip("-brief link"), "the namespace is gone")


MODULES = pathlib.Path("/sys/module")
REFERENCES = MODULES / "nf_defrag_ipv6/refcnt"


def references():
    """The number of references to nf_defrag_ipv6, which reassembles fragments."""
    return int(REFERENCES.read_text())


def remove(module):
    """Unloads a module of the kernel, after the modules that depend on it."""
    for holder in (MODULES / module / "holders").iterdir():
        if holder.exists():
            remove(holder.name)
    subprocess.run(["rmmod", module], check=True)


@pytest.fixture
def without_reassembly(unfiltered):
    """nf_defrag_ipv6 is not loaded."""
    subprocess.run(["modprobe", "nf_defrag_ipv6"], check=True)
    if not REFERENCES.exists():
        pytest.skip("this kernel has nf_defrag_ipv6 built in")
    remove("nf_defrag_ipv6")


def test_the_filter_is_unloaded_with_incomplete_fragments(without_reassembly, short_lived):
    """The filter holds a reference to nf_defrag_ipv6 while it is on, and none while it is off."""
    http_filter.load()
    with Recorder(short_lived.endpoint(IPV6)) as server, HandmadeClient(short_lived, server.endpoint) as client:
        leave_incomplete(client)
        assert references() == 1
        http_filter.write_setting("enabled", 0)
        assert references() == 0
        http_filter.write_setting("enabled", 1)
        leave_incomplete(client)
    http_filter.unload()
    assert references() == 0
    remove("nf_defrag_ipv6")


def test_the_filter_works_without_nf_defrag_ipv6(without_reassembly, veth, kernel_log):
    """Fragments pass without inspection; a line in the kernel log says so."""
    with INITIAL.sysctl("kernel.modprobe", "/bin/false"):
        http_filter.load()
    assert any("nf_defrag_ipv6 can't be loaded" in line for line in kernel_log.lines())
    with Recorder(veth.endpoint(IPV6)) as server, HandmadeClient(veth, server.endpoint) as client:
        client.send(REQUEST, fragment_size=SIZE)
        server.wait_for(client, REQUEST)
    assert http_filter.counters()["uninspectable"] > 0
    http_filter.unload()
