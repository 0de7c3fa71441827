# SPDX-License-Identifier: GPL-2.0
"""Loading and unloading the module."""

import errno

import pytest

from support import http_filter

BAD_PARAMETERS = [
    {"enabled": "7"},
    {"action": "explode"},
    {"detect": "requests,telnet"},
    {"namespaces": "some"},
    {"max_undecided": "0"},
    {"max_undecided": "many"},
    {"max_undecided": "1048577"},
    {"log": "loud"},
]


@pytest.mark.smoke
def test_loads_with_defaults_and_unloads_without_a_trace(unfiltered):
    http_filter.load()
    assert http_filter.settings() == http_filter.DEFAULTS
    assert http_filter.read_file("namespaces") == "all"
    http_filter.unload()
    assert not http_filter.SYSFS.exists()
    assert not http_filter.is_loaded()


def test_says_one_line_on_load_and_one_on_unload(unfiltered, kernel_log):
    http_filter.load()
    loaded = kernel_log.lines()
    assert len([line for line in loaded if "taint" not in line and "verification" not in line]) == 1
    before = len(loaded)
    http_filter.unload()
    assert len(kernel_log.lines()) == before + 1


def test_takes_every_setting_as_parameter(unfiltered):
    chosen = {"rules": "allow port 9100", "enabled": "0", "action": "monitor", "detect": "h2c", "log": "0"}
    http_filter.load(**chosen, namespaces="initial", max_undecided=100)
    assert http_filter.settings() == chosen
    assert http_filter.read_file("namespaces") == "initial"
    assert http_filter.read_file("max_undecided") == "100"
    http_filter.unload()


@pytest.mark.parametrize("value", ["requests,responses", "requests responses", "responses,requests"])
def test_takes_a_list_as_parameter(unfiltered, value):
    http_filter.load(detect=value)
    assert http_filter.read_file("detect") == "requests responses"
    http_filter.unload()


@pytest.mark.parametrize("parameters", BAD_PARAMETERS, ids=lambda parameters: "=".join(*parameters.items()))
def test_refuses_a_bad_parameter_and_leaves_nothing_behind(unfiltered, kernel_log, parameters):
    done = http_filter.insmod(**parameters)
    assert done.returncode != 0
    assert "Invalid" in done.stderr
    assert not http_filter.is_loaded()
    assert not http_filter.SYSFS.exists()
    (name, value), = parameters.items()
    assert any(name in line and value.split(",")[-1] in line for line in kernel_log.lines())


def test_what_is_no_parameter_is_ignored(unfiltered, kernel_log):
    """A documented limit: the kernel ignores the parameter before the module runs, and does not tell the module."""
    http_filter.load(acton="monitor")
    assert http_filter.read_file("action") == "drop"
    said = kernel_log.lines()
    assert "unknown parameter 'acton' ignored" in said
    assert "loaded: action drop" in said[-1]
    http_filter.unload()


def test_loads_after_a_bad_parameter(unfiltered):
    assert http_filter.insmod(action="explode").returncode != 0
    http_filter.load()
    http_filter.unload()


def test_is_not_loaded_twice(fresh_filter):
    assert "File exists" in http_filter.insmod().stderr
    assert http_filter.settings() == http_filter.DEFAULTS


def test_settings_do_not_survive_a_reload(unfiltered):
    http_filter.load()
    http_filter.write_setting("action", "monitor")
    http_filter.unload()
    http_filter.load()
    assert http_filter.read_file("action") == "drop"
    http_filter.unload()


def test_an_open_settings_file_does_not_survive_the_module(unfiltered):
    http_filter.load()
    with (http_filter.SYSFS / "action").open() as action:
        http_filter.unload()
        with pytest.raises(OSError) as error:
            action.read()
    assert error.value.errno == errno.ENODEV
