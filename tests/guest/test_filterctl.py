# SPDX-License-Identifier: GPL-2.0
"""filterctl, beside the module that it controls."""

import json
import subprocess

import pytest

from support import http_filter
from support.expect import send_blocked, send_delivered

FILTERCTL = http_filter.MODULE.with_name("filterctl")
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
REQUEST = b"GET / HTTP/1.1\r\n\r\n"

COMMANDS_OF_A_LOADED_MODULE = ["status", "status --json", "enable", "disable", "get", "get action", "set action drop",
                               "reset"]


def filterctl(arguments="", status=0, prefix=()):
    """Runs filterctl; returns what it prints, on standard error if it is to fail."""
    done = subprocess.run([*prefix, FILTERCTL, *arguments.split()], capture_output=True, text=True)
    assert done.returncode == status, done
    return done.stderr if status else done.stdout


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

    def test_unloading_changes_nothing(self):
        filterctl("unload")
        assert not http_filter.is_loaded()

    def test_loads_with_parameters(self):
        filterctl("load action=monitor detect=requests,h2c log=0 namespaces=initial enabled=0")
        assert http_filter.settings() == {"enabled": "0", "action": "monitor", "detect": "requests h2c", "log": "0"}
        assert http_filter.get("namespaces") == "initial"
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
        assert filterctl().splitlines()[0] == f"http_filter {http_filter.get('version')}"

    def test_status_in_json(self, veth, recorder):
        send_blocked(recorder, veth.client, REQUEST)
        status = json.loads(filterctl("status --json"))
        assert status["loaded"] is True
        assert status["enabled"] is True
        assert status["action"] == "drop"
        assert status["detect"] == ["requests", "h2c", "http09"]
        assert status["version"] == http_filter.get("version")
        assert status["stats"]["blocked"] == 1
        assert status["stats"]["methods"]["GET"] == 1

    def test_status_for_people(self, veth, recorder):
        send_blocked(recorder, veth.client, REQUEST)
        words = filterctl("status").split()
        assert words[words.index("blocked") + 1] == "1"
        assert words[words.index("action") + 1] == "drop"

    def test_disables_and_enables(self, veth, recorder):
        filterctl("disable")
        send_delivered(recorder, veth.client, REQUEST)
        filterctl("enable")
        send_blocked(recorder, veth.client, REQUEST)

    def test_sets_and_gets(self):
        filterctl("set action monitor")
        assert http_filter.get("action") == "monitor"
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
        send_blocked(recorder, veth.client, REQUEST)
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
