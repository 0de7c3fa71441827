# SPDX-License-Identifier: GPL-2.0
"""How much memory the kernel holds."""

import pathlib


def kernel_memory():
    """Kilobytes by kind, without what the kernel can give back."""
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    values = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    return {
        "slab": values["Slab"],
        "percpu": values["Percpu"],
        "vmalloc": values["VmallocUsed"],
        # Without that of processes: the test's own grows as it works.
        "unavailable": values["MemTotal"] - values["MemAvailable"] - values["AnonPages"],
    }


def has_checks():
    """Whether this is one of the kernels with checks, of memory among other things: they are slow, each object costs some
    more, and what was freed is held back."""
    return pathlib.Path("/sys/kernel/debug/kmemleak").exists()
