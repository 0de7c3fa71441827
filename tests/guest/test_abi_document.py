# SPDX-License-Identifier: GPL-2.0
"""docs/ABI/sysfs-kernel-http_filter tells of the files that there are."""

import pathlib
import re
import stat

import pytest

from support import http_filter

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/ABI/sysfs-kernel-http_filter"

# As in Documentation/ABI/README of the kernel.
TAGS = ["What", "Date", "KernelVersion", "Contact", "Description", "Users"]

# What a description begins with, by a file's mode.
ACCESS = {0o444: "RO, 0444", 0o644: "RW, 0644", 0o600: "RW, 0600", 0o200: "WO, 0200"}


def entries():
    """The entries, each a list of its tags with their values."""
    for entry in re.split(r"\n\n(?=What:)", DOCUMENT.read_text().rstrip("\n")):
        pairs = []
        for line in entry.split("\n"):
            tag, colon, value = line.partition(":\t")
            if line.startswith("Description:"):
                tag, colon, value = "Description", ":", ""
            if colon and not line.startswith("\t"):
                pairs.append((tag, value.strip()))
            else:
                assert line == "" or line.startswith("\t\t"), f"a line of no tag: {line!r}"
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}\n{line.strip()}".lstrip("\n"))
        yield pairs


def descriptions():
    """What is said of each path."""
    described = {}
    for entry in entries():
        description = dict(entry)["Description"]
        for path in [value for tag, value in entry if tag == "What"]:
            assert path not in described, f"{path} is there twice"
            described[path] = description
    return described


def real_paths():
    return [http_filter.SYSFS, *http_filter.SYSFS.rglob("*")]


def test_every_entry_has_every_tag_in_order():
    for entry in entries():
        tags = [tag for tag, _ in entry]
        first = tags[: tags.count("What")]
        assert set(first) == {"What"} and tags[len(first) :] == TAGS[1:], entry
        assert all(value for _, value in entry), entry


def test_every_file_has_an_entry_and_every_entry_a_file():
    assert sorted(descriptions()) == sorted(map(str, real_paths()))


def test_permissions_are_as_told():
    described = descriptions()
    for path in real_paths():
        mode = path.stat().st_mode
        expected = "0755" if stat.S_ISDIR(mode) else ACCESS[stat.S_IMODE(mode)]
        assert described[str(path)].startswith(f"({expected}) "), path


def test_defaults_are_as_told():
    described = descriptions()
    for name, default in [("enabled", "1"), ("action", "drop"), ("log", "1"), ("max_undecided", "4096"), ("namespaces", "all")]:
        said = " ".join(described[f"{http_filter.SYSFS}/{name}"].split())
        assert said.endswith(f"the default is {default}."), name
        assert http_filter.read_file(name) == default
