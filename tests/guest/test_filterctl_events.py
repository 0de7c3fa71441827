# SPDX-License-Identifier: GPL-2.0
"""`filterctl events`: what is told of connections, and who is behind them."""

import contextlib
import datetime
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys

import pytest

from support import cgroup, http_filter, schemas
from support.filterctl import FILTERCTL, filterctl
from support.payloads import REQUEST
from support.pid_server import ALONE, FORKING, PROGRAM, pid_from_server, pid_server, pid_server_in_container
from support.process import NOBODY, WITHOUT_NET_ADMIN, child_of, folder, process
from support.streams import Stream, listen
from support.topology import Endpoint
from support.wait import wait_until

# As many digits as the number of a container has.
NUMBER = "0123456789abcdef" * 4

NOBODY_ID = 65534

# What listens and never accepts a connection.
LISTENER = """
import socket, sys, time
s = socket.socket()
for option in socket.SO_REUSEADDR, socket.SO_REUSEPORT:
    s.setsockopt(socket.SOL_SOCKET, option, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
"""
WAIT = "time.sleep(600)"

# The same, and starts a process that has the listener too.
INIT = """
import subprocess
subprocess.run(["sleep", "600"], pass_fds=[s.fileno()])
"""

# It listens once it has these: one tells, one receives, one waits for Ctrl-C.
THREADS = 3


class Events:
    """`filterctl events` at work, from when it listens."""

    def __init__(self, arguments="--follow --json", prefix=()):
        command = [*prefix, FILTERCTL, "events", *arguments.split()]
        self.schema = "events-eve" if "--eve" in command else "events"
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        wait_until(lambda: self.process.poll() is not None or len(list(tasks.iterdir())) == THREADS, "it listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self, seconds=30):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert ready, "no event is told"
        return self.process.stdout.readline().decode().rstrip("\n")

    def next(self):
        """The next event, of those in JSON."""
        return schemas.parse(self.schema, self.line())

    def end(self, number=None):
        """Waits for its end, or ends it by a signal; returns its status and all that it says after that."""
        if number:
            self.process.send_signal(number)
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out.decode(), error.decode()

    @contextlib.contextmanager
    def paused(self):
        """It gets events, and does not look into them, during the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module", autouse=True)
def cgroups():
    with cgroup.mounted():
        yield


@pytest.fixture(autouse=True)
def monitored(filtered):
    """Nothing is dropped, so that nothing is repeated."""
    http_filter.write_setting("action", "monitor")


@pytest.fixture
def events(monitored):
    with Events() as events:
        yield events


def pids(event):
    return [process["pid"] for process in event["processes"]]


def told_of_request(events, namespace, endpoint):
    """What is told of a client of `pid_server`, and the process that holds its connection."""
    with Stream(namespace, endpoint) as stream:
        pid = pid_from_server(stream)
        stream.send(REQUEST)
        event = events.next()
    assert event["peer"] == str(stream)
    return event, pid


@contextlib.contextmanager
def never_accepting(endpoint, then=WAIT, **options):
    """A process that listens and then does something else."""
    with endpoint.namespace:
        program = subprocess.Popen([sys.executable, "-c", LISTENER + then, endpoint.address, str(endpoint.port)],
                                   **options)
    try:
        wait_until(lambda: program.pid in listeners(endpoint), "it listens")
        yield program
    finally:
        program.kill()
        program.wait()


def listeners(endpoint):
    """The processes that listen on the port, as ss(8) knows them."""
    shown = endpoint.namespace.run("ss", "-tlnpH", f"sport = :{endpoint.port}").decode()
    return {int(part.split(",")[0]) for part in shown.split("pid=")[1:]}


def kill_listeners(endpoint):
    for pid in listeners(endpoint):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not listeners(endpoint), "nobody listens")


class TestCulprit:
    @pytest.mark.smoke
    @pytest.mark.every_kernel
    def test_a_program_started_by_hand(self, veth, addressing, events):
        listener, reached = veth.endpoints(addressing)
        before = datetime.datetime.now(datetime.timezone.utc)
        with pid_server(listener):
            event, pid = told_of_request(events, veth.client, reached)
        time = datetime.datetime.strptime(event.pop("time"), "%Y-%m-%dT%H:%M:%S.%f%z")
        assert before < time < datetime.datetime.now(datetime.timezone.utc)
        assert int(event.pop("flow_id")) > 0 and event.pop("peer")
        with veth.server:
            inode = os.stat("/proc/thread-self/ns/net").st_ino
        assert event == {
            "schema_version": 1, "type": "found", "lost": 0,
            "netns": {"inode": inode, "name": veth.server.name},
            "local": str(reached), "device": veth.device,
            "kind": "requests", "method": "GET", "target": "/", "host": "example.com",
            "action": "monitor", "rule": None, "comment": None,
            "program": "webserver",
            "processes": [{"pid": pid, "name": "webserver", "executable": pathlib.Path(sys.executable).resolve().name}],
            "unit": None, "container": None, "cgroup": "/", "made_in": "/", "uid": 0, "accepted": True,
        }

    def test_over_loopback(self, loopback, family, events):
        endpoint = loopback.endpoint(family)
        with pid_server(endpoint):
            event, pid = told_of_request(events, loopback.client, endpoint)
        assert pids(event) == [pid] and event["netns"]["name"] == "initial"

    @pytest.mark.parametrize("path, unit, container", [
        ("/system.slice/web.service", "web.service", None),
        (f"/system.slice/docker-{NUMBER}.scope", f"docker-{NUMBER}.scope", {"runtime": "docker", "name": NUMBER}),
        ("/lxc.payload.web/system.slice/web.service", "web.service", {"runtime": "lxc", "name": "web"}),
    ], ids=["service", "container", "service in a container"])
    def test_a_unit_and_a_container(self, veth, events, path, unit, container):
        endpoint = veth.endpoint()
        with cgroup.cgroup(path) as group, pid_server(endpoint, **cgroup.starting_in(group)):
            event, pid = told_of_request(events, veth.client, endpoint)
        assert (event["cgroup"], event["made_in"], event["unit"], event["container"]) == (path, path, unit, container)
        assert pids(event) == [pid]

    def test_a_container_with_namespaces_of_its_own(self, events):
        """Also for processes and mounts; its network namespace has no name, and is new."""
        with cgroup.cgroup(f"/system.slice/docker-{NUMBER}.scope") as group, \
                pid_server_in_container(**cgroup.starting_in(group)) as (pid, endpoint):
            event, pid_there = told_of_request(events, endpoint.namespace, endpoint)
            inode = pathlib.Path(f"/proc/{pid}/ns/net").stat().st_ino
        assert pid_there == 1
        assert (event["netns"], pids(event)) == ({"inode": inode, "name": None}, [pid])
        assert event["container"] == {"runtime": "docker", "name": NUMBER}

    @pytest.mark.parametrize("kind", [ALONE, FORKING])
    def test_the_process_is_the_one_that_holds_it(self, veth, events, kind):
        endpoint = veth.endpoint()
        with pid_server(endpoint, kind):
            for _ in range(3):
                event, pid = told_of_request(events, veth.client, endpoint)
                assert pids(event) == [pid]

    def test_workers_that_listen_on_one_port(self, veth, events):
        endpoint = veth.endpoint()
        with pid_server(endpoint), pid_server(endpoint):
            wait_until(lambda: len(listeners(endpoint)) == 2, "both listen")
            told = [told_of_request(events, veth.client, endpoint) for _ in range(12)]
        assert len({pid for _, pid in told}) == 2
        assert [pids(event) for event, _ in told] == [[pid] for _, pid in told]

    @pytest.mark.parametrize("keeps", [False, True], ids=["handed on", "held by both"])
    def test_socket_activation(self, veth, events, keeps):
        """The listener is made in the socket's unit by one process; another one serves it, as another user."""
        endpoint = veth.endpoint()
        server = ("import os, socket, sys; s = socket.socket(fileno=int(sys.argv[1])); c, _ = s.accept();"
                  "c.sendall(b'%d' % os.getpid()); c.recv(1000); c.recv(1)")
        with cgroup.cgroup("/system.slice/web.socket") as made_in, cgroup.cgroup("/system.slice/web.service") as group:
            with cgroup.inside(made_in):
                listener = listen(endpoint)
            service = subprocess.Popen(
                [*NOBODY, sys.executable, "-c", server, str(listener.fileno())], pass_fds=[listener.fileno()],
                **cgroup.starting_in(group))
            if not keeps:
                listener.close()
            event, pid = told_of_request(events, veth.client, endpoint)
            listener.close()
            service.kill()
            service.wait()
        assert (event["made_in"], event["unit"]) == ("/system.slice/web.socket", "web.service")
        assert pids(event) == [pid] and (event["uid"], event["accepted"]) == (NOBODY_ID, True)

    def test_who_listens_if_nobody_has_accepted_it(self, veth, events):
        endpoint = veth.endpoint()
        with cgroup.cgroup("/system.slice/web.service") as group, \
                never_accepting(endpoint, **cgroup.starting_in(group)) as program:
            with Stream(veth.client, endpoint) as stream:
                stream.send(REQUEST)
                event = events.next()
        assert pids(event) == [program.pid] and event["accepted"] is False
        assert event["unit"] == "web.service"

    def test_the_init_process_comes_last(self, veth, events):
        """It holds the listeners of all sockets' units, and has the lowest number."""
        endpoint = veth.endpoint()
        with cgroup.cgroup("/init.scope") as init, cgroup.cgroup("/system.slice/web.service") as group:
            with never_accepting(endpoint, INIT, **cgroup.starting_in(init)) as program:
                service = child_of(program.pid)
                (group / "cgroup.procs").write_text(str(service))
                with Stream(veth.client, endpoint) as stream:
                    stream.send(REQUEST)
                    event = events.next()
                os.kill(service, signal.SIGKILL)
        assert pids(event) == [service, program.pid]
        assert event["unit"] == "web.service"

    def test_nobody_if_one_of_several_listens(self, veth, events):
        """Which of them it is for cannot be told until it is accepted."""
        endpoint = veth.endpoint()
        with never_accepting(endpoint), never_accepting(endpoint), Stream(veth.client, endpoint) as stream:
            stream.send(REQUEST)
            event = events.next()
        assert pids(event) == [] and event["program"] is None

    def test_a_listener_at_the_address_goes_before_one_at_all(self, veth, events):
        endpoint = veth.endpoint()
        everywhere = Endpoint(veth.server, "0.0.0.0", endpoint.port)
        with never_accepting(everywhere), never_accepting(endpoint) as program, Stream(veth.client, endpoint) as stream:
            stream.send(REQUEST)
            event = events.next()
        assert pids(event) == [program.pid]

    def test_nobody_if_the_one_at_the_address_may_be_for_another_device(self, veth, events):
        endpoint = veth.endpoint()
        everywhere = Endpoint(veth.server, "0.0.0.0", endpoint.port)
        options = [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1), (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")]
        with never_accepting(everywhere), listen(endpoint, options), Stream(veth.client, endpoint) as stream:
            stream.send(REQUEST)
            event = events.next()
        assert pids(event) == []

    @pytest.mark.parametrize("server", ["accepts", "listens"])
    @pytest.mark.parametrize("succeeded", [False, True], ids=["gone", "another has its port"])
    def test_nobody_if_it_has_gone_meanwhile(self, veth, events, server, succeeded):
        endpoint = veth.endpoint()
        run = {"accepts": pid_server, "listens": never_accepting}[server]
        with contextlib.ExitStack() as successor, run(endpoint), Stream(veth.client, endpoint) as stream:
            if server == "accepts":
                pid_from_server(stream)
            with events.paused():
                stream.send(REQUEST)
                wait_until(lambda: http_filter.counters()["monitored"] == 1, "it is found")
                kill_listeners(endpoint)
                if succeeded:
                    successor.enter_context(pid_server(endpoint, name="successor"))
            event = events.next()
        assert (pids(event), event["program"]) == ([], None)
        assert event["made_in"] == "/"

    def test_a_device_that_the_socket_is_bound_to(self, veth, events):
        endpoint = veth.endpoint()
        option = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, veth.device.encode())
        with listen(endpoint, [option]) as listener, Stream(veth.client, endpoint) as stream:
            with listener.accept()[0]:
                listener.close()
                stream.send(REQUEST)
                event = events.next()
        assert pids(event) == [os.getpid()] and event["accepted"]


class TestOutput:
    def test_a_rule_with_its_comment(self, veth, events):
        endpoint = veth.endpoint()
        filterctl("rules replace /dev/null")
        http_filter.write_setting("rules", f"drop port 1; allow port {endpoint.port} # ticket 4711")
        with pid_server(endpoint):
            event, _ = told_of_request(events, veth.client, endpoint)
            assert (event["action"], event["rule"], event["comment"]) == ("allow", 2, "ticket 4711")
            http_filter.write_setting("rules", f"allow port {endpoint.port}")
            event, _ = told_of_request(events, veth.client, endpoint)
            assert (event["rule"], event["comment"]) == (1, None)

    def test_the_end_of_one_that_is_dropped(self, veth, events):
        http_filter.write_setting("action", "drop")
        endpoint = veth.endpoint()
        with pid_server(endpoint):
            found, _ = told_of_request(events, veth.client, endpoint)
            ended = events.next()
        assert found["action"] == "drop"
        assert ended.pop("time") > found["time"]
        assert ended.pop("duration") >= 0 and ended.pop("segments") >= 1
        same = {name: found[name] for name in ("schema_version", "flow_id", "netns", "peer", "local")}
        assert ended == {"type": "ended", "lost": 0, "reason": "closed", **same}

    def test_for_people(self, veth):
        http_filter.write_setting("action", "drop")
        endpoint = veth.endpoint()
        http_filter.write_setting("rules", f"drop port {endpoint.port} # ticket 4711")
        with cgroup.cgroup("/system.slice/web.service") as group, Events("--follow") as events, \
                pid_server(endpoint, **cgroup.starting_in(group)), Stream(veth.client, endpoint) as stream:
            pid = pid_from_server(stream)
            stream.send(b"GET /a?secret HTTP/1.1\r\nHost: \x1b[31m\r\n\r\n")
            day, found = events.line(), events.line()
            assert day == datetime.date.today().isoformat()
            whose = f"{stream} -> {endpoint} in {veth.device} of {veth.server.name}  web.service webserver[{pid}]"
            assert found.split(maxsplit=1)[1] == (
                f"dropped    GET /a  {whose}  Host \\x1b[31m  by rule 1 (ticket 4711)")
            http_filter.write_setting("enabled", 0)
            ended = events.line()
            assert ended.split(maxsplit=1)[1].startswith(f"ended      GET /a  {whose}  ")
            assert ended.endswith(", the filter was switched off")
            status, total, error = events.end(signal.SIGINT)
        assert (status, total, error) == (0, "1 connection: 1 dropped\n", "")

    def test_as_suricata_tells_it(self, veth, family):
        http_filter.write_setting("action", "drop")
        endpoint = veth.endpoint(family)
        with Events("--follow --eve") as events, pid_server(endpoint), Stream(veth.client, endpoint) as stream:
            pid_from_server(stream)
            stream.send(b"GET /a HTTP/1.1\r\nHost: example.com:8080\r\n\r\n")
            found = events.next()
            http_filter.write_setting("enabled", 0)
            ended = events.next()
        form = "%Y-%m-%dT%H:%M:%S.%f%z"
        start = datetime.datetime.strptime(found["timestamp"], form)
        assert (found["event_type"], found["app_proto"], found["proto"]) == ("http", "http", "TCP")
        assert found["http"] == {"hostname": "example.com", "http_port": 8080, "url": "/a", "http_method": "GET",
                                 "protocol": "HTTP/1"}
        assert found["verdict"] == {"action": "drop"}
        for event in found, ended:
            assert socket.inet_pton(family, event["src_ip"]) == socket.inet_pton(family, stream.name[0])
            assert socket.inet_pton(family, event["dest_ip"]) == socket.inet_pton(family, endpoint.address)
            assert (event["src_port"], event["dest_port"]) == (stream.name[1], endpoint.port)
            assert event["flow_id"] == found["flow_id"] == int(event["http_filter"]["flow_id"])
        assert found["http_filter"]["program"] == "webserver"
        assert (ended["event_type"], ended["http_filter"]["reason"]) == ("flow", "disabled")
        assert datetime.datetime.strptime(ended["flow"]["start"], form) == start
        assert (ended["flow"]["state"], ended["flow"]["reason"]) == ("established", "shutdown")


class TestListening:
    def test_it_ends_after_some_time_or_some_events(self, veth):
        assert filterctl("events --for 1s") == "0 connections\n"
        assert filterctl("events --for 1s --json") == ""
        endpoint = veth.endpoint()
        with Events("--for 1h --count 2 --json") as events, pid_server(endpoint):
            for _ in range(2):
                told_of_request(events, veth.client, endpoint)
            assert events.end() == (0, "", "")

    def test_it_ends_with_the_module(self, veth):
        with Events("--follow") as events:
            http_filter.unload()
            status, out, error = events.end()
        assert (status, out) == (3, "")
        assert error == "filterctl: the module is not loaded: run \"filterctl load\"\n"

    def test_a_reader_that_has_enough_is_no_error(self, veth, events):
        endpoint = veth.endpoint()
        events.process.stdout.close()
        with pid_server(endpoint), Stream(veth.client, endpoint) as stream:
            stream.send(REQUEST)
            assert events.process.wait(30) == 0
        events.process.stdout = None

    def test_many_at_once_are_all_told(self, loopback, events):
        http_filter.write_setting("log", 0)
        count = 200
        endpoint = loopback.endpoint()
        with pid_server(endpoint), contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(loopback.client, endpoint)) for _ in range(count)]
            pid, = {pid_from_server(stream) for stream in streams}
            for stream in streams:
                stream.send(REQUEST)
            told = [events.next() for _ in range(count)]
            assert {event["peer"] for event in told} == {str(stream) for stream in streams}
        assert {tuple(pids(event)) for event in told} == {(pid,)}
        assert sum(event["lost"] for event in told) == 0

    @pytest.mark.parametrize("prefix", [NOBODY, WITHOUT_NET_ADMIN], ids=["user", "root without the capability"])
    def test_others_are_told_what_it_takes(self, prefix):
        assert "it takes CAP_NET_ADMIN" in filterctl("events", status=1, prefix=prefix)

    def test_in_a_container_its_own_are_told(self):
        """Its root is nobody to the host, and sees only its own processes."""
        commands = """
            ip link set lo up
            python3 -c "$0" ThreadingTCPServer 127.0.0.1 80 &
            "$1" events --for 1m --count 1 --json &
            python3 -c "$2" $! &
            wait %2
        """
        client = f"""
import pathlib, socket, sys, time
tasks = pathlib.Path(f"/proc/{{sys.argv[1]}}/task")
while len(list(tasks.iterdir())) < {THREADS}:
    time.sleep(0.1)
client = socket.socket()
while client.connect_ex(("127.0.0.1", 80)):
    time.sleep(0.1)
print(client.recv(9).decode(), flush=True)
client.send({REQUEST})
client.recv(9)
"""
        done = subprocess.run([*NOBODY, "unshare", "--user", "--map-root-user", "--net", "--pid", "--fork",
                               "--kill-child", "--mount-proc", "bash", "-c", commands, PROGRAM, FILTERCTL, client],
                              capture_output=True, text=True, timeout=60)
        pid, line = done.stdout.splitlines()
        event = schemas.parse("events", line)
        assert pids(event) == [int(pid)], done
        assert (event["rule"], event["made_in"], event["uid"]) == (None, None, 0)
