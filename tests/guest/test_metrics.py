# SPDX-License-Identifier: GPL-2.0
"""`filterctl metrics`: the numbers are the module's, and Prometheus takes them by way of node_exporter."""

import os
import re
import time

import pytest

from support import http_filter, prometheus
from support.expect import send_blocked
from support.filterctl import filterctl
from support.payloads import MINIMAL_REQUEST
from support.process import NOBODY, folder
from support.wait import wait_until

SAMPLE = re.compile(r'http_filter_(?P<name>\w+?)(_total)?(\{(?P<labels>.*)\})? (?P<number>\d+)')

# Which counters a metric with a label has, by the label's values.
LABELLED = {"connections_found": "{}", "connections_decided": "{}", "requests": "methods/{}"}

# The other counters, where their names are not those of the metrics.
RENAMED = {"undecided_connections": "undecided", "events_lost": "events_lost"}


def counter(sample):
    """The counter that a sample tells of; None, if it is none."""
    name, labels = sample["name"], sample["labels"]
    if name in LABELLED:
        return LABELLED[name].format(re.fullmatch(r'\w+="(.+)"', labels)[1])
    if name in RENAMED:
        return RENAMED[name]
    prefix, _, rest = name.partition("_")
    return rest.removeprefix("connections_") if prefix in ("segments", "connections") else None


def samples(text):
    """The numbers of a text, by the names and labels of the metrics."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.smoke
@pytest.mark.every_kernel
def test_every_counter_is_told_and_equals_sysfs(module, veth, recorder):
    for request in MINIMAL_REQUEST, MINIMAL_REQUEST, MINIMAL_REQUEST.replace(b"GET", b"BREW"), b"PRI * HTTP/2.0\r\n\r\n":
        send_blocked(recorder, veth.client, request)
    wait_until(lambda: http_filter.counters()["undecided"] == 0, "all are decided")
    before, text = http_filter.counters(), filterctl("metrics")
    assert (before["requests"], before["h2c"], before["methods/GET"], before["methods/other"]) == (3, 1, 2, 1)
    found = [SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    told = {name: int(sample["number"]) for sample in found if (name := counter(sample))}
    # What goes on growing is what is sent again.
    assert told.keys() == before.keys()
    assert {name: number for name, number in told.items() if number != before[name]}.keys() <= {"dropped"}
    assert http_filter.counters()["dropped"] >= told["dropped"] >= before["dropped"]


def test_settings_are_told(module):
    http_filter.write_setting("detect", "h2c responses")
    http_filter.write_setting("action", "reject")
    http_filter.write_setting("log", 0)
    http_filter.write_setting("enabled", 0)
    module.replace(b"allow port 80\nallow port 81 until 1\n")
    told = samples(filterctl("metrics"))
    version = http_filter.read_file("version")
    assert told[f'http_filter_info{{version="{version}",namespaces="all"}}'] == 1
    assert told["http_filter_loaded"] == 1
    assert told["http_filter_enabled"] == 0
    assert told["http_filter_log_enabled"] == 0
    assert told["http_filter_last_switch_timestamp_seconds"] == int(http_filter.read_file("since"))
    assert told["http_filter_undecided_connections_limit"] == int(http_filter.read_file("max_undecided"))
    assert {name: told[f'http_filter_action{{action="{name}"}}'] for name in ("drop", "reject", "monitor")} == {
        "drop": 0, "reject": 1, "monitor": 0}
    assert {name: told[f'http_filter_detect{{kind="{name}"}}'] for name in ("requests", "h2c", "http09", "responses")} == {
        "requests": 0, "h2c": 1, "http09": 0, "responses": 1}
    assert (told["http_filter_rules"], told["http_filter_rules_expired"]) == (2, 1)


def test_nobody_is_told_all_but_rules(module):
    of_root, of_nobody = filterctl("metrics"), filterctl("metrics", prefix=NOBODY)
    assert samples(of_root).keys() - samples(of_nobody).keys() == {"http_filter_rules", "http_filter_rules_expired"}
    with folder() as where:
        assert "ermission denied" in filterctl(f"metrics --textfile {where}/x.prom", status=1, prefix=NOBODY)
        assert list(where.iterdir()) == []


@pytest.mark.usefixtures("unfiltered")
def test_without_the_module_that_is_told():
    assert samples(filterctl("metrics")) == {"http_filter_loaded": 0}


def test_promtool_finds_no_fault(module):
    prometheus.skip_without_programs()
    for text in filterctl("metrics"), filterctl("metrics", prefix=NOBODY):
        assert prometheus.promtool("check", "metrics", input=text) == ""


class Monitoring:
    """A Prometheus that asks a node_exporter on this host, all over loopback."""

    def __init__(self, server, exporter, textfile):
        self.server, self.exporter, self.textfile = server, exporter, textfile

    def query(self, expression):
        return prometheus.ask(self.server, expression)

    def value(self, expression):
        """The only value that there is now; None, if there is none."""
        answer = self.query(expression)
        assert len(answer) < 2, answer
        return answer[0][1] if answer else None

    def write(self):
        """Writes the metrics; returns them."""
        assert filterctl(f"metrics --textfile {self.textfile}") == ""
        return samples(self.textfile.read_text())

    def allow_scrapes(self):
        filterctl(f"rules add allow on lo port {self.exporter.port}")

    def wait_for(self, expression, value):
        wait_until(lambda: self.value(expression) == value, f"{expression} is {value}", seconds=60)

    def wait_for_alert(self, name):
        alert = f'ALERTS{{alertname="{name}"}}'
        wait_until(lambda: self.query(alert), f"{name} is pending", seconds=60)


@pytest.fixture
def monitoring(filtered, loopback):
    prometheus.skip_without_programs()
    server, exporter = loopback.endpoint(), loopback.endpoint()
    # So that it answers.
    filterctl(f"rules add allow on lo port {server.port}")
    with folder() as where, folder() as other, prometheus.node_exporter(exporter, other, where), folder() as data, \
            prometheus.prometheus(server, data, exporter):
        monitoring = Monitoring(server, exporter, where / "http_filter.prom")
        monitoring.write()
        yield monitoring


def test_a_scrape_takes_a_rule(monitoring):
    before = http_filter.counters()
    monitoring.wait_for("up", 0)
    assert (http_filter.counters() - before)["blocked"] > 0
    assert monitoring.query("http_filter_loaded") == []
    monitoring.allow_scrapes()
    monitoring.wait_for("up", 1)
    (labels, value), = monitoring.query("http_filter_loaded")
    assert value == 1
    assert labels == {"__name__": "http_filter_loaded", "instance": str(monitoring.exporter), "job": "node"}


def test_prometheus_has_the_modules_numbers_and_the_dashboard_shows_them(monitoring, veth, recorder):
    monitoring.allow_scrapes()
    monitoring.wait_for("http_filter_loaded", 1)
    for method in b"GET", b"GET", b"DELETE":
        send_blocked(recorder, veth.client, method + b" / HTTP/1.1\r\n\r\n")
    written = monitoring.write()
    monitoring.wait_for('http_filter_connections_decided_total{decision="blocked"}', 3)
    answer = monitoring.query('{__name__=~"http_filter_.+"}')
    for labels, _ in answer:
        assert (labels.pop("instance"), labels.pop("job")) == (str(monitoring.exporter), "node")

    def sample(name, labels):
        labels = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items(), reverse=True))
        return f"{name}{{{labels}}}" if labels else name

    assert {sample(labels.pop("__name__"), labels): value for labels, value in answer} == written
    queries = list(prometheus.dashboard_queries())
    assert len(queries) > 10
    assert [query for query in queries if not prometheus.promtool_query(monitoring.server, query[1])] == []
    values = {labels["method"]: value for labels, value in monitoring.query(dict(queries)["Requests, by method"])}
    assert values["GET"] > values["DELETE"] > 0


def test_each_alert_is_raised(monitoring):
    monitoring.allow_scrapes()
    monitoring.write()
    monitoring.wait_for("http_filter_enabled", 1)
    assert monitoring.query("ALERTS") == []

    # What would take a flood to happen.
    text = monitoring.textfile.read_text()
    for metric in "undecided_connections", "segments_refused_total", "segments_uninspectable_total":
        text, count = re.subn(f"(?m)^(http_filter_{metric}) 0$", r"\1 4000", text)
        assert count == 1
    monitoring.textfile.write_text(text)
    for name in "HttpFilterTableAlmostFull", "HttpFilterRefusesSegments", "HttpFilterCannotInspect":
        monitoring.wait_for_alert(name)

    filterctl("set action monitor")
    monitoring.write()
    monitoring.wait_for_alert("HttpFilterMonitorsOnly")
    filterctl("disable")
    monitoring.write()
    monitoring.wait_for_alert("HttpFilterOff")
    filterctl("unload")
    assert monitoring.write() == {"http_filter_loaded": 0}
    monitoring.wait_for_alert("HttpFilterNotLoaded")
    an_hour_ago = time.time() - 3600
    os.utime(monitoring.textfile, (an_hour_ago, an_hour_ago))
    monitoring.wait_for_alert("HttpFilterMetricsStale")
    alerts = {labels["alertname"] for labels, _ in monitoring.query("max_over_time(ALERTS[10m])")}
    assert alerts == set(re.findall(r"alert: (\w+)", prometheus.RULES.read_text()))
