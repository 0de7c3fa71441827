# SPDX-License-Identifier: GPL-2.0
"""Real clients and servers of other protocols work as without the filter, even if their data quotes HTTP."""

import contextlib
import ftplib
import imaplib
import io
import random
import smtplib
import subprocess

import pytest

from support import http_filter, http_servers, other_servers
from support.clients import curl, redis_cli, ssh
from support.process import for_each_addressing
from support.streams import Stream
from support.wait import wait_until

pytestmark = [pytest.mark.payload, pytest.mark.usefixtures("filtered")]

REQUEST = "GET / HTTP/1.1"


@pytest.fixture(autouse=True)
def nothing_dropped(filtered):
    """No connection counts as HTTP, and no segment is dropped or deferred: only `inspected` grows."""
    yield
    counters = http_filter.counters()
    assert {name for name, value in counters.items() if value} == {"inspected"}


@pytest.mark.smoke
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_https(veth, version):
    with for_each_addressing(veth, http_servers.nginx_tls) as instances:
        for instance in instances:
            reply = curl(veth.client, instance.endpoint.url(scheme="https"), "--insecure", f"--tlsv{version}",
                         "--tls-max", version)
            assert (str(reply), reply.body) == ("200", http_servers.PAGE), instance


@pytest.mark.smoke
def test_ssh(veth):
    with for_each_addressing(veth, other_servers.sshd, mapped=False) as instances:
        for instance in instances:
            answer = ssh(veth.client, instance.yielded, instance.endpoint, f"echo {REQUEST}")
            assert answer.decode() == REQUEST + "\n", instance


def test_ssh_on_port_80(veth, family):
    endpoint = veth.endpoint(family, 80)
    with other_servers.sshd(endpoint) as key:
        assert ssh(veth.client, key, endpoint, f"echo {REQUEST}").decode() == REQUEST + "\n"


def test_ssh_copies_a_megabyte_in_both_directions(macvlan):
    endpoint = macvlan.endpoint()
    data = random.Random(1).randbytes(1_000_000)
    with other_servers.sshd(endpoint) as key:
        assert ssh(macvlan.client, key, endpoint, "cat", stdin=data) == data


@pytest.mark.smoke
def test_redis(veth):
    with for_each_addressing(veth, other_servers.redis, mapped=False) as instances:
        for instance in instances:
            assert redis_cli(veth.client, instance.endpoint, "SET", "page", REQUEST) == "OK"
            assert redis_cli(veth.client, instance.endpoint, "GET", "page") == REQUEST, instance


def assert_answers(veth, endpoint, question, answer):
    """Sends a question on a new connection, and checks the answer."""
    with Stream(veth.client, endpoint) as stream:
        stream.send(question)
        assert stream.read_exactly(len(answer)) == answer


def test_redis_inline_commands(veth):
    with for_each_addressing(veth, other_servers.redis, mapped=False) as instances:
        for instance in instances:
            for question, answer in (b"SET key 1", b"+OK"), (b"GET key", b"$1\r\n1"), (b"PING", b"+PONG"):
                assert_answers(veth, instance.endpoint, question + b"\r\n", answer + b"\r\n")


def test_memcached(veth):
    with for_each_addressing(veth, other_servers.memcached, mapped=False) as instances:
        for instance in instances:
            value = REQUEST.encode()
            assert_answers(veth, instance.endpoint, b"set page 0 0 %d\r\n%s\r\n" % (len(value), value), b"STORED\r\n")
            assert_answers(veth, instance.endpoint, b"get page\r\n",
                           b"VALUE page 0 %d\r\n%s\r\nEND\r\n" % (len(value), value))


def run(namespace, *command, seconds=60):
    """Runs a client, which must succeed; returns what it prints."""
    with namespace:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_postgresql(veth):
    with for_each_addressing(veth, other_servers.postgresql, mapped=False) as instances:
        for instance in instances:
            answer = run(veth.client, "psql", "-h", instance.endpoint.address, "-p", str(instance.endpoint.port),
                         "-U", "postgres", "-Atc", f"select '{REQUEST}'")
            assert answer == REQUEST + "\n", instance


def test_smtp(veth):
    mail = f"Subject: {REQUEST}\r\n\r\n{REQUEST}\r\n"
    with for_each_addressing(veth, other_servers.opensmtpd, mapped=False) as instances:
        for instance in instances:
            with veth.client:
                client = smtplib.SMTP(instance.endpoint.address, instance.endpoint.port, "test", timeout=60)
            with client:
                client.sendmail("a@example.com", "b@example.com", mail)
            arrived, = wait_until(lambda: list(instance.yielded.glob("new/*")), "the mail arrives", seconds=30)
            assert mail.replace("\r\n", "\n") in arrived.read_text(), instance


def test_imap(veth):
    mail = f"Subject: {REQUEST}\r\n\r\n{REQUEST}\r\n".encode()
    with for_each_addressing(veth, other_servers.dovecot, mapped=False) as instances:
        for instance in instances:
            with veth.client:
                client = imaplib.IMAP4(instance.endpoint.address, instance.endpoint.port, timeout=60)
            with client:
                client.login("somebody", "x")
                client.append("INBOX", None, None, mail)
                client.select()
                assert client.fetch("1", "(RFC822)")[1][0][1] == mail, instance


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_ftp(veth, passive):
    data = random.Random(6).randbytes(300_000)
    with for_each_addressing(veth, other_servers.vsftpd) as instances:
        for instance in instances:
            with veth.client, contextlib.closing(ftplib.FTP(timeout=60)) as client:
                client.connect(instance.endpoint.address, instance.endpoint.port)
                client.login()
                client.set_pasv(passive)
                client.cwd("uploads")
                client.storbinary(f"STOR {instance}", io.BytesIO(data))
                assert str(instance) in client.nlst(), instance
                back = io.BytesIO()
                client.retrbinary(f"RETR {instance}", back.write)
                assert back.getvalue() == data, instance
                client.quit()


def test_mqtt(veth):
    with for_each_addressing(veth, other_servers.mosquitto, mapped=False) as instances:
        for instance in instances:
            where = ["-h", instance.endpoint.address, "-p", str(instance.endpoint.port), "-t", "page"]
            run(veth.client, "mosquitto_pub", *where, "--retain", "-m", REQUEST)
            assert run(veth.client, "mosquitto_sub", *where, "-C", "1") == REQUEST + "\n", instance


def test_rtsp(veth):
    with for_each_addressing(veth, other_servers.rtsp) as instances:
        for instance in instances:
            answer = run(veth.client, "curl", "-sSi", "--noproxy", "*", instance.endpoint.url("/stream", "rtsp"))
            assert answer.startswith("RTSP/1.0 200 OK"), instance


def test_sip_over_tcp(veth, tmp_path):
    with for_each_addressing(veth, other_servers.sipp) as instances:
        for instance in instances:
            # sipp is an interactive program, hence -nostdin. It exits with 0 if all calls have succeeded.
            run(veth.client, "sh", "-c", f"cd {tmp_path} && exec sipp -sn uac -t t1 -m 3 -r 30 -nostdin -i"
                f" {veth.client_addresses[instance.endpoint.family]} {instance.endpoint}")
