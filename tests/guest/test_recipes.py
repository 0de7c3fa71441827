# SPDX-License-Identifier: GPL-2.0
"""The recipes of docs/operator.md: their rules, as they are written there, do what is said there."""

import contextlib
import dataclasses
import json
import re
import shutil
import subprocess

import pytest

from support import guide, http_filter, http_servers, nftables
from support.cgroup import cgroup, mounted, starting_in
from support.clients import BLOCKED_TIMEOUT, curl
from support.filterctl import FILTERCTL, filterctl
from support.namespace import INITIAL, Namespace, ip, new_namespace
from support.process import folder, process
from support.topology import Endpoint
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("module")

SERVER, CLIENT, OTHER = "192.0.2.1", "192.0.2.7", "192.0.2.20"


def served(namespace, url, *options):
    reply = curl(namespace, url, *options)
    assert reply.status in (200, 301), f"{url}: {reply}"
    return reply


def blocked(namespace, url, *options):
    """Checks that a request times out because the filter has dropped it."""
    before = http_filter.counters()
    reply = curl(namespace, url, *options, timeout=BLOCKED_TIMEOUT)
    assert reply.timed_out, f"{url}: {reply}"
    assert (http_filter.counters() - before).get("blocked"), f"{url}: timed out, but nothing was blocked"


def source(address):
    return "--interface", address


@pytest.fixture(scope="module", autouse=True)
def cgroups():
    with mounted():
        yield


@pytest.fixture(scope="module")
def client():
    """A namespace with two addresses from which this host, the server, is reached."""
    with new_namespace("recipes-client") as namespace:
        ip("link add eth0 type veth peer name eth0 netns", namespace.name)
        try:
            ip(f"address add {SERVER}/24 dev eth0")
            ip("link set eth0 up")
            namespace.ip(f"address add {CLIENT}/24 dev eth0")
            namespace.ip(f"address add {OTHER}/24 dev eth0")
            namespace.ip("link set eth0 up")
            yield namespace
        finally:
            ip("link delete eth0")


@contextlib.contextmanager
def in_group(path):
    """The options of a server that starts in this control group."""
    with cgroup(path) as group:
        yield starting_in(group)


def set_rules(module, text):
    module.replace(text.encode())


def add_rule(command):
    """Runs one of the guide's commands."""
    subprocess.run([FILTERCTL, *command[1:]], check=True, capture_output=True)


def test_the_module_takes_all_rules_of_the_guide(module):
    sets = guide.all_rules()
    assert len(sets) >= 6
    for text in sets:
        set_rules(module, text)


# A TLS terminator on the same host.

BACKEND = Endpoint(INITIAL, "0.0.0.0", 8080)

TERMINATORS = {
    "nginx before Caddy": (http_servers.nginx_terminator, http_servers.caddy),
    "Caddy before nginx": (http_servers.caddy_terminator, http_servers.nginx),
}


@pytest.mark.parametrize("terminator, backend", TERMINATORS.values(), ids=TERMINATORS)
def test_a_tls_terminator(module, client, terminator, backend):
    front = Endpoint(INITIAL, SERVER, 443)
    with (in_group("/system.slice/shop.service") as shop, backend(BACKEND, **shop),
          terminator(front, f"127.0.0.1:{BACKEND.port}")):
        blocked(INITIAL, f"http://127.0.0.1:{BACKEND.port}/")
        set_rules(module, guide.rules("A TLS terminator on the same host"))
        assert served(client, front.url(scheme="https"), "--insecure").body == http_servers.PAGE
        served(INITIAL, f"http://127.0.0.1:{BACKEND.port}/")
        blocked(client, f"http://{SERVER}:{BACKEND.port}/")


def test_a_tls_terminator_opens_no_other_backend(module, client):
    set_rules(module, guide.rules("A TLS terminator on the same host"))
    with in_group("/system.slice/other.service") as other, http_servers.nginx(BACKEND, **other):
        blocked(INITIAL, f"http://127.0.0.1:{BACKEND.port}/")
    with new_namespace("recipes-container") as container, in_group("/system.slice/shop.service") as shop:
        with http_servers.nginx(Endpoint(container, "127.0.0.1", BACKEND.port), **shop):
            blocked(container, f"http://127.0.0.1:{BACKEND.port}/")


# ACME and redirects on port 80.

ACME = "ACME and redirects on port 80"
WEB = Endpoint(INITIAL, SERVER, 80)
CHALLENGE = WEB.url("/.well-known/acme-challenge/index.html")


def test_acme_and_redirects(module, client):
    set_rules(module, guide.rules(ACME))
    with in_group("/system.slice/nginx.service") as nginx, http_servers.nginx_redirecting(WEB, **nginx):
        assert served(client, CHALLENGE).body == http_servers.PAGE
        assert served(client, f"http://{SERVER}/").status == 301
    with in_group("/system.slice/other.service") as other, http_servers.nginx(WEB, **other):
        blocked(client, f"http://{SERVER}/")


def test_acme_for_the_time_of_a_renewal(module, client):
    with http_servers.nginx_redirecting(WEB):
        blocked(client, CHALLENGE)
        add_rule(guide.command(ACME))
        served(client, CHALLENGE)
        rule, = json.loads(filterctl("rules --json"))["rules"]
        assert rule["until"] and not rule["expired"]


# Prometheus.

@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed here")
def test_prometheus(module, client):
    target = Endpoint(INITIAL, SERVER, 9100)
    web = Endpoint(client, "127.0.0.1", 9090)
    with folder() as where, contextlib.ExitStack() as stack:
        for name in "exporter", "prometheus":
            (where / name).mkdir()
        (where / "prometheus.yml").write_text(f"""
global: {{ scrape_interval: 5s, scrape_timeout: 5s }}
scrape_configs: [ {{ job_name: node, static_configs: [ {{ targets: [ "{target}" ] }} ] }} ]
""")
        stack.enter_context(process(target, where / "exporter", "prometheus-node-exporter", "--web.listen-address", str(target)))
        blocked(client, target.url("/metrics"), *source(OTHER))
        # That is where it scrapes from; and who asks it what it knows is let be.
        client.ip(f"route change 192.0.2.0/24 dev eth0 src {OTHER}")
        stack.callback(client.ip, f"route change 192.0.2.0/24 dev eth0 src {CLIENT}")
        stack.enter_context(process(
            web, where / "prometheus", "prometheus", "--config.file", str(where / "prometheus.yml"),
            "--storage.tsdb.path", str(where / "prometheus"), "--web.listen-address", str(web)))

        def is_up():
            query = curl(client, web.url("/api/v1/query?query=up"))
            # Unavailable (503) until it has started.
            return query.status == 200 and [sample["value"][1] for sample in json.loads(query.body)["data"]["result"]]

        set_rules(module, "allow on lo port 9090")
        wait_until(lambda: is_up() == ["0"], "its scraping fails", seconds=60)
        set_rules(module, guide.rules("Prometheus and health checks") + "allow on lo port 9090")
        wait_until(lambda: is_up() == ["1"], "it scrapes", seconds=60)
        blocked(client, target.url("/metrics"), *source(CLIENT))
        # Its connection outlives the rule.
        set_rules(module, "allow on lo port 9090")
        ended = filterctl(f"connections --port {target.port} --end --yes")
        assert re.search(rf"ended +{OTHER}:.* received [0-9,]+ bytes", ended), ended
        wait_until(lambda: is_up() == ["0"], "its scraping fails again", seconds=60)


# Hosts of containers.

@dataclasses.dataclass(frozen=True)
class Containers:
    """Namespaces on a bridge of this host, which is their router."""

    namespaces: list[Namespace]
    addresses: list[str]


@contextlib.contextmanager
def containers(prefix):
    """Two containers, in place of those that a runtime would make; `prefix` is the first three bytes of their addresses."""
    with contextlib.ExitStack() as stack:
        ip("link add bridge0 type bridge")
        stack.callback(ip, "link delete bridge0")
        ip(f"address add {prefix}.1/24 dev bridge0")
        ip("link set bridge0 up")
        stack.enter_context(INITIAL.sysctl("net.ipv4.ip_forward", 1))
        made = []
        addresses = [f"{prefix}.5", f"{prefix}.6"]
        for number, address in enumerate(addresses):
            namespace = stack.enter_context(new_namespace(f"recipes-{number}"))
            ip(f"link add veth{number} type veth peer name eth0 netns", namespace.name)
            stack.callback(ip, f"link delete veth{number}")
            ip(f"link set veth{number} master bridge0 up")
            namespace.ip(f"address add {address}/24 dev eth0")
            namespace.ip("link set eth0 up")
            namespace.ip(f"route add default via {prefix}.1")
            made.append(namespace)
        yield Containers(made, addresses)


@contextlib.contextmanager
def published(port, to, masquerade=False):
    """A port of this host is forwarded to a container, as kube-proxy and Docker do."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(nftables.rules(
            INITIAL, "nat hook prerouting priority dstnat",
            f"ip daddr {SERVER} tcp dport {port} counter dnat ip to {to}", table="published"))
        if masquerade:
            stack.enter_context(nftables.rules(
                INITIAL, "nat hook postrouting priority srcnat", f"ip daddr {to.address} counter masquerade", table="masquerading"))
        yield


POD = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-1.scope"


def test_a_kubernetes_node(module, client):
    set_rules(module, guide.rules("A Kubernetes node"))
    with (containers("10.244.1") as node, in_group(POD) as pod,
          http_servers.nginx(Endpoint(node.namespaces[0], "0.0.0.0", 8080), **pod),
          http_servers.nginx(Endpoint(node.namespaces[0], "0.0.0.0", 8081), **pod)):
        address = node.addresses[0]
        service = Endpoint(node.namespaces[0], address, 8080)
        # kubelet's probe, a sidecar, another pod.
        served(INITIAL, f"http://{address}:8081/")
        served(node.namespaces[0], "http://127.0.0.1:8080/")
        before = http_filter.counters()
        served(node.namespaces[1], service.url())
        assert (http_filter.counters() - before)["monitored"] == 1
        # A NodePort, from outside: with the client's address, and with the bridge's.
        for masquerade in False, True:
            with published(30080, service, masquerade):
                blocked(client, f"http://{SERVER}:30080/")
    # The node's own, and a load balancer's question.
    with http_servers.nginx(Endpoint(INITIAL, "0.0.0.0", 10256)):
        served(INITIAL, "http://127.0.0.1:10256/")
        served(client, f"http://{SERVER}:10256/", *source(OTHER))
        blocked(client, f"http://{SERVER}:10256/", *source(CLIENT))


def test_a_docker_host(module, client):
    set_rules(module, guide.rules("A Docker host"))
    with containers("172.18.0") as host:
        web = Endpoint(host.namespaces[0], host.addresses[0], 80)
        with in_group("/web.slice/docker-1.scope") as group, http_servers.nginx(dataclasses.replace(web, address="0.0.0.0"), **group):
            served(host.namespaces[1], web.url())
            served(host.namespaces[0], "http://127.0.0.1/")
            blocked(INITIAL, web.url())
            with published(8080, web):
                blocked(client, f"http://{SERVER}:8080/")
            # docker-proxy: it is reached over loopback, and asks from the bridge's address.
            with http_servers.nginx_proxy(Endpoint(INITIAL, "127.0.0.1", 8080), web):
                blocked(INITIAL, "http://127.0.0.1:8080/")
            # One container alone, by its group.
            set_rules(module, "")
            blocked(host.namespaces[1], web.url())
            add_rule(guide.command("A Docker host"))
            served(host.namespaces[1], web.url())
            with published(8080, web):
                served(client, f"http://{SERVER}:8080/")
