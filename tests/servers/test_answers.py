# SPDX-License-Identifier: GPL-2.0
"""What any server takes for a request is HTTP to the classifier, or a limit that is stated."""

import os

import pytest

from answers import SERVERS, ask_all, is_taken, classify
from forms import FORMS
from limits import LIMITS

HTTP = {"http1", "h2c", "http09"}


@pytest.fixture(scope="module")
def answers():
    """The answers to each form, by the form and the server's name."""
    by_server = ask_all(FORMS)
    return {str(form): {name: by_server[name][number] for name in SERVERS} for number, form in enumerate(FORMS)}


@pytest.fixture(scope="module")
def verdicts():
    found = classify(FORMS, f"/src/build/{os.environ['KVER']}/filterctl")
    return dict(zip(map(str, FORMS), found))


def test_what_any_server_takes_is_http_or_a_limit(answers, verdicts):
    taken = {form: by_server for form, by_server in answers.items() if any(map(is_taken, by_server.values()))}
    missed = {form for form in taken if verdicts[form] not in HTTP}
    assert missed == {form for forms in LIMITS.values() for form in forms}


def test_every_server_serves_what_is_right_and_refuses_what_is_wrong(answers):
    assert set(answers["versions: HTTP/1.1"].values()) == {"200"}
    assert set(answers["separators: behind the method: nothing"].values()) & {"200", "404"} == set()


def test_what_is_right_is_http(verdicts):
    assert verdicts["versions: HTTP/1.1"] == verdicts["versions: HTTP/1.0"] == "http1"
    assert verdicts["HTTP/2: preface"] == "h2c"
    assert verdicts[r"without a version: GET /index.html\r\n"] == "http09"
