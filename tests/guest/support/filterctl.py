# SPDX-License-Identifier: GPL-2.0
"""filterctl, as built for this kernel."""

import subprocess

from support.http_filter import MODULE

FILTERCTL = MODULE.with_name("filterctl")


def filterctl(arguments="", status=0, prefix=()):
    """Runs filterctl; returns what it prints, on standard error if it is to fail."""
    done = subprocess.run([*prefix, FILTERCTL, *arguments.split()], capture_output=True, text=True)
    assert done.returncode == status, done
    return done.stderr if status else done.stdout
