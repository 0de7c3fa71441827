# SPDX-License-Identifier: GPL-2.0
"""http_filter as a service: installed, booted with systemd, configured, removed. The tests tell one story, in their order."""

import os
import pathlib
import re
import subprocess

import pytest

from support import http_filter
from support.clients import curl
from support.namespace import INITIAL
from support.process import NOBODY
from support.wait import wait_until

FILTERCTL = "/usr/local/sbin/filterctl"
CONFIG = pathlib.Path("/etc/http_filter.toml")
METRICS = pathlib.Path("/var/lib/prometheus/node-exporter/http_filter.prom")
MAKE = ["make", "--silent", "-C", "/src"]

LISTENERS = ["first-listener.socket", "nginx.service", "ssh.service", "prometheus-node-exporter.service"]


def run(*command, status=0):
    """Runs a command; returns what it prints, also on standard error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == status, f"{command}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout


def filterctl(*arguments, status=0, prefix=()):
    return run(*prefix, FILTERCTL, *arguments, status=status)


def properties(unit, *names):
    shown = run("systemctl", "show", unit, *(f"--property={name}" for name in names))
    return dict(line.split("=", 1) for line in shown.splitlines())


def state(unit="http_filter.service"):
    return properties(unit, "ActiveState", "SubState", "Result")


def journal(unit="http_filter.service"):
    return run("journalctl", "--unit", unit, "--output=cat", "--no-pager")


@pytest.fixture
def configure():
    """Writes another configuration; puts the old one back."""
    old = CONFIG.read_text()
    yield CONFIG.write_text
    CONFIG.write_text(old)


ACTIVE = {"ActiveState": "active", "SubState": "exited", "Result": "success"}
FAILED = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}


def test_is_configured_after_boot():
    assert state() == ACTIVE, journal()
    settings = http_filter.settings()
    rules = settings.pop("rules").splitlines()
    assert settings == {"enabled": "1", "action": "drop", "log": "0", "detect": "requests h2c http09"}
    assert rules[0] == "allow on lo port 9100   # node_exporter"
    assert rules[1].startswith("allow port 7777 in /system.slice/system-late.slice/late@1.service,")
    assert filterctl("diff") == f"the module is as {CONFIG} says\n"


@pytest.mark.parametrize("listener", LISTENERS)
def test_is_configured_before_anything_listens(listener):
    configured = properties("http_filter.service", "ActiveEnterTimestampMonotonic")
    begun = properties(listener, "InactiveExitTimestampMonotonic", "ActiveState")
    assert begun["ActiveState"] == "active"
    assert 0 < int(configured["ActiveEnterTimestampMonotonic"]) < int(begun["InactiveExitTimestampMonotonic"])


@pytest.mark.parametrize("port", [80, 8080])
def test_http_is_dropped(port):
    before = http_filter.counters()
    assert curl(INITIAL, f"http://127.0.0.1:{port}/", timeout=2.5).timed_out
    assert (http_filter.counters() - before)["blocked"] == 1


def test_a_rule_finds_a_unit_that_began_after_it():
    run("systemctl", "start", "late@1")
    wait_until(lambda: curl(INITIAL, "http://127.0.0.1:7777/").status, "its server answers")
    assert filterctl("diff") == f"the module is as {CONFIG} says\n"
    run("systemctl", "stop", "late@1")


def test_metrics_come_to_prometheus_by_node_exporter():
    """The timer writes the file; the exporter, which a rule lets answer, tells what is in it."""
    wait_until(METRICS.exists, "the timer writes the metrics", seconds=60)
    assert METRICS.stat().st_mode & 0o777 == 0o644

    def scraped():
        reply = curl(INITIAL, "http://127.0.0.1:9100/metrics")
        assert reply.status == 200, reply
        return dict(re.findall(r"^(http_filter_\w+(?:\{.*?\})?) (\S+)$", reply.body, re.MULTILINE))

    blocked = http_filter.counters()["blocked"]
    assert blocked > 0
    name = next(name for name in scraped() if "blocked" in name)
    # The timer is late on a slow machine.
    wait_until(lambda: float(scraped()[name]) == blocked, "the metrics are of now", seconds=60)
    assert state("http_filter-metrics.service")["Result"] == "success"


def test_unprivileged_users_get_what_the_kernel_tells_them():
    for command in ["status", "get", "doctor", "links"]:
        assert filterctl(command, prefix=NOBODY)
    for command in ["diff", "apply", "save", "enable", "rules", "reset"]:
        assert "run as root" in filterctl(command, prefix=NOBODY, status=1)


def test_reload_applies_the_file(configure):
    configure('action = "reject"\nrules = "allow on lo port 9100,80"\n')
    rules = http_filter.read_file("rules").splitlines()
    assert filterctl("diff") == f"""\
action  drop -> reject
rules
  -allow on lo port 9100   # node_exporter
  -{rules[1]}
  +allow on lo port 9100,80
log     0 -> 1
"""
    run("systemctl", "reload", "http_filter")
    assert filterctl("diff") == f"the module is as {CONFIG} says\n"
    assert curl(INITIAL, "http://127.0.0.1/").status == 200


def test_reload_of_a_bad_file_changes_nothing(configure):
    before = http_filter.settings()
    configure('action = "monitor"\nlog = true\nrules = """\nallow on lo\nallow form 10.0.0.1\n"""\n')
    run("systemctl", "reload", "http_filter", status=1)
    assert http_filter.settings() == before
    assert f'{CONFIG}:5: rules: "form": none of from' in journal()


def test_a_bad_file_means_monitor_and_a_failed_unit(configure):
    run("systemctl", "stop", "http_filter")
    assert not http_filter.is_loaded()
    configure('action = "drop"\nlogs = false\n')
    run("systemctl", "start", "http_filter", status=1)
    assert state() == FAILED
    assert f'{CONFIG}:2: unknown key "logs" (is log meant?)' in journal()
    assert http_filter.settings() == {**http_filter.DEFAULTS, "action": "monitor"}
    assert curl(INITIAL, "http://127.0.0.1/").status == 200


def test_another_start_applies_the_mended_file():
    """The module is loaded already, by the start that has failed."""
    run("systemctl", "start", "http_filter")
    assert state() == ACTIVE
    assert filterctl("diff") == f"the module is as {CONFIG} says\n"


def test_modprobe_alone_filters_nothing():
    run("systemctl", "stop", "http_filter")
    run("modprobe", "http_filter")
    assert http_filter.read_file("enabled") == "0"
    assert curl(INITIAL, "http://127.0.0.1/").status == 200
    filterctl("unload")


def test_load_honours_the_file_unless_told_otherwise():
    said = filterctl("load")
    assert f"is loaded as {CONFIG} says: enabled (action: drop)" in said
    filterctl("unload")
    filterctl("load", "action=reject")
    assert http_filter.read_file("action") == "reject"
    assert http_filter.read_file("rules").startswith("allow on lo port 9100   # node_exporter\n")
    filterctl("unload")
    filterctl("load", "--no-config", "action=monitor")
    assert http_filter.settings() == {**http_filter.DEFAULTS, "action": "monitor"}
    filterctl("unload")


def test_a_bad_file_is_not_loaded_by_hand(configure):
    configure('action = "drop"\nrules = "allow form lo"\n')
    assert f'nothing was loaded: {CONFIG}:2: rules: "form": none of from' in filterctl("load", status=1)
    assert not http_filter.is_loaded()


def test_save_keeps_what_was_written_by_hand():
    run("systemctl", "start", "http_filter")
    old = CONFIG.read_text()
    assert filterctl("save") == f"{CONFIG} says so already\n"
    assert CONFIG.read_text() == old
    filterctl("set", "action", "monitor")
    filterctl("rules", "add", "allow", "on", "eth0")
    assert filterctl("save").endswith(f"  +allow on eth0\n{CONFIG} is saved\n")
    assert CONFIG.read_text() == old.replace('"drop"', '"monitor"').replace(
        "unit late@1\n", "unit late@1\nallow on eth0\n")
    CONFIG.write_text(old)
    run("systemctl", "reload", "http_filter")


def test_installing_again_keeps_the_configuration():
    before = CONFIG.read_text()
    run(*MAKE, "install")
    assert CONFIG.read_text() == before


def test_a_package_can_be_made(tmp_path):
    run(*MAKE, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr")
    files = {f"/{file.relative_to(tmp_path)}" for file in tmp_path.rglob("*") if file.is_file()}
    assert {"/usr/sbin/filterctl", "/usr/lib/systemd/system/http_filter.service", "/usr/lib/modprobe.d/http_filter.conf",
            "/etc/http_filter.toml", f"/lib/modules/{os.uname().release}/updates/http_filter.ko"} <= files
    unit = (tmp_path / "usr/lib/systemd/system/http_filter.service").read_text()
    assert "ExecStart=/usr/sbin/filterctl load" in unit
    run(*MAKE, "uninstall", f"DESTDIR={tmp_path}", "PREFIX=/usr")
    # The configuration is as it was shipped, and goes as well.
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    assert http_filter.is_loaded()


def test_the_module_of_another_kernel_is_removed_alone():
    other = pathlib.Path("/lib/modules/6.1.0-other/updates/http_filter.ko")
    other.parent.mkdir(parents=True)
    other.write_text("")
    run(*MAKE, "uninstall", "KVER=6.1.0-other")
    assert not other.exists()
    assert http_filter.is_loaded() and pathlib.Path(FILTERCTL).exists()
    run("rm", "-r", str(other.parents[1]))


@pytest.mark.parametrize("unit", ["http_filter.service", "http_filter-metrics.service", "http_filter-metrics.timer"])
def test_systemd_finds_no_fault_with_the_units(unit):
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""
    text = pathlib.Path(properties(unit, "FragmentPath")["FragmentPath"]).read_text()
    pages = re.findall(r"man:(\S+)\((\d)\)", text)
    assert pages
    for name, section in pages:
        assert pathlib.Path(f"/usr/local/share/man/man{section}/{name}.{section}").exists()


def test_uninstalling_leaves_nothing_but_an_edited_configuration():
    run(*MAKE, "uninstall")
    assert not http_filter.is_loaded()
    left = set(run("/src/tests/guest/systemd/files").splitlines())
    before = set(pathlib.Path("/files-before").read_text().splitlines())
    made_by_the_test = {line for line in left - before if re.search(r"/first-listener|/late@|\.target\.wants/", line)}
    assert left - before - made_by_the_test == {"etc/http_filter.toml"}
    assert not [line for line in made_by_the_test if "http_filter" in line]
    assert before - left == set()
