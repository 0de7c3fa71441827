# SPDX-License-Identifier: GPL-2.0
"""The adversary: hand-made packets into real sockets, checked by what a server reads from them."""

import os
import re
import subprocess

import pytest

from support import http_filter

ADVERSARY = http_filter.BUILD / "adversary"

# Connections of random attacks.
CONNECTIONS = int(os.environ.get("ADVERSARY_CONNECTIONS", 2000))

SUMMARY = re.compile(
    r"adversary: (\d+) connections, (\d+) safety violations, (\d+) liveness violations, "
    r"(\d+) avoidable retransmissions"
)


@pytest.fixture(scope="module", autouse=True)
def tun():
    subprocess.run(["modprobe", "tun"], check=True)


def run(*arguments):
    """Runs the adversary; returns the finished process, its output read as text."""
    command = [ADVERSARY, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def attack(*arguments):
    """Runs the adversary, which must find no violation; returns the numbers of its last line."""
    done = run(*arguments)
    assert done.returncode == 0, done.stdout
    return [int(number) for number in SUMMARY.search(done.stdout).groups()]


def test_the_oracle_can_fail(unfiltered):
    done = run("random", "--connections", 200, "--seed", 1)
    connections, safety, liveness, _ = map(int, SUMMARY.search(done.stdout).groups())
    assert (done.returncode, connections, liveness) == (1, 200, 0), done.stdout
    assert safety > 50


def test_the_race_can_be_lost(unfiltered):
    done = run("race", "--rounds", 100)
    assert done.returncode == 1
    assert int(SUMMARY.search(done.stdout)[2]) > 10


def compare(sequences):
    """Runs random sequences of events in the model and in this kernel; returns in how many the two differ."""
    done = run("agree", "--sequences", sequences)
    if "CONFIG_USERFAULTFD" in done.stdout:
        pytest.skip("this kernel has no userfaultfd() (CONFIG_USERFAULTFD)")
    compared, differ = map(int, re.search(r"(\d+) sequences of \d+ events, (\d+) in which", done.stdout).groups())
    assert (compared, done.returncode) == (sequences, int(differ > 0)), done.stdout
    return differ


def test_the_model_agrees_with_this_kernel(filtered):
    assert compare(2000) == 0


def test_the_model_can_differ(filtered):
    http_filter.write_setting("enabled", 0)
    assert compare(100) > 10


def test_random_attacks(filtered):
    connections, *_ = attack("random", "--connections", CONNECTIONS)
    assert connections == CONNECTIONS


@pytest.mark.parametrize(
    "options",
    [["--slow-reader"], ["--lock-sockets"], ["--cpus", "1"], ["--early-demux", "0"], ["--mtu", "576"],
     ["--mtu", "9000"]],
    ids=" ".join,
)
def test_random_attacks_of_one_kind(filtered, options):
    attack("random", "--connections", 250, *options)


def test_the_catalogue(filtered):
    done = run("catalogue")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^adversary: \d{3,} cases, 0 of them", done.stdout, re.MULTILINE), done.stdout


def test_two_segments_at_once_on_two_cpus(filtered):
    connections, *_ = attack("race", "--rounds", 300)
    assert connections == 1200


@pytest.fixture
def tiny_table(unfiltered):
    """The module is loaded with the smallest table of undecided connections."""
    http_filter.load(max_undecided=1)
    yield
    http_filter.unload()


def test_a_tiny_table_lets_nothing_through(tiny_table):
    attack("random", "--connections", 1000, "--concurrency", 256, "--safety-only")
    counters = http_filter.counters()
    assert counters["evicted"] + counters["refused"] > 0


def test_a_tiny_table_starves_no_connection_that_has_room(tiny_table):
    attack("random", "--connections", 250, "--concurrency", 8)
