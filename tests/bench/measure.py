#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the filter costs connections of other protocols than HTTP, as tables in Markdown.

Rounds without and with the module take turns, so that whatever else the machine does meets both alike. Each
connection is checked to the byte; a wrong one ends the run with an error.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "guest"))

from support import bench, http_filter, topology
from support.topology import IPV4

# Both ways; a packet in twenty overtakes the others.
LOSSY = "netem limit 100000 delay 3ms reorder 5% loss 1%"

# Of the kernel's counters: what tells of repetitions, and of what made them.
TELLING = ["Retrans", "Timeout", "RTO", "DSACK", "Loss", "Lost", "Reorder", "Backlog", "OFO", "Undo"]

# Where nothing waits for the network, few clients at once keep two processors busy.
SCENES = {
    "lossless": {"threads": 4},
    "lossless, sockets' locks taken": {"threads": 4, "lock_sockets": True},
    "lossless, senders changing CPUs": {"threads": 4, "alternate": True},
    "lossless, both": {"threads": 4, "lock_sockets": True, "alternate": True},
    "1 % loss, 5 % reordered": {"threads": 32, "discipline": LOSSY},
}


class Side:
    """What was seen without the module, or with it."""

    def __init__(self):
        self.times = []
        self.counters = collections.Counter()
        self.filter = collections.Counter()

    def percentile(self, share):
        times = sorted(self.times)
        return times[min(int(len(times) * share), len(times) - 1)] / 1000


@contextlib.contextmanager
def network(pair, discipline):
    """The devices of both ends have this queueing discipline."""
    ends = pair.server, pair.client
    if discipline:
        for end in ends:
            end.run("tc", "qdisc", "add", "dev", "eth0", "root", *discipline.split())
    yield
    if discipline:
        for end in ends:
            end.run("tc", "qdisc", "delete", "dev", "eth0", "root")


def round_of(side, pair, loaded, options, lock_sockets, seed):
    if loaded:
        http_filter.load()
    endpoint = pair.endpoint(IPV4)
    with bench.serve(endpoint, lock_sockets=lock_sockets):
        before = [end.tcp_counters() for end in (pair.server, pair.client)]
        side.times += bench.run(pair.client, endpoint, seed=seed, **options)
        for end, old in zip((pair.server, pair.client), before):
            side.counters += end.tcp_counters() - old
    if loaded:
        side.filter.update(http_filter.counters())
        http_filter.unload()


def measure(pair, streams, connections, rounds, lock_sockets=False, discipline="", **options):
    sides = {False: Side(), True: Side()}
    options |= {"streams": streams, "connections": connections // rounds}
    with network(pair, discipline):
        for number in range(rounds):
            # Neither is always the first.
            for loaded in (False, True) if number % 2 else (True, False):
                round_of(sides[loaded], pair, loaded, options, lock_sockets, seed=number)
    return sides[False], sides[True]


def rows(without, with_module):
    yield "connections", len(without.times), len(with_module.times)
    yield "p50, ms", f"{without.percentile(.5):.2f}", f"{with_module.percentile(.5):.2f}"
    yield "p99, ms", f"{without.percentile(.99):.2f}", f"{with_module.percentile(.99):.2f}"
    names = {"TcpRetransSegs"} | set(without.counters) | set(with_module.counters)
    for name in sorted(names):
        if any(word in name for word in TELLING):
            yield name, without.counters[name], with_module.counters[name]
    for name in "blocked", "deferred", "refused", "evicted":
        yield f"filter: {name}", "", with_module.filter[name]


def table(title, without, with_module):
    print(f"\n### {title}\n\n| | without | with |\n|---|---:|---:|")
    for row in rows(without, with_module):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000, help="of each kind, on each side (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="in how many turns (%(default)s)")
    parser.add_argument("--scene", choices=SCENES, help="only this one")
    arguments = parser.parse_args()
    if http_filter.is_loaded():
        parser.error("the module is loaded: unload it first")
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs; IPv4 over a veth pair; "
          f"{arguments.connections} connections of each kind on each side, in {arguments.rounds} rounds in turn.")
    with topology.veth_pair() as pair:
        for scene, options in SCENES.items():
            if arguments.scene in (None, scene):
                for streams in "short", "long":
                    table(f"{streams}, {scene}", *measure(pair, streams, arguments.connections,
                                                          arguments.rounds, **options))


if __name__ == "__main__":
    main()
