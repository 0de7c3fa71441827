# SPDX-License-Identifier: GPL-2.0
"""Control groups (version 2), named as systemd and container runtimes name them. The guest runs neither."""

import contextlib
import os
import pathlib
import subprocess

from support.wait import wait_until

MOUNT = pathlib.Path("/sys/fs/cgroup")


@contextlib.contextmanager
def mounted():
    """Control groups are mounted while the block lasts."""
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", MOUNT], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", MOUNT], check=True)


@contextlib.contextmanager
def cgroup(path):
    """A group, and those above it, while the block lasts; yields its folder."""
    folder = MOUNT / path.lstrip("/")
    made = [other for other in (folder, *folder.parents) if not other.exists()]
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        wait_until(lambda: (folder / "cgroup.procs").read_text() == "", f"{folder} is empty")
        for other in made:
            other.rmdir()


def starting_in(folder):
    """The option of Popen that starts a process in a group."""
    return {"preexec_fn": lambda: _enter(folder)}


@contextlib.contextmanager
def inside(folder):
    """This process is in a group during the block: sockets that it makes are of that group."""
    _enter(folder)
    try:
        yield
    finally:
        _enter(MOUNT)


def _enter(folder):
    (folder / "cgroup.procs").write_text(str(os.getpid()))
