#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Asks all servers, and writes what they answer into a document, as tables between its markers."""

import datetime
import itertools
import pathlib
import subprocess
import sys

from answers import SERVERS, ask_all, is_taken, classify
from forms import FORMS
from limits import LIMITS

BEGIN, END = "<!-- The tables: written by `make servers`. -->\n", "<!-- The tables' end. -->\n"

PACKAGES = {"nginx": "nginx", "Apache": "apache2", "lighttpd": "lighttpd", "Caddy": "caddy", "Node": "nodejs",
            "Python": "python3", "busybox": "busybox"}


def versions():
    """The servers and their packages' versions, without what Debian adds to them."""
    for name, package in PACKAGES.items():
        command = ["dpkg-query", "-f", "${source:Upstream-Version}", "-W", package]
        shown = subprocess.run(command, check=True, capture_output=True, text=True)
        yield f"{name} {shown.stdout.split('+')[0]}"


def code(text):
    """Text as it is, in a cell of a table."""
    return f"`` {text} ``".replace("|", r"\|")


def cell(answer):
    """An answer, marked if the server takes what was sent for a request."""
    return f"**{answer}**" if is_taken(answer) else answer


def tables(answers, verdicts):
    numbers = {form: number for number, forms in enumerate(LIMITS.values(), 1) for form in forms}
    rows = zip(FORMS, verdicts, zip(*answers.values()))
    for part, group in itertools.groupby(rows, key=lambda row: row[0].part):
        yield f"\n### {part[0].upper()}{part[1:]}\n\n"
        yield f"| sent | {' | '.join(answers)} | http_filter |\n|{'---|' * (len(answers) + 2)}\n"
        for form, verdict, given in group:
            limit = f" ({numbers[str(form)]})" if str(form) in numbers else ""
            yield f"| {code(form.name)} | {' | '.join(map(cell, given))} | {verdict}{limit} |\n"


def main(document):
    answers = ask_all(FORMS)
    verdicts = classify(FORMS, pathlib.Path(sys.argv[2]))
    text = document.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    with document.open("w") as out:
        out.write(before + BEGIN)
        out.write(f"\nAsked on {datetime.date.today()}: {', '.join(versions())}.\n\n")
        for number, limit in enumerate(LIMITS, 1):
            out.write(f"{number}. {limit}.\n")
        out.writelines(tables(answers, verdicts))
        out.write(END + after)
    print(f"{len(FORMS)} forms, {len(SERVERS)} servers: {document}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
