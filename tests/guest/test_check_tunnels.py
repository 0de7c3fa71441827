# SPDX-License-Identifier: GPL-2.0
"""`filterctl check` finds on the way of a tunnel what it finds at its end, where the module is: tunnels of Linux's own,
with real clients and servers. Those that Linux has not are handmade in the tests of the crate `capture`."""

import collections
import contextlib
import dataclasses
import signal
import subprocess

import pytest

from support import clients, http_filter, http_servers, nftables, other_servers, schemas
from support.filterctl import FILTERCTL
from support.process import folder
from support.topology import IPV4, IPV6, Endpoint, veth_pair
from support.wait import wait_until

# The device of a tunnel, at both ends, and the addresses there.
DEVICE = "tunnel"
INSIDE = {IPV4: ("10.9.0.1", "10.9.0.2"), IPV6: ("fd09::1", "fd09::2")}
BOTH = IPV4, IPV6

# The ports of the servers, on all of their addresses.
HTTP_PORT, REDIS_PORT = 8080, 6379


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of tunnel, as `ip link add` names it, with {local} and {remote} for the outer addresses."""

    found: str | None
    link: str
    outer: int = IPV4
    inner: tuple = BOTH

    # What `ip fou add` prepares at both ends.
    fou: str = ""


KINDS = {
    "gre": Kind("gre", "gre local {local} remote {remote}"),
    "gre-all-fields": Kind("gre", "gre local {local} remote {remote} key 5 csum seq"),
    "gre-key-of-each-direction": Kind("gre", "gre local {local} remote {remote} {keys}"),
    "gretap": Kind("gre", "gretap local {local} remote {remote} key 5"),
    "erspan-1": Kind("erspan", "erspan local {local} remote {remote} erspan_ver 0"),
    "erspan-2": Kind("erspan", "erspan local {local} remote {remote} seq key 7 erspan_ver 1 erspan 5"),
    "erspan-3": Kind("erspan", "erspan local {local} remote {remote} seq key 7 erspan_ver 2"
                               " erspan_dir ingress erspan_hwid 3"),
    "ip6gre": Kind("gre", "ip6gre local {local} remote {remote} key 5", outer=IPV6),
    "ip6gretap": Kind("gre", "ip6gretap local {local} remote {remote}", outer=IPV6),
    "ip6erspan": Kind("erspan", "ip6erspan local {local} remote {remote} seq key 7 erspan_ver 2"
                                " erspan_dir egress erspan_hwid 3", outer=IPV6),
    "ipip": Kind("ipip", "ipip local {local} remote {remote}", inner=(IPV4,)),
    "6in4": Kind("6in4", "sit local {local} remote {remote} mode ip6ip", inner=(IPV6,)),
    "4in6": Kind("4in6", "ip6tnl local {local} remote {remote} mode ipip6", outer=IPV6, inner=(IPV4,)),
    "6in6": Kind("6in6", "ip6tnl local {local} remote {remote} mode ip6ip6", outer=IPV6, inner=(IPV6,)),
    "vxlan": Kind("vxlan", "vxlan id 42 local {local} remote {remote} dstport 4789"),
    "vxlan-linux-port": Kind("vxlan", "vxlan id 42 local {local} remote {remote} dstport 8472"),
    "vxlan-group-policy": Kind("vxlan", "vxlan id 42 local {local} remote {remote} dstport 4789 gbp"),
    "vxlan-over-ipv6": Kind("vxlan", "vxlan id 42 local {local} remote {remote} dstport 4789", outer=IPV6),
    "geneve": Kind("geneve", "geneve id 42 remote {remote}"),
    "geneve-over-ipv6": Kind("geneve", "geneve id 42 remote {remote}", outer=IPV6),
    "gue": Kind("gue", "ipip local {local} remote {remote} encap gue encap-sport auto encap-dport 6080",
                inner=(IPV4,), fou="port 6080 gue"),
    "gre-in-gue": Kind("gue/gre", "gre local {local} remote {remote} encap gue encap-sport auto encap-dport 6080",
                       fou="port 6080 gue"),
    "vlan-in-vlan": Kind(None, "vlan id 6 link=outer vlan protocol 802.1ad id 5"),
}


@pytest.fixture(scope="module")
def underlay():
    """Two namespaces, with an HTTP server and another one on all addresses of the first."""
    with contextlib.ExitStack() as stack:
        pair = stack.enter_context(veth_pair("check"))
        stack.enter_context(http_servers.nginx(Endpoint(pair.server, "::", HTTP_PORT)))
        # It takes no IPv4 on an IPv6 socket.
        for any_address in "0.0.0.0", "::":
            stack.enter_context(other_servers.redis(Endpoint(pair.server, any_address, REDIS_PORT)))
        yield pair


def ends(pair):
    """Each namespace, its outer addresses and those of its peer, and where its own are among the inner ones."""
    return ((pair.server, pair.server_addresses, pair.client_addresses, 0),
            (pair.client, pair.client_addresses, pair.server_addresses, 1))


def give_addresses(namespace, device, side):
    namespace.ip(f"address add {INSIDE[IPV4][side]}/24 dev {device}")
    namespace.ip(f"address add {INSIDE[IPV6][side]}/64 nodad dev {device}")
    namespace.ip(f"link set {device} up")


@contextlib.contextmanager
def tunnel(pair, kind, more=""):
    """A tunnel between the two namespaces."""
    with contextlib.ExitStack() as stack:
        for namespace, local, remote, side in ends(pair):
            if kind.fou:
                subprocess.run(["modprobe", "fou"], check=True, capture_output=True)
                namespace.ip("fou add", kind.fou)
                stack.callback(namespace.ip, "fou del", kind.fou.removesuffix(" gue"))
            keys = "ikey 5 okey 6" if side else "ikey 6 okey 5"
            link = kind.link.format(local=local[kind.outer], remote=remote[kind.outer], keys=keys)
            lower = pair.device
            link, _, outer = link.partition(" link=outer ")
            if outer:
                namespace.ip(f"link add link {lower} name outer type", outer)
                stack.callback(namespace.ip, "link delete outer")
                namespace.ip("link set outer up")
                lower = "outer"
            under = f"link {lower}" if link.startswith("vlan") else ""
            namespace.ip(f"link add {under} name {DEVICE} type {link}")
            stack.callback(namespace.ip, "link delete", DEVICE)
            if more:
                namespace.ip(f"link set {DEVICE}", more)
            give_addresses(namespace, DEVICE, side)
        yield


@contextlib.contextmanager
def captured(namespace, device, file):
    """What passes a device while the block lasts, in a file."""
    errors = file.with_suffix(".err")
    with namespace, errors.open("wb") as err:
        process = subprocess.Popen(
            ["tcpdump", "-Z", "root", "-U", "--immediate-mode", "-s", "0", "-i", device, "-w", str(file)], stderr=err)
    try:
        wait_until(lambda: "listening on" in errors.read_text(), f"tcpdump listens on {device}", seconds=30)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert " 0 packets dropped by kernel" in " " + errors.read_text().replace("\n", " "), errors.read_text()


def talk(pair, family, path="/"):
    """A request, and another protocol."""
    server = INSIDE[family][0]
    http, redis = (Endpoint(pair.server, server, port) for port in (HTTP_PORT, REDIS_PORT))
    reply = clients.curl(pair.client, http.url(path))
    assert reply.status == 200, reply
    assert clients.redis_cli(pair.client, redis, "PING") == "PONG"


def check(file):
    """The connections in a capture, and what is told beside them."""
    done = subprocess.run([FILTERCTL, "check", "--json", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done
    return [schemas.parse("check", line) for line in done.stdout.splitlines()], done.stderr


def without_place(connections):
    """What does not depend on where a connection was captured, to be compared."""
    kept = "client", "server", "verdict", "line", "reason"
    return sorted([connection[key] or "" for key in kept] for connection in connections)


def verdicts(connections):
    return collections.Counter(connection["verdict"] for connection in connections)


def wait_for(file, **expected):
    """Waits until a capture that goes on has so many connections of each verdict: packets take their time to a file."""
    wait_until(lambda: verdicts(check(file)[0]) == expected, f"{expected} in {file}")


@pytest.mark.usefixtures("unfiltered")
@pytest.mark.parametrize("name", KINDS)
def test_the_way_of_a_tunnel_has_what_its_end_has(underlay, name):
    kind = KINDS[name]
    with folder() as where, tunnel(underlay, kind):
        on_way, at_end = where / "way.pcap", where / "end.pcap"
        with captured(underlay.server, underlay.device, on_way), captured(underlay.server, DEVICE, at_end):
            for family in kind.inner:
                talk(underlay, family)
            for file in on_way, at_end:
                wait_for(file, http1=len(kind.inner), other=len(kind.inner))
        (found, told), (expected, _) = check(on_way), check(at_end)
    assert told == ""
    assert without_place(found) == without_place(expected)
    assert verdicts(found) == {"http1": len(kind.inner), "other": len(kind.inner)}
    assert {connection["tunnel"] for connection in found} == {kind.found}
    assert {connection["tunnel"] for connection in expected} == {None}


@pytest.mark.usefixtures("unfiltered")
def test_a_tunnel_may_be_in_another(underlay):
    with folder() as where, tunnel(underlay, KINDS["gre"]):
        for namespace, side, other in (underlay.server, 0, 1), (underlay.client, 1, 0):
            local, remote = INSIDE[IPV4][side], INSIDE[IPV4][other]
            namespace.ip(f"link add inner type vxlan id 7 local {local} remote {remote} dstport 4789")
            namespace.ip(f"address add 10.10.0.{side + 1}/24 dev inner")
            namespace.ip("link set inner up")
        try:
            with captured(underlay.client, underlay.device, where / "way.pcap"):
                reply = clients.curl(underlay.client, f"http://10.10.0.1:{HTTP_PORT}/")
                assert reply.status == 200, reply
                wait_for(where / "way.pcap", http1=1)
            found, told = check(where / "way.pcap")
        finally:
            for namespace in underlay.server, underlay.client:
                namespace.ip("link delete inner")
    assert told == ""
    assert [(it["tunnel"], it["verdict"]) for it in found] == [("gre/vxlan", "http1")]


@pytest.mark.usefixtures("unfiltered")
def test_a_tunnels_packets_may_be_fragmented(underlay):
    # The first line takes a packet of its own that is larger than what the veth pair carries.
    path = "/?" + "a" * 2500
    with folder() as where, tunnel(underlay, KINDS["vxlan"], "mtu 4000"):
        with captured(underlay.server, underlay.device, where / "way.pcap"):
            for family in BOTH:
                talk(underlay, family, path)
            wait_for(where / "way.pcap", http1=2, other=2)
        found, told = check(where / "way.pcap")
        fragments = subprocess.run(["tcpdump", "-nr", str(where / "way.pcap"), "ip[6:2] & 0x1fff != 0"],
                                   capture_output=True, text=True)
    assert fragments.stdout.count("\n") >= 2, fragments
    assert told == ""
    assert verdicts(found) == {"http1": 2, "other": 2}
    assert {connection["tunnel"] for connection in found} == {"vxlan"}


@pytest.mark.usefixtures("unfiltered")
def test_labels_of_mpls_are_skipped(underlay):
    subprocess.run(["modprobe", "-a", "mpls_router", "mpls_iptunnel"], check=True, capture_output=True)
    server, client = underlay.server, underlay.client
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(folder())
        for namespace, _, remote, side in ends(underlay):
            stack.enter_context(namespace.sysctl("net.mpls.platform_labels", 1000))
            for device in underlay.device, "lo":
                stack.enter_context(namespace.sysctl(f"net.mpls.conf.{device}.input", 1))
            namespace.ip(f"address add {INSIDE[IPV4][side]}/32 dev lo")
            stack.callback(namespace.ip, f"address delete {INSIDE[IPV4][side]}/32 dev lo")
            namespace.ip("-f mpls route add 200 dev lo")
            to, source = INSIDE[IPV4][1 - side], INSIDE[IPV4][side]
            namespace.ip(f"route add {to}/32 encap mpls 100/200 via inet {remote[IPV4]} src {source}")
            stack.callback(namespace.ip, f"route delete {to}/32")
            # The outer label of two is taken off first.
            namespace.ip("-f mpls route add 100 dev lo")
        with captured(client, underlay.device, where / "way.pcap"):
            talk(underlay, IPV4)
            wait_for(where / "way.pcap", http1=1, other=1)
        labelled = subprocess.run(["tcpdump", "-nr", str(where / "way.pcap"), "mpls"], capture_output=True, text=True)
        found, told = check(where / "way.pcap")
    assert labelled.stdout.count("MPLS (label 100") > 5, labelled
    assert told == ""
    assert verdicts(found) == {"http1": 1, "other": 1}
    assert {connection["tunnel"] for connection in found} == {None}


@contextlib.contextmanager
def transformed(pair, protocol, algorithm):
    """IPsec in transport mode between the namespaces, without a key exchange."""
    try:
        for namespace, local, remote, _ in ends(pair):
            here, there = local[IPV4], remote[IPV4]
            for direction, source, destination in ("out", here, there), ("in", there, here):
                between = f"src {source} dst {destination}"
                namespace.ip(f"xfrm state add {between} proto {protocol} spi 0x100 mode transport", algorithm)
                namespace.ip(f"xfrm policy add {between} dir {direction} tmpl {between} proto {protocol} mode transport")
        yield
    finally:
        for namespace, *_ in ends(pair):
            namespace.ip("xfrm policy flush")
            namespace.ip("xfrm state flush")


def talk_outside(pair, path="/"):
    reply = clients.curl(pair.client, f"http://{pair.server_addresses[IPV4]}:{HTTP_PORT}{path}")
    assert reply.status == 200, reply


AH = "ah", f"auth-trunc hmac(sha256) 0x{'11' * 32} 128"
ESP = "esp", f"aead rfc4106(gcm(aes)) 0x{'22' * 20} 128"


@pytest.mark.usefixtures("unfiltered")
def test_what_is_authenticated_is_read(underlay):
    with folder() as where, transformed(underlay, *AH):
        with captured(underlay.server, underlay.device, where / "way.pcap"):
            talk_outside(underlay, "/?" + "a" * 1200)
            wait_for(where / "way.pcap", http1=1)
        found, told = check(where / "way.pcap")
        listed = subprocess.run(["tcpdump", "-nr", str(where / "way.pcap")], capture_output=True, text=True).stdout
    assert "AH(" in listed
    assert told == ""
    assert verdicts(found) == {"http1": 1}


@pytest.mark.usefixtures("unfiltered")
def test_what_is_encrypted_is_told(underlay):
    with folder() as where, transformed(underlay, *ESP):
        with captured(underlay.server, underlay.device, where / "way.pcap"):
            talk_outside(underlay)
            wait_until(lambda: "ESP" in check(where / "way.pcap")[1], "what is encrypted is in the file")
        found, told = check(where / "way.pcap")
    assert found == []
    assert " packets not read: ESP, encrypted\n" in told, told


def test_what_a_rule_logs_is_what_the_module_counts(underlay, filtered):
    http_filter.write_setting("action", "monitor")
    before = http_filter.counters()["requests"]
    logged = f"tcp dport {{ {HTTP_PORT}, {REDIS_PORT} }} counter log group 1"
    with folder() as where, nftables.rules(underlay.server, "filter hook input priority 0", logged):
        with captured(underlay.server, "nflog:1", where / "log.pcap"), tunnel(underlay, KINDS["vxlan"]):
            for family in BOTH:
                talk(underlay, family)
            talk_outside(underlay)
            # The kernel gathers what it logs, for a second.
            wait_for(where / "log.pcap", http1=3, other=2)
        found, told = check(where / "log.pcap")
    assert told == ""
    assert verdicts(found) == {"http1": 3, "other": 2}
    # The tunnel ends before the hook.
    assert {connection["tunnel"] for connection in found} == {None}
    assert http_filter.counters()["requests"] - before == verdicts(found)["http1"]
