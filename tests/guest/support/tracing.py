# SPDX-License-Identifier: GPL-2.0
"""How often the module calls a function of the kernel, and with how much to do: probes of ftrace."""

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
    """Whether this kernel can count calls; mounts what is needed for it."""
    if TRACEFS.exists() and not (TRACEFS / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
    return (TRACEFS / "kprobe_events").exists() and "hist trigger" in (TRACEFS / "README").read_text()


@dataclasses.dataclass
class Work:
    """What was counted: calls, and bytes where there are some."""

    calls: int = 0
    size: int = 0


def _append(name, text):
    # Not as open() does: these files can't be sought to their end.
    file = os.open(TRACEFS / name, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


@contextlib.contextmanager
def count(function, size=None):
    """Counts the module's calls of a function; `size` names its argument that tells how many bytes it is about, as in
    `$arg4`. What is yielded is complete when the block ends."""
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
