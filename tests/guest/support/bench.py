# SPDX-License-Identifier: GPL-2.0
"""Many connections at once: the program `bench`, a server and clients over a veth pair."""

import contextlib
import pathlib
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "build/target-trixie/release/bench"


def _options(options):
    """`seed=1, alternate=True` as a command line has it."""
    return [word for name, value in options.items() if value is not False
            for word in ([f"--{name}"] if value is True else [f"--{name}", str(value)])]


@contextlib.contextmanager
def serve(endpoint, **options):
    """An echo server."""
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
    """Makes connections, each of which must do as it is to; returns how long their first exchanges took, in us."""
    with namespace:
        done = subprocess.run([PROGRAM, "run", str(endpoint), *_options(options)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.splitlines()]
