# SPDX-License-Identifier: GPL-2.0
"""Counts the module's calls of a kernel function, and the bytes of these calls, with kprobes and hist triggers."""

import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess

TRACEFS = pathlib.Path("/sys/kernel/tracing")
_GROUP = "http_filter_test"
_LINE = re.compile(r"\[http_filter\].*\} hitcount: +(\d+)(?: +size: +(\d+))?")


def is_supported():
    """Whether this kernel has kprobe events and hist triggers; mounts tracefs."""
    if TRACEFS.exists() and not (TRACEFS / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    return (TRACEFS / "kprobe_events").exists() and "hist trigger" in (TRACEFS / "README").read_text()


@dataclasses.dataclass
class Work:
    """What was counted: calls, and their bytes if a size argument was named."""

    calls: int = 0
    size: int = 0


def _append(name, text):
    # Not with open(): it seeks to the end, which these files do not support.
    file = os.open(TRACEFS / name, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


@contextlib.contextmanager
def count(function, size=None):
    """Counts the module's calls of a function; `size` is the argument with the number of bytes, such as `$arg4`.

    The Work that is yielded is filled in when the block ends.
    """
    work = Work()
    event = f"{_GROUP}/{function}"
    _append("kprobe_events", f"p:{event} {function} caller=$stack0:x64" + (f" size={size}:s32" if size else ""))
    trigger = "hist:keys=caller.sym" + (":vals=size" if size else "") + ":size=4096"
    try:
        _append(f"events/{event}/trigger", trigger)
        yield work
        lines = (TRACEFS / f"events/{event}/hist").read_text().splitlines()
        _append(f"events/{event}/trigger", "!" + trigger)
        for found in filter(None, map(_LINE.search, lines)):
            work.calls += int(found[1])
            work.size += int(found[2] or 0)
    finally:
        _append("kprobe_events", f"-:{event}")
