#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes what was measured into a document, as a table between its markers.

Reads the lines of `measure`. A case counts for a peer only if it works where nothing is loaded: HTTP if the server
read it there, an innocent stream if it was delivered. Exit status 1 if the module fails in a case.
"""

import argparse
import collections
import json
import pathlib
import sys

BEGIN, END = "<!-- The table: written by `make peers`. -->\n", "<!-- The table's end. -->\n"

PEERS = {
    "kmp": "string, kmp",
    "bm": "string, bm",
    "nft": "`@ih` prefixes",
    "example": "C hook",
    "bpf_prefixes": "BPF prefixes",
    "bpf_stream": "BPF stream",
    "http_filter": "http_filter",
}

# The row with a request whole in one segment, and that with other protocols' starts out of order.
PLAIN, SWAPPED = 6, 35


class Case(collections.namedtuple("Case", "row family technique sent")):
    """A case, the same for all peers."""

    @classmethod
    def of(cls, line):
        return cls(line["row"], line["family"], line["case"], line["sent"])


def load(lines):
    """The run's line, and for each peer the results by case. What else the guest said is passed on."""
    run, results = None, collections.defaultdict(dict)
    for text in lines:
        if not text.startswith("{"):
            sys.stderr.write(text)
            continue
        line = json.loads(text)
        if "peer" not in line:
            run = line
            continue
        case = Case.of(line)
        if case in results[line["peer"]]:
            sys.exit(f"table: twice the same case: {case}")
        results[line["peer"]][case] = line
    return run, results


def titles(results):
    """The titles of the catalogue's rows, by their numbers."""
    return {line["row"]: line["title"] for line in results["nothing"].values()}


def check(run, results):
    """The peers must be what they are meant to be, and have met the same cases."""
    if run is None:
        sys.exit("table: the run tells neither its kernel nor its date")
    plain = [case for case, line in results["nothing"].items() if case.row == PLAIN and line["read"]]
    if not plain:
        sys.exit("table: the server reads no HTTP where nothing is loaded")
    for peer in PEERS:
        if results[peer].keys() != results["nothing"].keys():
            sys.exit(f"table: {peer} has not met all cases")
        if not any(not results[peer][case]["read"] for case in plain):
            sys.exit(f"table: {peer} stops no HTTP at all: is it loaded?")
    rows = titles(results).keys()
    if rows != set(range(1, max(rows) + 1)):
        sys.exit("table: the run has not met all rows of the catalogue")


def some(word, part, of):
    """How many of so many cases."""
    return word if part == of else f"{part} of {of} {word}"


def sort(results, row, family):
    """A row's cases: HTTP that the server reads where nothing is loaded, and other streams that it gets there."""
    nothing = {case: line for case, line in results["nothing"].items() if (case.row, case.family) == (row, family)}
    read = [case for case, line in nothing.items() if line["read"]]
    delivered = [case for case, line in nothing.items() if line["delivered"] and not line["read"]]
    return read, delivered


def cell(results, peer, row, family):
    """What a peer does to a row's cases."""
    read, delivered = sort(results, row, family)
    mine = results[peer]
    passed = sum(mine[case]["read"] for case in read)
    lost = sum(not mine[case]["delivered"] for case in delivered)
    # In some rows HTTP comes after a start that is not HTTP: no attack on a filter of starts.
    if any(mine[case]["after_start"] for case in read + delivered):
        return some("stopped", lost, len(delivered)) if lost else "passes"
    words = []
    if read:
        words.append(some("passes" if passed == len(read) else "pass", passed, len(read)) if passed else "stopped")
    if lost:
        words.append(f"breaks {lost} of {len(delivered)} others")
    return ", ".join(words) or "leaves alone"


def join(cells):
    """The cells of both versions of IP as one."""
    cells = {family: cell for family, cell in cells.items() if cell}
    if len(set(cells.values())) == 1:
        return next(iter(cells.values()))
    return "; ".join(f"{family}: {cell}" for family, cell in cells.items())


def others(results):
    """Streams that are not HTTP, and that arrive where nothing is loaded without a repetition, as they should."""
    return [
        case
        for case, line in results["nothing"].items()
        if line["avoidable"] and line["delivered"] and not line["repeated"]
    ]


def cost(results):
    """What the peers cost other streams, beyond those that they break."""
    cases = others(results)
    swapped = [case for case in cases if case.row == SWAPPED]
    rows = {
        f"segments that had to be sent again, of {len(cases)} streams": lambda mine: sum(
            mine[case]["repeated"] for case in cases
        ),
        f"starts with two segments swapped that pass as they are, of {len(swapped)}": lambda mine: sum(
            mine[case]["delivered"] and not mine[case]["repeated"] for case in swapped
        ),
    }
    yield "| other streams | " + " | ".join(PEERS.values()) + " |\n"
    yield "|---" * (1 + len(PEERS)) + "|\n"
    for title, count in rows.items():
        yield f"| {title} | " + " | ".join(str(count(results[peer])) for peer in PEERS) + " |\n"
    yield "\n"


def table(run, results):
    families = {"ipv4": "IPv4", "ipv6": "IPv6"}
    yield f"\nMeasured on {run['date']} in kernel {run['kernel']}.\n\n"
    yield "| # | technique | HTTP + others | " + " | ".join(PEERS.values()) + " |\n"
    yield "|---" * (3 + len(PEERS)) + "|\n"
    for row, title in sorted(titles(results).items()):
        sizes = {name: [len(cases) for cases in sort(results, row, family)] for family, name in families.items()}
        count = join({name: "{} + {}".format(*size) for name, size in sizes.items() if any(size)})
        cells = [
            join({name: cell(results, peer, row, family) for family, name in families.items() if any(sizes[name])})
            for peer in PEERS
        ]
        yield f"| {row} | {title} | {count} | " + " | ".join(cells) + " |\n"
    yield "\n"
    yield from cost(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("measured", type=pathlib.Path, help="the lines of measure")
    parser.add_argument("document", type=pathlib.Path, help="what has the markers")
    options = parser.parse_args()

    with options.measured.open() as lines:
        run, results = load(lines)
    check(run, results)
    before, begin, rest = options.document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"table: {options.document} lacks the markers")
    options.document.write_text("".join([before, begin, *table(run, results), end, after]))

    failed = [line for line in results["http_filter"].values() if not line["expected"]]
    for line in failed:
        print("table: http_filter fails:", json.dumps(line), file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
