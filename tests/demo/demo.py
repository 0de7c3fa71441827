#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The story of http_filter, told with real programs: HTTP is served, stopped, served again; all else goes on.

Each step is shown as a command line with what came of it, and checked: one that
is not as told makes the demo exit with status 1.
"""

import contextlib
import functools
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "guest"))

from screen import Screen
from support import http_filter, http_servers, other_servers, topology
from support.clients import curl, in_parallel, redis_cli, ssh
from support.kernel_log import KernelLog
from support.topology import IPV4, IPV6

FILTERCTL = http_filter.MODULE.with_name("filterctl")


class Stage:
    """The servers that the demo talks to, and where from."""

    def __init__(self, cleanup):
        self.loopback = topology.loopback()
        self.veth = cleanup.enter_context(topology.veth_pair())
        self.macvlan = cleanup.enter_context(topology.macvlan_bridge())
        self.pages = []
        for network in self.macvlan, self.veth, self.loopback:
            for family, server in (IPV4, http_servers.nginx), (IPV6, http_servers.busybox_httpd):
                endpoint = network.endpoint(family, port=80)
                cleanup.enter_context(server(endpoint))
                self.pages.append((network, endpoint))
        self.tls = self.veth.endpoint(port=443)
        cleanup.enter_context(http_servers.nginx_tls(self.tls))
        self.ssh = self.veth.endpoint(port=22)
        self.key = cleanup.enter_context(other_servers.sshd(self.ssh))
        self.redis = self.veth.endpoint(port=6379)
        cleanup.enter_context(other_servers.redis(self.redis))


def outcome(reply):
    """How curl ended; its exit status is 56 where the connection was reset."""
    return "reset" if "exit status 56:" in reply.error else str(reply)


def show_pages(screen, stage, expected, others=None):
    """curl in every topology at once: each is to end as expected, and those of `others` otherwise."""
    replies = in_parallel({
        endpoint: functools.partial(curl, network.client, endpoint.url(), timeout=4) for network, endpoint in stage.pages})
    for network, endpoint in stage.pages:
        reply, url = outcome(replies[endpoint]), endpoint.url().replace(":80/", "/")
        screen.step(f"curl {url}", reply, reply == (others or {}).get(endpoint.address, expected), network.name)


def show_the_rest(screen, stage):
    """TLS, SSH and Redis, which go on whatever the filter does."""
    client = stage.veth.client
    replies = in_parallel({
        "tls": lambda: str(curl(client, stage.tls.url(scheme="https"), "--insecure")),
        "ssh": lambda: ssh(client, stage.key, stage.ssh, "echo hello").decode().strip(),
        "redis": lambda: redis_cli(client, stage.redis, "PING"),
    })
    address = stage.tls.address
    screen.step(f"curl -k https://{address}/", replies["tls"], replies["tls"] == "200")
    screen.step(f"ssh root@{address} echo hello", replies["ssh"], replies["ssh"] == "hello")
    screen.step(f"redis-cli -h {address} PING", replies["redis"], replies["redis"] == "PONG")


def show_command(screen, *command):
    """A command that must succeed, with the first line of what it prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip().splitlines() or ["done"]
    shown = " ".join([pathlib.Path(command[0]).name, *(pathlib.Path(word).name for word in command[1:])])
    screen.step(shown, said[0], done.returncode == 0)
    return said


def show_status(screen, connections):
    """filterctl's whole answer, which must tell of as many blocked connections."""
    screen.step("filterctl status")
    done = subprocess.run([FILTERCTL, "status"], capture_output=True, text=True)
    screen.text(done.stdout + done.stderr)
    blocked = http_filter.counters().get("blocked")
    screen.check(f"{connections} connections were blocked", done.returncode == 0 and blocked == connections)


def show_rules(screen):
    """filterctl's table of the rules, each of which has decided on something."""
    screen.step("filterctl rules")
    done = subprocess.run([FILTERCTL, "rules"], capture_output=True, text=True)
    screen.text(done.stdout + done.stderr)
    screen.check("each of them was used", done.returncode == 0 and "never" not in done.stdout)


def show_log(screen, log, connections):
    """The kernel log's lines about dropped connections, one each."""
    screen.step("dmesg | grep dropped")
    dropped = sorted(line for line in log.lines() if line.startswith("dropped"))
    screen.text("\n".join(f"http_filter: {line}" for line in dropped))
    screen.check("one line for each of them, and no complaint of the kernel",
                 len(dropped) == connections and not log.trouble())


def tell(screen, stage, log):
    screen.chapter("Without the filter, HTTP is served in every topology")
    show_pages(screen, stage, "200")

    screen.chapter("With it, HTTP is stopped")
    show_command(screen, "insmod", str(http_filter.MODULE))
    show_pages(screen, stage, "timed out")

    screen.chapter("... and everything else goes on")
    show_the_rest(screen, stage)

    screen.chapter("What the filter tells")
    show_status(screen, len(stage.pages))
    show_log(screen, log, len(stage.pages))

    screen.chapter("Rules say whom it is for, and how")
    scraper = stage.veth.client_addresses[IPV4]
    show_command(screen, FILTERCTL, "rules", "add", "allow", "from", scraper, "#", "the", "scraper")
    show_command(screen, FILTERCTL, "rules", "add", "reject", "on", "lo")
    show_pages(screen, stage, "timed out", {
        stage.veth.server_addresses[IPV4]: "200", **dict.fromkeys(stage.loopback.server_addresses.values(), "reset")})
    show_rules(screen)
    show_command(screen, FILTERCTL, "rules", "delete", "1", "2")

    screen.chapter("It is switched off, on, and taken out while all of this runs")
    show_command(screen, FILTERCTL, "disable")
    show_pages(screen, stage, "200")
    show_command(screen, FILTERCTL, "enable")
    show_pages(screen, stage, "timed out")
    show_command(screen, "rmmod", "http_filter")
    show_pages(screen, stage, "200")
    show_the_rest(screen, stage)
    screen.check("nothing in the kernel log but the filter's own lines", not log.trouble())


def main():
    screen = Screen()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(lambda: http_filter.is_loaded() and http_filter.unload())
        log = cleanup.enter_context(KernelLog())
        tell(screen, Stage(cleanup), log)
    return screen.end()


if __name__ == "__main__":
    sys.exit(main())
