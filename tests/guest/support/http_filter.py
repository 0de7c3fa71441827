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
    return (SYSFS / name).read_text().removesuffix("\n")


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
def _counter_files():
    """The files of all counters, by the counters' names."""
    stats = SYSFS / "stats"
    return {str(path.relative_to(stats)): str(path) for path in stats.rglob("*") if path.is_file() and path.name != "reset"}


def _read_number(path):
    # Tests that wait read dozens of them again and again: pathlib would take ten times as long.
    file = os.open(path, os.O_RDONLY)
    try:
        return int(os.read(file, 32))
    finally:
        os.close(file)


def counters():
    return Counters({name: _read_number(path) for name, path in _counter_files().items()})
