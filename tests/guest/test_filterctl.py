# SPDX-License-Identifier: GPL-2.0
"""filterctl, with and without the module."""

import itertools
import os
import pathlib
import signal
import subprocess

import pytest

from support import http_filter, schemas
from support.expect import send_blocked, send_delivered
from support.filterctl import FILTERCTL, filterctl
from support.payloads import MINIMAL_REQUEST
from support.process import NOBODY, WITHOUT_NET_ADMIN

COMMANDS_OF_A_LOADED_MODULE = ["status", "status --json", "enable", "disable", "get", "get action", "set action drop",
                               "reset"]


def within(changes):
    """The prefix of a command that runs in a mount namespace with these changes."""
    return ["unshare", "--mount", "sh", "-ec", f'{changes}; exec "$@"', "sh"]


WITHOUT_SYSFS = within("umount --lazy /sys")
WITHOUT_PROC = within("mount -t tmpfs tmpfs /proc")
# As in a chroot with a /sys/kernel folder of its own.
SYSFS_OF_ANOTHER = within("mount -t tmpfs tmpfs /sys; mkdir /sys/kernel")


@pytest.mark.smoke
@pytest.mark.usefixtures("unfiltered")
def test_loads_and_unloads():
    assert "loaded" in filterctl("load")
    assert http_filter.settings() == http_filter.DEFAULTS
    filterctl("unload")
    assert not http_filter.is_loaded()


@pytest.mark.usefixtures("unfiltered")
class TestWithoutTheModule:
    @pytest.mark.parametrize("arguments", COMMANDS_OF_A_LOADED_MODULE)
    def test_tells_so(self, arguments):
        assert "not loaded" in filterctl(arguments, status=3)

    @pytest.mark.parametrize("prefix", [[], NOBODY, WITHOUT_SYSFS], ids=["root", "nobody", "without /sys"])
    def test_unloading_changes_nothing(self, prefix):
        assert filterctl("unload", prefix=prefix) == "http_filter is not loaded\n"
        assert not http_filter.is_loaded()

    def test_loads_nothing_without_sysfs(self):
        assert "mount -t sysfs sysfs /sys" in filterctl("load", status=1, prefix=WITHOUT_SYSFS)
        assert not http_filter.is_loaded()

    def test_tells_that_what_it_loaded_is_out_of_sight(self):
        assert "filterctl unload" in filterctl("load", status=1, prefix=SYSFS_OF_ANOTHER)
        assert http_filter.is_loaded()
        assert filterctl("unload", prefix=SYSFS_OF_ANOTHER) == "http_filter is unloaded\n"
        assert not http_filter.is_loaded()

    def test_loads_without_proc(self):
        assert "is loaded" in filterctl(f"load --module {http_filter.MODULE}", prefix=WITHOUT_PROC)
        assert "is unloaded" in filterctl("unload", prefix=WITHOUT_PROC)
        assert not http_filter.is_loaded()

    def test_a_key_that_does_not_exist_is_refused(self):
        assert "is action meant?" in filterctl("load acton=monitor", status=2)
        assert not http_filter.is_loaded()

    @pytest.mark.parametrize("size, what", [(0, "is empty"), (60, "is cut off"), (-1000, "is cut off")])
    def test_a_damaged_module_is_not_shown_to_the_kernel(self, tmp_path, kernel_log, size, what):
        damaged = tmp_path / "http_filter.ko"
        damaged.write_bytes(http_filter.MODULE.read_bytes()[:size])
        kernel_log.skip()
        assert what in filterctl(f"load --module {damaged}", status=1)
        assert kernel_log.lines() == []

    def test_loads_with_parameters(self):
        filterctl("load action=monitor detect=requests,h2c log=0 namespaces=initial enabled=0")
        assert http_filter.settings() == {
            "enabled": "0", "action": "monitor", "rules": "", "detect": "requests h2c", "log": "0"}
        assert http_filter.read_file("namespaces") == "initial"
        http_filter.unload()

    @pytest.mark.parametrize("parameter", ["action=explode", "enabled=7", "detect=telnet"])
    def test_a_refused_parameter_is_explained(self, parameter):
        assert "parameter" in filterctl(f"load {parameter}", status=1)
        assert not http_filter.is_loaded()

    def test_nobody_cannot_load(self):
        assert "root" in filterctl("load", status=1, prefix=NOBODY)
        assert not http_filter.is_loaded()


@pytest.mark.usefixtures("filtered")
class TestWithTheModule:
    def test_status_without_a_command(self):
        assert filterctl().splitlines()[0] == f"http_filter {http_filter.read_file('version')}"

    def test_status_in_json(self, veth, recorder):
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)
        status = schemas.parse("status", filterctl("status --json"))
        assert status["loaded"] is True
        assert status["enabled"] is True
        assert status["action"] == "drop"
        assert status["detect"] == ["requests", "h2c", "http09"]
        assert status["version"] == http_filter.read_file("version")
        assert status["stats"]["blocked"] == 1
        assert status["stats"]["methods"]["GET"] == 1
        # All that the schema knows is there, and that alone.
        assert status.keys() == schemas.read("status")["properties"].keys() - {"rates"}
        methods = {f"methods/{name}" for name in status["stats"].pop("methods")}
        assert status["stats"].keys() | methods == http_filter.counters().keys()

    def test_status_for_people(self, veth, recorder):
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)
        words = filterctl("status").split()
        assert words[words.index("blocked") + 1] == "1"
        assert words[words.index("action") + 1] == "drop"

    def test_disables_and_enables(self, veth, recorder):
        filterctl("disable")
        send_delivered(recorder, veth.client, MINIMAL_REQUEST)
        filterctl("enable")
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)

    def test_sets_and_gets(self):
        filterctl("set action monitor")
        assert http_filter.read_file("action") == "monitor"
        assert filterctl("get action") == "monitor\n"

    def test_sets_a_list(self):
        filterctl("set detect responses requests")
        assert filterctl("get detect") == "requests responses\n"

    def test_gets_all(self):
        assert "action drop" in filterctl("get").splitlines()

    @pytest.mark.parametrize("arguments", ["set action explode", "set nonsense 1", "set version 2", "get nonsense"])
    def test_a_mistake_fails_and_changes_nothing(self, arguments):
        assert arguments.split()[1] in filterctl(arguments, status=1)
        assert http_filter.settings() == http_filter.DEFAULTS

    @pytest.mark.parametrize("arguments", ["explode", "set action", "status --xml"])
    def test_wrong_usage(self, arguments):
        filterctl(arguments, status=2)

    def test_resets(self, veth, recorder):
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)
        filterctl("reset")
        assert not any(http_filter.counters().values())

    def test_loading_again_changes_nothing(self):
        assert "already" in filterctl("load")

    def test_nobody_can_look(self):
        assert "drop" in filterctl("status", prefix=NOBODY)

    @pytest.mark.parametrize("arguments", ["disable", "set action monitor", "reset", "unload"])
    def test_nobody_can_change_anything(self, arguments):
        said = filterctl(arguments, status=1, prefix=NOBODY)
        assert "ermission denied" in said and "root" in said
        assert http_filter.settings() == http_filter.DEFAULTS

    @pytest.mark.parametrize("arguments", ["disable", "set action monitor", "reset"])
    def test_root_without_the_capability_can_neither(self, arguments):
        assert "CAP_NET_ADMIN" in filterctl(arguments, status=1, prefix=WITHOUT_NET_ADMIN)
        assert http_filter.settings() == http_filter.DEFAULTS

    @pytest.mark.parametrize("arguments", COMMANDS_OF_A_LOADED_MODULE)
    def test_without_sysfs_says_what_is_missing(self, arguments):
        assert "mount -t sysfs sysfs /sys" in filterctl(arguments, status=1, prefix=WITHOUT_SYSFS)

    def test_unloads_without_sysfs(self):
        assert filterctl("unload", prefix=WITHOUT_SYSFS) == "http_filter is unloaded\n"
        assert not http_filter.is_loaded()

    @pytest.mark.parametrize("prefix", [NOBODY, WITHOUT_SYSFS + NOBODY], ids=["with /sys", "without"])
    def test_nobody_is_told_that_it_stays_loaded(self, prefix):
        assert "ermission denied" in filterctl("unload", status=1, prefix=prefix)
        assert http_filter.is_loaded()


def findings():
    """What the doctor says, by name."""
    return {finding["name"]: finding for finding in schemas.parse("doctor", filterctl("doctor --json"))["findings"]}


class TestDoctor:
    @pytest.mark.smoke
    def test_a_kernel_that_takes_the_module_is_well(self):
        names = ["kernel", "permission", "signatures", "module"]
        if pathlib.Path("/lib/modules", os.uname().release, "build").exists():
            names += ["CONFIG_MODULES", "CONFIG_NETFILTER", "headers", "kernel crate", "rustc", "C compiler", "tools"]
        found = findings()
        assert [found[name] for name in names if found[name]["status"] != "ok"] == []
        assert str(http_filter.MODULE) in found["module"]["found"]

    @pytest.mark.usefixtures("filtered")
    def test_tells_what_is_loaded(self):
        assert findings()["loaded"]["found"] == http_filter.read_file("version")

    @pytest.mark.parametrize("prefix, says", [
        (WITHOUT_SYSFS, "yes, as /proc/modules has it"),
        (WITHOUT_PROC, "not known: /proc is not mounted"),
        (within("umount --lazy /sys; mount -t tmpfs tmpfs /proc"), "not known: neither /sys nor /proc is mounted"),
    ], ids=["/sys", "/proc", "/sys and /proc"])
    @pytest.mark.usefixtures("filtered")
    def test_says_what_cannot_be_known_without(self, prefix, says):
        done = subprocess.run([*prefix, FILTERCTL, "doctor"], capture_output=True, text=True)
        assert says in done.stdout, done
        for word in "not set", "container":
            assert word not in done.stdout, done

    def test_nobody_is_told_to_be_root(self):
        assert "only root may load modules" in filterctl("doctor", prefix=NOBODY)


@pytest.fixture
def foreign_module(tmp_path):
    """The module as if it had been built for another kernel."""
    release = os.uname().release.encode()
    foreign = tmp_path / "http_filter.ko"
    foreign.write_bytes(http_filter.MODULE.read_bytes().replace(b"vermagic=" + release, b"vermagic=" + release[::-1]))
    return foreign


@pytest.mark.usefixtures("unfiltered")
def test_a_module_for_another_kernel_is_not_loaded(foreign_module):
    error = filterctl(f"load --module {foreign_module}", status=1)
    assert os.uname().release[::-1] in error
    assert f"make KVER={os.uname().release}" in error
    problem = subprocess.run([FILTERCTL, "doctor", "--module", foreign_module], capture_output=True, text=True)
    assert (problem.returncode, "but for kernel" in problem.stdout) == (1, True), problem


@pytest.mark.usefixtures("filtered")
def test_watching_tells_what_is_dropped(veth, recorder):
    watch = subprocess.Popen([FILTERCTL, "status", "--json", "--watch", "0.5"], stdout=subprocess.PIPE, text=True)
    with watch:
        assert "rates" not in schemas.parse("status", watch.stdout.readline())
        send_blocked(recorder, veth.client, MINIMAL_REQUEST)
        rates = (schemas.parse("status", line)["rates"] for line in watch.stdout)
        assert any(rate["dropped"] > 0 for rate in itertools.islice(rates, 10))
        watch.send_signal(signal.SIGINT)
        assert watch.wait(5) == 0
