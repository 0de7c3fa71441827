# SPDX-License-Identifier: GPL-2.0
"""Real HTTP clients, and those of other protocols. Each runs in a namespace."""

import asyncio
import concurrent.futures
import dataclasses
import http.client
import math
import subprocess
import urllib.parse

# How long a client waits for a reply, in seconds: where the server answers (even in an emulated machine on a busy
# host), and where the filter blocks the request.
TIMEOUT, BLOCKED_TIMEOUT = 20, 2.5


@dataclasses.dataclass(frozen=True)
class Reply:
    """How a request ended: a status, or a timeout, or another error."""

    status: int | None = None
    timed_out: bool = False
    body: str = ""
    error: str = ""

    def __str__(self):
        return "timed out" if self.timed_out else self.error or str(self.status)


def curl(namespace, url, *options, timeout=TIMEOUT):
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), "-w", "\n%{http_code}", *options, url]
    with namespace:
        done = subprocess.run(command, capture_output=True)
    body, _, status = done.stdout.decode().rpartition("\n")
    if done.returncode:
        # 28: the operation timed out.
        return Reply(timed_out=done.returncode == 28, error=f"curl: exit status {done.returncode}: {done.stderr}")
    return Reply(int(status), body=body)


def wget(namespace, url, timeout=TIMEOUT):
    command = ["wget", "--no-proxy", "--tries=1", f"--timeout={timeout}", "-S", "-O", "-", url]
    with namespace:
        done = subprocess.run(command, capture_output=True)
    said = done.stderr.decode()
    if done.returncode:
        return Reply(timed_out="timed out" in said, error=f"wget: exit status {done.returncode}: {said}")
    return Reply(int(said.split("HTTP/1.", 1)[1].split()[1]), body=done.stdout.decode())


def python(namespace, url, timeout=TIMEOUT):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        with namespace:
            connection.request("GET", parts.path)
        reply = connection.getresponse()
        return Reply(reply.status, body=reply.read().decode())
    except TimeoutError as error:
        return Reply(timed_out=True, error=f"python: {error}")
    except OSError as error:
        return Reply(error=f"python: {error}")
    finally:
        connection.close()


def python_requests(namespace, url, timeout=TIMEOUT):
    import requests

    with namespace, requests.Session() as session:
        session.trust_env = False
        try:
            reply = session.get(url, timeout=timeout)
        except requests.Timeout as error:
            return Reply(timed_out=True, error=f"requests: {error}")
    return Reply(reply.status_code, body=reply.text)


def python_aiohttp(namespace, url, timeout=TIMEOUT):
    import aiohttp

    async def get():
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as reply:
            return Reply(reply.status, body=await reply.text())

    try:
        with namespace:
            return asyncio.run(get())
    except TimeoutError as error:
        return Reply(timed_out=True, error=f"aiohttp: {error}")


def netcat(namespace, url, timeout=TIMEOUT):
    """netcat, with a request on its standard input."""
    parts = urllib.parse.urlsplit(url)
    command = ["nc", "-w", str(math.ceil(timeout)), parts.hostname, str(parts.port)]
    with namespace:
        done = subprocess.run(command, input=f"GET {parts.path} HTTP/1.0\r\n\r\n".encode(), capture_output=True)
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    if not head:
        # nc exits with 0 if it has connected and then received nothing.
        return Reply(timed_out=done.returncode == 0, error=f"nc: exit status {done.returncode}: {done.stderr}")
    return Reply(int(head.split()[1]), body=body)


def node_fetch(namespace, url, timeout=TIMEOUT):
    script = f"""
fetch({url!r}, {{signal: AbortSignal.timeout({timeout * 1000})}})
    .then(async reply => console.log(reply.status + "\\n" + await reply.text()), error => console.log(error.name));
"""
    with namespace:
        done = subprocess.run(["node", "-e", script], capture_output=True)
    status, _, body = done.stdout.decode().partition("\n")
    if not status.isdigit():
        return Reply(timed_out=status == "TimeoutError", error=f"node: {status}: {done.stderr.decode()}")
    return Reply(int(status), body=body.removesuffix("\n"))


HTTP_CLIENTS = {
    "curl": curl, "wget": wget, "python": python, "requests": python_requests, "aiohttp": python_aiohttp,
    "netcat": netcat, "node": node_fetch,
}

# The clients that start fast, for tests that send many requests.
QUICK_CLIENTS = {"curl": curl, "wget": wget, "python": python}


def ssh(namespace, key, endpoint, command, stdin=b""):
    """Runs a command over SSH, which must succeed; returns what it prints."""
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20"]
    with namespace:
        done = subprocess.run(
            ["ssh", *options, "-i", key, "-p", str(endpoint.port), f"root@{endpoint.address}", command],
            input=stdin, capture_output=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"ssh: exit status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def redis_cli(namespace, endpoint, *words):
    with namespace:
        done = subprocess.run(["redis-cli", "-h", endpoint.address, "-p", str(endpoint.port), *words],
                              capture_output=True, timeout=30)
    return done.stdout.decode().strip() or done.stderr.decode().strip()


def in_parallel(calls):
    """Runs the calls in a dictionary concurrently; returns their results by the same keys."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        futures = {name: pool.submit(call) for name, call in calls.items()}
        return {name: future.result() for name, future in futures.items()}
