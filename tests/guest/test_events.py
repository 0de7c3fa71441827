# SPDX-License-Identifier: GPL-2.0
"""Events: what is told, to whom, and what becomes of those that can be told to nobody."""

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from support import genetlink, http_filter, socket_filter, tracing
from support.cgroup import cgroup, inside, mounted
from support.events import Listener
from support.expect import send_blocked, send_delivered
from support.handmade import HandmadeClient
from support.many_connections import open_connections
from support.namespace import INITIAL
from support.payloads import MINIMAL_REQUEST, REQUEST
from support.process import NOBODY, WITHOUT_NET_ADMIN
from support.streams import Recorder, Stream, connection, listen
from support.topology import IPV4, MAPPED
from support.undecided_connections import full_table
from support.wait import wait_until

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

SO_COOKIE, SO_NETNS_COOKIE = 57, 71
NOBODY_ID = 65534


def cookie_of(sock, option=SO_COOKIE):
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, option, 8), "little")


def inode(namespace):
    with namespace:
        return os.stat("/proc/thread-self/ns/net").st_ino


def netns_cookie(namespace):
    with namespace, socket.socket() as probe:
        return cookie_of(probe, SO_NETNS_COOKIE)


def set_rules(*rules):
    http_filter.write_setting("rules", "\n".join(rules))


@pytest.fixture(scope="module", autouse=True)
def cgroups():
    with mounted():
        yield


@pytest.fixture
def listener(filtered):
    # It hears nothing of connections that were found before.
    for enabled in 0, 1:
        http_filter.write_setting("enabled", enabled)
    with Listener() as listener:
        yield listener


# What is told.

def test_a_connection_that_is_found(each_topology, family, listener):
    server = each_topology.server
    with Recorder(each_topology.endpoint(family)) as recorder:
        before = time.time_ns()
        with Stream(each_topology.client, recorder.endpoint) as stream:
            stream.send(b"GET /index.html?token=x HTTP/1.1\r\nHost: example.com\r\n\r\n")
            event = listener.next()
        after = time.time_ns()
    assert before <= event.pop("time") <= after
    for name in "flow_id", "cgroup", "cookie":
        assert event.pop(name) > 0
    event.pop("accepted", None)
    assert event == {
        "type": "found", "netns": inode(server), "netns_cookie": netns_cookie(server), "device": each_topology.device,
        "from": stream.name[0], "from_port": stream.name[1],
        "to": recorder.endpoint.address, "to_port": recorder.endpoint.port,
        "kind": "requests", "method": "GET", "target": "/index.html", "host": "example.com", "action": "drop", "uid": 0}


def test_mapped_addresses_are_those_of_ipv4(veth, listener):
    listening, reached = veth.endpoints(MAPPED)
    with Recorder(listening, reached_at=reached) as server:
        send_blocked(server, veth.client, REQUEST)
    event = listener.next()
    assert (event["from"], event["to"]) == (veth.client_addresses[IPV4], veth.server_addresses[IPV4])


@pytest.mark.parametrize("log", [0, 1])
@pytest.mark.parametrize("pieces, target, host", [
    ((b"GET / HT", b"TP/1.1\r\nHost: a\r\n\r\n"), "/", "a"),
    ((b"\r\n\r\nGET /x", b"yz HTTP/1.1\nhost:a\n\n"), "/xyz", "a"),
    ((b"GET / HTTP/1", b".1\r\nHost: a\r\n\r\n"), "/", None),
    ((b"GET / HTTP/1.1\r\nHost: a",), "/", None),
    ((b"GET / HTTP/1.1\r\n\r\nHost: a\r\n",), "/", None),
    ((b"GET / HTTP/1.1\r\nHost: " + b"a" * 200 + b"\r\n",), "/", "a" * 128),
    ((b"GET / HTTP/1.1\r\nX: " + b"x" * 3000 + b"\r\nHost: a\r\n\r\n",), "/", None),
    ((b"GET /" + b"x" * 100 + b" HTTP/1.1\r\n\r\n",), "/" + "x" * 63, None),
    ((b"GET /\x1b[31m\xff\" HTTP/1.1\r\nHost: \x1b]0;\\\xe4\r\n\r\n",), r"/\x1b[31m\xff\x22", r"\x1b]0;\x5c\xe4"),
    ((b"GET http://me:secret@a/b HTTP/1.1\r\n\r\n",), "http://a/b", None),
])
def test_the_first_line_and_the_host(veth, recorder, listener, pieces, target, host, log):
    http_filter.write_setting("log", log)
    send_blocked(recorder, veth.client, *pieces)
    event = listener.next()
    assert (event["method"], event["target"], event.get("host")) == ("GET", target, host)


@pytest.mark.parametrize("stream, kind, line", [
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h2c", {}),
    (b"GET /\r\nHost: a\r\n", "http09", {"method": "GET", "target": "/"}),
    (b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", "responses", {}),
    (b"BREW /pot HTTP/1.1\r\n\r\n", "requests", {"method": "BREW", "target": "/pot"}),
])
def test_each_kind(veth, recorder, listener, stream, kind, line):
    http_filter.write_setting("detect", "requests h2c http09 responses")
    send_blocked(recorder, veth.client, stream)
    event = listener.next()
    assert event["kind"] == kind
    assert {name: event[name] for name in ("method", "target", "host") if name in event} == line


@pytest.mark.parametrize("log", [0, 1])
def test_each_action(veth, recorder, listener, kernel_log, log):
    http_filter.write_setting("log", log)
    port = recorder.endpoint.port
    set_rules("drop port 1", f"allow port {port} kind http09", f"monitor port {port} kind h2c")
    http09 = send_delivered(recorder, veth.client, b"GET /\r\n")
    h2c = send_delivered(recorder, veth.client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    dropped, _ = send_blocked(recorder, veth.client, MINIMAL_REQUEST)
    found = [listener.next() for _ in range(3)]
    assert [(event["from_port"], event["action"], event.get("rule")) for event in found] == [
        (http09.name[1], "allow", 2), (h2c.name[1], "monitor", 3), (dropped.name[1], "drop", None)]
    assert len({event["flow_id"] for event in found}) == 3
    # Whoever listens, what is allowed is not logged.
    assert [line.split()[0] for line in kernel_log.lines()] == ["monitored", "dropped"] * log


def test_each_connection_is_told_once(veth, recorder, listener):
    http_filter.write_setting("action", "monitor")
    for pieces in (REQUEST,), (REQUEST[:5], REQUEST[5:]), (REQUEST, REQUEST):
        send_delivered(recorder, veth.client, *pieces)
    send_delivered(recorder, veth.client, b"SSH-2.0-x\r\n")
    assert [event["type"] for event in listener.rest()] == ["found"] * 3


# Whose it is.

def test_a_socket_as_ss_shows_it(veth, family, listener):
    with cgroup("/events.slice/web.service") as folder, inside(folder):
        endpoint = veth.endpoint(family)
        with listen(endpoint) as server, Stream(veth.client, endpoint) as stream, server.accept()[0] as accepted:
            stream.send(REQUEST)
            event = listener.next()
            shown = veth.server.run("ss", "-tneHO", "--cgroup", f"sport = :{endpoint.port}").decode()
            assert event["cookie"] == cookie_of(accepted)
            assert (event["uid"], event["accepted"]) == (0, True)
            assert event["cgroup"] == folder.stat().st_ino
            assert f"sk:{event['cookie']:x} " in shown and "cgroup:/events.slice/web.service" in shown
            accepted.close()


def test_who_has_not_accepted_yet(veth, family, listener):
    """The socket is there, and its user is the listener's."""
    endpoint = veth.endpoint(family)
    with listen(endpoint) as server, Stream(veth.client, endpoint) as stream:
        stream.send(REQUEST)
        event = listener.next()
        with server.accept()[0] as accepted:
            assert event["cookie"] == cookie_of(accepted)
            assert (event["uid"], "accepted" in event) == (0, False)


@contextlib.contextmanager
def child(run):
    """Runs a function in a child process, which ends with the block."""
    pid = os.fork()
    if not pid:
        try:
            run()
            time.sleep(60)
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("inherits", [False, True], ids=["forked before it accepts", "forked afterwards"])
def test_a_process_that_serves_the_listener_of_another(veth, listener, inherits):
    """As with socket activation, and as a server that forks: in another group, and as another user."""
    endpoint = veth.endpoint()
    with cgroup("/events.slice/web.socket") as made_in, cgroup("/served.slice/web.service") as served_in:
        group = made_in.stat().st_ino
        with inside(made_in):
            server = listen(endpoint)
        accepted, said = os.pipe()
        with server, Stream(veth.client, endpoint) as stream:
            before = server.accept()[0] if inherits else None

            def serve():
                (served_in / "cgroup.procs").write_text(str(os.getpid()))
                os.setuid(NOBODY_ID)
                socket_of_client = before or server.accept()[0]
                os.write(said, cookie_of(socket_of_client).to_bytes(8, "little"))
                time.sleep(60)

            with child(serve):
                cookie = int.from_bytes(os.read(accepted, 8), "little")
                stream.send(REQUEST)
                event = listener.next()
            if before:
                before.close()
    assert event["cookie"] == cookie
    assert event["cgroup"] == group and event["accepted"]
    assert event["uid"] == (0 if inherits else NOBODY_ID)


def test_workers_that_share_a_port(veth, listener):
    """Each with a listener of its own (SO_REUSEPORT), in a group of its own."""
    endpoint = veth.endpoint()
    reuse = [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]
    with contextlib.ExitStack() as stack:
        workers = []
        for number in range(4):
            folder = stack.enter_context(cgroup(f"/worker{number}"))
            with inside(folder):
                worker = stack.enter_context(listen(endpoint, reuse))
            worker.setblocking(False)
            workers.append((folder.stat().st_ino, worker))
        for _ in range(12):
            with Stream(veth.client, endpoint) as stream:
                stream.send(REQUEST)
                event = listener.next_found()
            found = []
            for group, worker in workers:
                with contextlib.suppress(BlockingIOError):
                    worker.accept()[0].close()
                    found.append(group)
            assert found == [event["cgroup"]]


@pytest.mark.parametrize("cookies", [1, 2], ids=["request socket", "SYN cookie"])
def test_the_listener_of_a_socket_that_is_not_there_yet(veth, family, listener, cookies):
    with veth.server.sysctl("net.ipv4.tcp_syncookies", cookies), cgroup("/events.slice") as folder:
        endpoint = veth.endpoint(family)
        with inside(folder), listen(endpoint) as server:
            with HandmadeClient(veth, endpoint, port=42_000 + cookies, bare_ack=False) as client:
                client.send(REQUEST)
                event = listener.next()
            assert event["cookie"] == cookie_of(server)
            assert event["cgroup"] == folder.stat().st_ino
            assert "accepted" not in event


# To whom.

def test_nothing_is_recorded_while_nobody_listens(veth, recorder):
    if not tracing.is_supported():
        pytest.skip("this kernel can't count calls")

    def calls():
        with tracing.count("hf_flow_receiver") as receivers, tracing.count("hf_genl_event_new") as messages:
            send_blocked(recorder, veth.client, REQUEST)
            time.sleep(1.5)
        return receivers.calls, messages.calls

    for log in 0, 1:
        http_filter.write_setting("log", log)
        assert calls() == (0, 0)
        with Listener() as listener:
            assert calls()[0] == 1
            assert listener.next()["type"] == "found"
        assert calls() == (0, 0)


def test_the_initial_namespace_hears_all_and_others_their_own(veth, loopback, recorder, listener):
    set_rules("monitor port 1", "drop")
    with veth.server:
        own = Listener()
    with veth.client:
        other = Listener()
    with own, other, Recorder(loopback.endpoint()) as host:
        send_blocked(host, INITIAL, REQUEST)
        send_blocked(recorder, veth.client, REQUEST)
        assert [event["to_port"] for event in (listener.next_found(), listener.next_found())] == [
            host.endpoint.port, recorder.endpoint.port]
        event = own.next()
        assert event["to_port"] == recorder.endpoint.port
        assert "cookie" in event and "uid" in event and "rule" not in event and "cgroup" not in event
        assert [event for event in own.rest() if event["type"] == "found"] == []
        assert other.rest() == []


LISTEN = f"""
import socket, sys
sys.path.insert(0, {str(genetlink.__file__.rsplit("/", 2)[0])!r})
from support.events import Listener
try:
    listener = Listener()
except PermissionError as error:
    print(error.errno)
    sys.exit()
"""


@pytest.mark.parametrize("prefix", [NOBODY, WITHOUT_NET_ADMIN], ids=["user", "root without the capability"])
def test_nobody_else_hears_anything(prefix):
    done = subprocess.run([*prefix, sys.executable, "-B", "-c", LISTEN], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EPERM)], done.stderr


def test_root_of_a_container_hears_its_own(listener):
    script = LISTEN + r"""
import json, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 80))
client = socket.create_connection(("127.0.0.1", 80))
client.send(b"GET /mine HTTP/1.1\r\n\r\n")
print(json.dumps(listener.next()))
"""
    command = [*NOBODY, "unshare", "--user", "--map-root-user", "--net", sys.executable, "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    own, all_of_it = json.loads(done.stdout), listener.next()
    assert own.pop("uid") == 0 and all_of_it.pop("uid") == NOBODY_ID
    assert all_of_it.pop("cgroup") > 0
    assert own == all_of_it


# What is lost.

@contextlib.contextmanager
def before_all_others():
    """This thread keeps its CPU from all others, the kernel's workers among them, as long as it has something to do."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [max(cpus)])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, cpus)


def test_what_is_lost_is_counted_and_told(loopback, listener):
    http_filter.write_setting("log", 0)
    http_filter.write_setting("action", "monitor")
    with open_connections(loopback, 800) as (clients, _):
        with before_all_others():
            for client in clients:
                client.send(REQUEST)
        assert wait_until(lambda: http_filter.counters()["monitored"] == 800, "all are found")
        told = listener.rest()
    lost = http_filter.counters()["events_lost"]
    assert lost > 0
    assert len(told) + lost == 800
    with Recorder(loopback.endpoint()) as server:
        send_delivered(server, loopback.client, REQUEST)
        told.append(listener.next())
    assert sum(event.get("lost", 0) for event in told) == lost


def test_a_listener_that_does_not_read_is_told_by_the_kernel(loopback, listener):
    http_filter.write_setting("log", 0)
    http_filter.write_setting("action", "monitor")
    with Listener() as lazy:
        lazy.limit_buffer()
        with open_connections(loopback, 50, REQUEST):
            assert len(listener.rest()) == 50
        with pytest.raises(OSError) as lost:
            for _ in range(50):
                lazy.next()
        assert lost.value.errno == errno.ENOBUFS
    assert http_filter.counters()["events_lost"] == 0


# The end.

def test_the_socket_is_gone(veth, family, listener):
    endpoint = veth.endpoint(family)
    with listen(endpoint) as server, HandmadeClient(veth, endpoint, port=42_010) as client, server.accept()[0]:
        client.send(REQUEST)
        found = listener.next()
        time.sleep(0.3)
        for _ in range(4):
            client.send(REQUEST)
        client.reset()
        ended = listener.next()
    assert ended.pop("time") > found["time"]
    assert 300 <= ended.pop("duration") < 5000
    same = {name: found[name] for name in ("flow_id", "netns", "netns_cookie", "from", "from_port", "to", "to_port")}
    assert ended == {"type": "ended", "reason": "closed", "segments": 5, **same}


def test_the_server_has_closed_it(veth, listener):
    endpoint = veth.endpoint()
    with listen(endpoint) as server, HandmadeClient(veth, endpoint, port=42_011) as client:
        with server.accept()[0]:
            client.send(REQUEST)
            found = listener.next()
            assert listener.rest(2.5) == []
        ended = listener.next()
    assert (ended["flow_id"], ended["reason"], ended["segments"]) == (found["flow_id"], "closed", 1)


@pytest.mark.waits
def test_silence(veth, listener):
    """Nothing comes any more: of a connection whose socket stays, and of one of which there is a SYN cookie alone."""
    endpoint = veth.endpoint()
    with listen(endpoint), contextlib.ExitStack() as stack:
        found = []
        for cookies in 1, 2:
            with veth.server.sysctl("net.ipv4.tcp_syncookies", cookies):
                client = HandmadeClient(veth, endpoint, port=42_020 + cookies, bare_ack=cookies == 1)
                stack.enter_context(client).send(REQUEST)
                found.append(listener.next())
        began = time.monotonic()
        ended = [listener.next(150) for _ in found]
        assert 110 < time.monotonic() - began < 130
    assert [event["reason"] for event in ended] == ["silent"] * 2
    assert {event["flow_id"] for event in ended} == {event["flow_id"] for event in found}


def test_of_too_many_the_quietest_give_way(loopback, listener):
    http_filter.write_setting("log", 0)
    with open_connections(loopback, 4200, MINIMAL_REQUEST):
        told = listener.rest(2)
        counters = http_filter.counters()
    flows = {event["flow_id"] for event in told if event["type"] == "found"}
    displaced = [event for event in told if event["type"] == "ended" and event["reason"] == "displaced"]
    assert len(flows) + counters["events_lost"] >= 4200
    assert len(displaced) >= 4200 - 4096 - counters["events_lost"]
    assert {event["flow_id"] for event in displaced} <= flows or counters["events_lost"]
    rest = listener.rest(3)
    ended = [event["flow_id"] for event in told + rest if event["type"] == "ended"]
    assert len(ended) == len(set(ended))
    assert len(ended) + http_filter.counters()["events_lost"] >= 4200


@pytest.mark.parametrize("bare_ack", [True, False], ids=["socket", "request socket"])
def test_the_module_has_rejected_it(veth, family, listener, bare_ack):
    http_filter.write_setting("action", "reject")
    endpoint = veth.endpoint(family)
    with listen(endpoint), HandmadeClient(veth, endpoint, port=42_030 + bare_ack, bare_ack=bare_ack) as client:
        client.send(REQUEST)
        found, ended = listener.next(), listener.next(5)
    assert (found["type"], found["action"]) == ("found", "reject")
    assert (ended["flow_id"], ended["reason"], ended["segments"]) == (found["flow_id"], "aborted", 1)


def test_the_module_has_ended_it(veth):
    """A filter of its socket may drop what the module has found, which then is undecided still; others need its place."""
    http_filter.unload()
    http_filter.load(max_undecided=1, log=0)
    with socket_filter.attached(socket_filter.instruction(socket_filter.RETURN, 0xffff)) as let_all_pass:
        with Listener() as listener, Recorder(veth.endpoint(), options=[let_all_pass]) as server:
            with Stream(veth.client, server.endpoint) as stream:
                stream.send(b"GET", b" / HTTP/1.1\r\n\r\n")
                found = listener.next()
                time.sleep(5.5)
                with full_table(server, veth.client):
                    ended = listener.next()
    assert http_filter.counters()["evicted"] == 1
    assert (ended["flow_id"], ended["reason"]) == (found["flow_id"], "aborted")
    assert ended["segments"] > 1
    http_filter.unload()


def test_the_filter_is_switched_off(veth, recorder, listener):
    with Stream(veth.client, recorder.endpoint) as stream:
        stream.send(REQUEST)
        found = listener.next()
        http_filter.write_setting("enabled", 0)
        ended = listener.next(1)
        assert (ended["flow_id"], ended["reason"]) == (found["flow_id"], "disabled")
        recorder.wait_for(stream, REQUEST)


def test_what_passes_has_no_end(veth, recorder, listener):
    http_filter.write_setting("action", "monitor")
    send_delivered(recorder, veth.client, REQUEST)
    assert [event["type"] for event in listener.rest(2.5)] == ["found"]


# Unloading.

def test_the_module_is_unloaded_under_listeners(veth):
    stop = threading.Event()
    heard = []

    def hear():
        while not stop.is_set():
            try:
                with Listener() as listener:
                    heard.extend(listener.rest(0.2))
            except OSError as error:
                # There is no family, or no group any more.
                assert error.errno in (errno.ENOENT, errno.EINVAL)

    def ask(server):
        while not stop.is_set():
            with Stream(veth.client, server.endpoint) as stream:
                stream.socket.send(REQUEST)
                time.sleep(0.01)

    with Recorder(veth.endpoint(), forget=True) as server:
        threads = [threading.Thread(target=hear), threading.Thread(target=hear),
                   threading.Thread(target=ask, args=[server])]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                http_filter.unload()
                http_filter.load(log=0)
                time.sleep(0.3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    # Whoever listens next hears no end of these.
    http_filter.unload()
    assert {event["type"] for event in heard} == {"found", "ended"}


# By other programs.

YNL = http_filter.BUILD / "ynl"


@pytest.mark.skipif(not YNL.exists(), reason="the kernel's tool is not there for this kernel")
def test_the_kernels_own_tool_hears_them(veth, recorder):
    tool = [sys.executable, "-B", YNL / "tools/net/ynl/pyynl/cli.py", "--spec",
            http_filter.MODULE.parents[2] / "module/uapi/http_filter.yaml", "--no-schema", "--output-json"]
    with subprocess.Popen([*tool, "--subscribe", "events", "--duration", "3"], stdout=subprocess.PIPE, text=True) as ynl:
        while ynl.poll() is None:
            send_blocked(recorder, veth.client, REQUEST)
        out = ynl.stdout.read()
    event = json.loads(out.splitlines()[0])
    assert event["name"] == "event"
    told = event["msg"]
    assert (told["type"], told["method"], told["host"], told["action"]) == ("found", "GET", "example.com", "drop")
