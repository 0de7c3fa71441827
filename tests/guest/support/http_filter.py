# SPDX-License-Identifier: GPL-2.0
"""The module under test: loading, its settings, its counters."""

import functools
import os
import pathlib
import subprocess

# What was built for this kernel.
BUILD = pathlib.Path(__file__).resolve().parents[3] / "build" / os.uname().release
MODULE = BUILD / "http_filter.ko"
SYSFS = pathlib.Path("/sys/kernel/http_filter")

DEFAULTS = {
    "rules": "",
    "enabled": "1",
    "action": "drop",
    "detect": "requests h2c http09",
    "log": "1",
}


class Counters(dict):
    """Values by name (`requests`, `methods/GET`)."""

    def __sub__(self, before):
        """The changes since `before`, of the counters that have changed."""
        return Counters({name: value - before[name] for name, value in self.items() if value != before[name]})


def insmod(**parameters):
    """Tries to load the module; returns the finished insmod."""
    arguments = [f'{name}="{value}"' if " " in str(value) else f"{name}={value}" for name, value in parameters.items()]
    return subprocess.run(["insmod", str(MODULE), *arguments], capture_output=True, text=True)


def load(**parameters):
    done = insmod(**parameters)
    assert done.returncode == 0, done.stderr


def unload():
    subprocess.run(["rmmod", "http_filter"], check=True, capture_output=True)


def is_loaded():
    return pathlib.Path("/sys/module/http_filter").exists()


def read_file(name):
    """The value in one of the filter's files, without its line end."""
    # Tests that wait read dozens of these again and again; pathlib and a text file would take eight times as long.
    with open(f"{SYSFS}/{name}", "rb", buffering=0) as file:
        return file.read().decode().removesuffix("\n")


def write_setting(name, value):
    """Writes a setting with one write(2), as `echo` does; raises OSError if the module refuses the value.

    A byte of the value that is not UTF-8 is written as the surrogate \\udcNN.
    """
    file = os.open(SYSFS / name, os.O_WRONLY)
    try:
        os.write(file, f"{value}\n".encode(errors="surrogateescape"))
    finally:
        os.close(file)


def settings():
    return {name: read_file(name) for name in DEFAULTS}


def restore_defaults():
    for name, value in DEFAULTS.items():
        write_setting(name, value)
    write_setting("stats/reset", 1)


@functools.cache
def _counter_names():
    assert is_loaded(), "there are no counters: the module is not loaded"
    stats = SYSFS / "stats"
    paths = [path for path in stats.rglob("*") if path.is_file() and path.name != "reset"]
    return [str(path.relative_to(stats)) for path in paths]


def counters():
    return Counters({name: int(read_file(f"stats/{name}")) for name in _counter_names()})
