# SPDX-License-Identifier: GPL-2.0
"""Prometheus, node_exporter that it asks, and promtool that asks it: each in the way of the filter, by plaintext HTTP."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from support.process import process
from support.wait import wait_until

CONTRIB = pathlib.Path(__file__).resolve().parents[3] / "contrib"
RULES = CONTRIB / "prometheus/http_filter.rules.yml"
DASHBOARD = CONTRIB / "grafana/http_filter.json"

PROGRAMS = "prometheus", "promtool", "prometheus-node-exporter"

# How often everything is done, in seconds: as often as an emulated machine can.
INTERVAL = 2


def skip_without_programs():
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        pytest.skip(f"this root has no {', '.join(missing)}")


def promtool(*arguments, **options):
    """Runs promtool, which has to have nothing to complain of; returns what it prints."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def node_exporter(endpoint, where, textfiles):
    """Runs node_exporter on an endpoint, with its textfile collector alone."""
    return process(endpoint, where, "prometheus-node-exporter", f"--web.listen-address={endpoint}",
                   "--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={textfiles}")


@contextlib.contextmanager
def prometheus(endpoint, where, target):
    """Runs Prometheus on an endpoint, with the alerts; it asks `target`."""
    (where / "prometheus.yml").write_text(f"""
global: {{scrape_interval: {INTERVAL}s, scrape_timeout: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}
rule_files: ["{RULES}"]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["{target}"]}}]}}]
""")
    with process(endpoint, where, "prometheus", f"--config.file={where}/prometheus.yml",
                 f"--storage.tsdb.path={where}/data", f"--web.listen-address={endpoint}"):
        wait_until(lambda: _is_ready(endpoint), "Prometheus is ready", seconds=60)
        yield


def _is_ready(server):
    """Whether it answers; it listens before."""
    try:
        return ask(server, "vector(1)")
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return False


def ask(server, expression):
    """What Prometheus answers: a list of labels and values."""
    # promtool would take seconds for each in an emulated machine.
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(server.url(f"/api/v1/query?{query}"), timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return [(sample["metric"], float(sample["value"][1])) for sample in result]


def promtool_query(server, expression):
    """What promtool prints that Prometheus has answered."""
    return promtool("query", "instant", server.url(), expression)


def dashboard_queries():
    """The queries of the dashboard, of all hosts, for a time that tests have."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    variables = {"$instance": ".+", "$__rate_interval": "10m", "$__range": "10m"}
    for panel in panels:
        for target in panel["targets"]:
            expression = re.sub(r"\$\w+", lambda name: variables[name[0]], target["expr"])
            yield panel["title"], expression
