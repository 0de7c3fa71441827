# SPDX-License-Identifier: GPL-2.0
"""Many connections at once: the program `bench`, a server and clients over a veth pair."""

import contextlib
import subprocess

from support.http_filter import BUILD

PROGRAM = BUILD / "bench"


def _options(options):
    """`seed=1, lock_sockets=True` as command-line options: `--seed 1 --lock-sockets`."""
    words = []
    for name, value in options.items():
        if value is not False:
            words.append("--" + name.replace("_", "-"))
            words += [] if value is True else [str(value)]
    return words


@contextlib.contextmanager
def serve(endpoint, **options):
    """Runs an echo server while the block lasts."""
    with endpoint.namespace:
        process = subprocess.Popen([PROGRAM, "serve", str(endpoint), *_options(options)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run(namespace, endpoint, **options):
    """Makes connections, none of which may fail; returns how long the first exchange took on each, in microseconds."""
    with namespace:
        done = subprocess.run([PROGRAM, "run", str(endpoint), *_options(options)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.splitlines()]
