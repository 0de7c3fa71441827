# SPDX-License-Identifier: GPL-2.0
"""`filterctl connections`: inbound connections, whose they are, and their end."""

import contextlib
import pathlib
import subprocess
import sys

import pytest

from support import cgroup, http_servers, other_servers, schemas
from support.filterctl import FILTERCTL, filterctl
from support.pid_server import ALONE, FORKING, pid_from_server, pid_server, pid_server_in_container
from support.process import NOBODY, folder, process
from support.streams import Stream, listen
from support.wait import wait_until

pytestmark = pytest.mark.usefixtures("unfiltered")

# As many digits as the number of a container has.
NUMBER = "0123456789abcdef" * 4

# filterctl sees only processes of its own.
AMONG_ITSELF = ["unshare", "--pid", "--fork", "--mount-proc"]


@pytest.fixture(scope="module", autouse=True)
def cgroups():
    with cgroup.mounted():
        yield


def connections(arguments="", prefix=()):
    lines = filterctl(f"connections --json {arguments}", prefix=prefix).splitlines()
    return [schemas.parse("connections", line) for line in lines]


def of(stream):
    """The connection from this client."""
    connection, = [connection for connection in connections() if connection["peer"] == str(stream)]
    return connection


def outcomes(arguments, streams, prefix=()):
    """What `filterctl connections --end` tells of these clients' connections; none, where it was not asked for."""
    by_peer = {connection["peer"]: connection["outcome"] for connection in connections(f"--end {arguments}", prefix)}
    return [by_peer.get(str(stream)) for stream in streams]


def is_open(stream):
    """Whether the client's connection is neither ended nor reset."""
    stream.socket.setblocking(False)
    try:
        return stream.socket.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


@contextlib.contextmanager
def clients(namespace, endpoint, count=2):
    """Connections, of which the server has told who holds them."""
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(namespace, endpoint)) for _ in range(count)]
        yield {stream: pid_from_server(stream) for stream in streams}


def pids(connection):
    return [process["pid"] for process in connection["processes"]]


class TestList:
    @pytest.mark.smoke
    @pytest.mark.every_kernel
    def test_a_connection_has_its_addresses_and_its_program(self, veth, addressing):
        listener, reached = veth.endpoints(addressing)
        with pid_server(listener), Stream(veth.client, reached) as stream:
            pid = pid_from_server(stream)
            stream.send(b"12345")
            wait_until(lambda: of(stream)["bytes_received"] == 5, "it has come")
            told = of(stream)
        assert told.pop("idle") < 60
        assert told == {
            "schema_version": 1,
            "netns": {"inode": told["netns"]["inode"], "name": veth.server.name},
            "local": str(reached), "peer": str(stream), "state": "established",
            "program": "webserver",
            "processes": [{"pid": pid, "name": "webserver", "executable": pathlib.Path(sys.executable).resolve().name}],
            "unit": None, "container": None, "cgroup": "/",
            "bytes_received": 5, "ssh": False, "outcome": None, "error": None,
        }

    @pytest.mark.parametrize("kind", [ALONE, FORKING])
    def test_the_process_is_the_one_that_holds_it(self, veth, kind):
        endpoint = veth.endpoint()
        with pid_server(endpoint, kind), clients(veth.client, endpoint) as streams:
            assert [pids(of(stream)) for stream in streams] == [[pid] for pid in streams.values()]

    def test_among_workers_that_listen_on_one_port(self, veth):
        endpoint = veth.endpoint()
        with pid_server(endpoint), pid_server(endpoint), clients(veth.client, endpoint, count=16) as streams:
            assert len(set(streams.values())) == 2
            assert [pids(of(stream)) for stream in streams] == [[pid] for pid in streams.values()]

    def test_one_that_is_not_accepted_has_no_program_but_a_unit(self, veth):
        endpoint = veth.endpoint()
        listener = "import socket, sys, time; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); time.sleep(600)"
        with cgroup.cgroup("/system.slice/web.socket") as group, folder() as where, process(
                endpoint, where, "python3", "-c", listener, endpoint.address, str(endpoint.port),
                **cgroup.starting_in(group)):
            with Stream(veth.client, endpoint) as stream:
                told = of(stream)
                assert outcomes("--unit web.service", [stream]) == ["would end"]
        assert (told["program"], told["processes"], told["unit"]) == (None, [], "web.socket")

    def test_outbound_connections_are_not_listed(self, loopback, veth):
        here, there = loopback.endpoint(), veth.endpoint()
        with listen(here), listen(there), Stream(loopback.client, here) as local, Stream(veth.client, there) as remote:
            peers = [connection["peer"] for connection in connections()]
        assert sorted(peers) == sorted([str(local), str(remote)])

    def test_without_the_listener_it_is_not_known_to_be_inbound(self, veth):
        endpoint = veth.endpoint()
        with listen(endpoint) as listener, Stream(veth.client, endpoint) as stream, listener.accept()[0]:
            assert of(stream)
            listener.close()
            assert connections() == []

    def test_a_unit_and_a_container_are_known_by_their_control_group(self, veth):
        endpoint = veth.endpoint()
        for path, unit, container in [
            ("/system.slice/web.service", "web.service", None),
            (f"/system.slice/docker-{NUMBER}.scope", f"docker-{NUMBER}.scope", {"runtime": "docker", "name": NUMBER}),
            ("/lxc.payload.web/system.slice/web.service/worker", "web.service", {"runtime": "lxc", "name": "web"}),
        ]:
            with cgroup.cgroup(path) as group, pid_server(endpoint, **cgroup.starting_in(group)):
                with clients(veth.client, endpoint, count=1) as (stream,):
                    told = of(stream)
            assert (told["cgroup"], told["unit"], told["container"]) == (path, unit, container)

    def test_in_a_container(self):
        """With namespaces of its own for networks, processes and mounts, and without a name."""
        with cgroup.cgroup(f"/system.slice/docker-{NUMBER}.scope") as group, \
                pid_server_in_container(**cgroup.starting_in(group)) as (pid, endpoint):
            with clients(endpoint.namespace, endpoint, count=1) as (stream,):
                told = of(stream)
                inode = pathlib.Path(f"/proc/{pid}/ns/net").stat().st_ino
                assert outcomes(f"--netns {inode} --yes", [stream]) == ["ended"]
                assert not is_open(stream)
        assert (told["netns"], pids(told)) == ({"inode": inode, "name": None}, [pid])
        assert told["container"] == {"runtime": "docker", "name": NUMBER}

    def test_for_people(self, veth):
        endpoint = veth.endpoint()
        with cgroup.cgroup("/system.slice/web.service") as group, pid_server(endpoint, **cgroup.starting_in(group)):
            with clients(veth.client, endpoint) as streams:
                first, second = streams
                first.send(b"12345")
                wait_until(lambda: of(first)["bytes_received"] == 5, "it has come")
                heading, group, *each, total = filterctl("connections --long").splitlines()
        pid, = set(streams.values())
        assert heading.split() == ["local", "program", "pid", "unit", "or", "container", "netns", "connections"]
        assert group.split() == [str(endpoint), "webserver", str(pid), "web.service", veth.server.name, "2"]
        assert sorted(line.split()[:5] for line in each) == sorted([
            [str(first), str(pid), "established", "received", "5"],
            [str(second), str(pid), "established", "received", "nothing,"]])
        assert total == "2 inbound connections"

    def test_nobody_is_told_what_only_root_sees(self, loopback):
        endpoint = loopback.endpoint()
        with pid_server(endpoint), clients(loopback.client, endpoint, count=1) as (stream,):
            done = subprocess.run([*NOBODY, FILTERCTL, "connections", "--json"], capture_output=True, text=True)
        told, = [schemas.parse("connections", line) for line in done.stdout.splitlines()]
        assert (told["peer"], told["program"]) == (str(stream), None)
        assert "only root sees" in done.stderr


class TestEnd:
    @pytest.fixture
    def servers(self, veth):
        """Two servers, and two clients of each."""
        one, other = veth.endpoint(), veth.endpoint()
        with cgroup.cgroup("/system.slice/one.service") as group, \
                pid_server(one, name="one", **cgroup.starting_in(group)), \
                pid_server(other, name="other"):
            with clients(veth.client, one) as ones, clients(veth.client, other) as others:
                yield one, list(ones), list(others)

    @pytest.mark.every_kernel
    @pytest.mark.parametrize("selector", ["--port {port}", "--port 1,{port}-{port}", "--program one",
                                          "--unit one.service", "--unit /system.slice/one.service", "--unit one",
                                          "--program one --netns {netns} --port {port}"])
    def test_exactly_the_selected_are_ended(self, veth, servers, selector):
        endpoint, ones, others = servers
        selector = selector.format(port=endpoint.port, netns=veth.server.name)
        assert outcomes(selector, ones + others) == ["would end", "would end", None, None]
        assert all(map(is_open, ones + others))
        assert outcomes(f"{selector} --yes", ones + others) == ["ended", "ended", None, None]
        assert [is_open(stream) for stream in ones + others] == [False, False, True, True]
        # The listener goes on.
        with clients(veth.client, endpoint) as later:
            assert all(map(is_open, later))

    @pytest.mark.parametrize("selector", ["--port 1", "--program on", "--unit one.scope", "--netns initial",
                                          "--program one --unit other.service"])
    def test_what_is_not_selected_stays(self, servers, selector):
        _, ones, others = servers
        assert connections(f"--end --yes {selector}") == []
        assert all(map(is_open, ones + others))

    def test_for_people(self, servers):
        *_, advice = filterctl("connections --program one --end").splitlines()
        assert advice == "-> --yes ends them"
        *_, total = filterctl("connections --program one --end --yes").splitlines()
        assert total == "2 inbound connections: 2 ended"

    @pytest.mark.smoke
    @pytest.mark.every_kernel
    def test_connections_of_each_kind_of_address(self, veth, addressing):
        listener, reached = veth.endpoints(addressing)
        with pid_server(listener), clients(veth.client, reached) as streams:
            assert outcomes(f"--port {reached.port} --yes", streams) == ["ended", "ended"]
            assert not any(map(is_open, streams))

    def test_an_http_server_lives_on(self, veth):
        endpoint = veth.endpoint()
        with http_servers.nginx(endpoint), Stream(veth.client, endpoint) as stream:
            stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stream.socket.recv(1 << 16).startswith(b"HTTP/1.1 200")
            assert outcomes("--program nginx --yes", [stream]) == ["ended"]
            with pytest.raises(ConnectionResetError):
                stream.socket.recv(1)
            with Stream(veth.client, endpoint) as later:
                later.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert later.socket.recv(1 << 16).startswith(b"HTTP/1.1 200")

    def test_outbound_connections_stay(self, veth):
        """Those of the program that was selected, too."""
        endpoint = veth.endpoint()
        with listen(endpoint), Stream(veth.client, endpoint) as stream:
            assert connections(f"--end --yes --netns {veth.client.name}") == []
            assert is_open(stream)

    def test_what_sshd_holds_is_kept(self, veth, family):
        endpoint = veth.endpoint(family)
        with other_servers.sshd(endpoint), Stream(veth.client, endpoint) as stream:
            assert stream.socket.recv(4) == b"SSH-"
            assert of(stream)["ssh"] is True
            for selector in f"--port {endpoint.port}", f"--netns {veth.server.name}", f"--program {of(stream)['program']}":
                assert outcomes(f"{selector} --yes", [stream]) == ["kept"]
            assert outcomes(f"--port {endpoint.port} --yes --ssh", [stream]) == ["ended"]
            with pytest.raises(ConnectionResetError):
                while stream.socket.recv(1 << 16):
                    pass

    @pytest.mark.parametrize("unit", ["ssh.service", "sshd.service", "ssh.socket", "sshd@1.service"])
    def test_what_its_units_hold_is_kept(self, veth, unit):
        endpoint = veth.endpoint()
        with cgroup.cgroup(f"/system.slice/{unit}") as group, pid_server(endpoint, **cgroup.starting_in(group)):
            with clients(veth.client, endpoint) as streams:
                assert outcomes(f"--port {endpoint.port} --yes", streams) == ["kept", "kept"]
                assert all(map(is_open, streams))

    def test_what_comes_to_its_port_is_kept(self, veth):
        """Also before it is accepted."""
        endpoint = veth.endpoint()
        with pid_server(endpoint, name="sshd"), pid_server(endpoint), clients(veth.client, endpoint, count=8) as streams:
            assert outcomes(f"--port {endpoint.port} --yes", streams) == ["kept"] * 8

    def test_what_is_held_by_nobody_knows_whom_is_kept(self, loopback):
        endpoint = loopback.endpoint()
        with pid_server(endpoint), clients(loopback.client, endpoint) as streams:
            arguments = f"--port {endpoint.port} --yes"
            assert outcomes(arguments, streams, AMONG_ITSELF) == ["kept", "kept"]
            assert all(map(is_open, streams))
            assert outcomes(f"{arguments} --ssh", streams, AMONG_ITSELF) == ["ended", "ended"]

    def test_nobody_is_told_what_it_takes(self, loopback):
        endpoint = loopback.endpoint()
        with pid_server(endpoint), clients(loopback.client, endpoint) as streams:
            error = filterctl(f"connections --port {endpoint.port} --end --yes --ssh", status=1, prefix=NOBODY)
            assert "2 connections could not be ended" in error and "CAP_NET_ADMIN" in error
            assert all(map(is_open, streams))

    def test_it_takes_a_selector_of_a_namespace_that_exists(self, servers):
        _, ones, others = servers
        filterctl("connections --end --yes", status=2)
        assert "no network namespace nowhere" in filterctl("connections --end --yes --netns nowhere", status=1)
        assert all(map(is_open, ones + others))
