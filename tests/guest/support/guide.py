# SPDX-License-Identifier: GPL-2.0
"""The operator's guide: the rules and commands that a section of it tells, so that they are tested as they are written."""

import pathlib
import re
import shlex

GUIDE = pathlib.Path(__file__).resolve().parents[3] / "docs/operator.md"

_FENCED_RULES = re.compile(r"^```rules\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^    (filterctl rules add .*)$", re.MULTILINE)


def _section(title):
    """What stands below a heading, to the next one."""
    _, found, rest = GUIDE.read_text().partition(f"# {title}\n")
    assert found, f"{GUIDE.name} has no section {title!r}"
    return re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rules(title):
    """The one set of rules in a section."""
    found, = _FENCED_RULES.findall(_section(title))
    return found


def command(title):
    """The words of the one command in a section that adds a rule."""
    found, = _COMMAND.findall(_section(title))
    return shlex.split(found)


def all_rules():
    """Every set of rules in the guide."""
    return _FENCED_RULES.findall(GUIDE.read_text())
