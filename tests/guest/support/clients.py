# SPDX-License-Identifier: GPL-2.0
"""Real clients. Each runs in a namespace and is through in TIMEOUT seconds."""

import concurrent.futures
import dataclasses
import http.client
import subprocess
import urllib.parse

# What a client of a blocked server waits. Unblocked replies come in well under half a second
# even in an emulated machine.
TIMEOUT = 4


@dataclasses.dataclass(frozen=True)
class Reply:
    """How a request ended: a status, or nothing within the client's patience, or else an error."""

    status: int | None = None
    timed_out: bool = False
    body: str = ""
    error: str = ""

    def __str__(self):
        return "timed out" if self.timed_out else self.error or str(self.status)


def curl(namespace, url, *options):
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(TIMEOUT), "-w", "\n%{http_code}", *options, url]
    with namespace:
        done = subprocess.run(command, capture_output=True)
    body, _, status = done.stdout.decode().rpartition("\n")
    if done.returncode:
        # 28: the operation timed out.
        return Reply(timed_out=done.returncode == 28, error=f"curl: exit status {done.returncode}: {done.stderr}")
    return Reply(int(status), body=body)


def wget(namespace, url):
    command = ["wget", "--no-proxy", "--tries=1", f"--timeout={TIMEOUT}", "-S", "-O", "-", url]
    with namespace:
        done = subprocess.run(command, capture_output=True)
    said = done.stderr.decode()
    if done.returncode:
        return Reply(timed_out="timed out" in said, error=f"wget: exit status {done.returncode}: {said}")
    return Reply(int(said.split("HTTP/1.", 1)[1].split()[1]), body=done.stdout.decode())


def python(namespace, url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
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


HTTP_CLIENTS = {"curl": curl, "wget": wget, "python": python}


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
    """Runs the calls of a dictionary at once, so that their waits do not add up; returns their results."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        futures = {name: pool.submit(call) for name, call in calls.items()}
        return {name: future.result() for name, future in futures.items()}
