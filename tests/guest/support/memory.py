# SPDX-License-Identifier: GPL-2.0
"""The memory that the kernel uses."""

import pathlib


def kernel_memory():
    """In kilobytes, by kind, without caches that can be dropped."""
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    values = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return {
        "slab": values["Slab"],
        "percpu": values["Percpu"],
        "vmalloc": values["VmallocUsed"],
        # Without the memory of processes: the test's own grows.
        "unavailable": values["MemTotal"] - values["MemAvailable"] - values["AnonPages"],
    }


def has_checks():
    """Whether this is a debug kernel (kmemleak, KASAN): slow, with larger objects, and freed memory in quarantine."""
    return pathlib.Path("/sys/kernel/debug/kmemleak").exists()
