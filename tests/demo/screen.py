# SPDX-License-Identifier: GPL-2.0
"""What the demo prints: command lines, results, ticks and crosses."""

import os
import sys
import time

# Seconds to read what has been shown, where somebody watches.
_A_MOMENT = 2

_BOLD, _FAINT, _GREEN, _RED = "1", "2", "32", "31;1"


class Screen:
    """Prints the steps and remembers which were not as told."""

    def __init__(self):
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._failed = []

    def chapter(self, title):
        self._pause()
        print(f"\n{self._in(_BOLD, title)}")

    def step(self, command, result="", as_told=None, remark=""):
        """A command line; with `as_told`, what came of it and whether that is as it should be."""
        line = f"  $ {command}"
        if as_told is None:
            self._pause()
            print(line, flush=True)
            return
        line = f"{line:38} {self._mark(as_told)} {result.splitlines()[0] if result else ''}"
        print(f"{line:70} {self._in(_FAINT, remark)}".rstrip(), flush=True)
        self._note(f"$ {command}: {result}", as_told)

    def check(self, claim, as_told):
        print(f"  {self._mark(as_told)} {claim}", flush=True)
        self._note(claim, as_told)

    def text(self, text):
        for line in text.strip("\n").splitlines():
            print(f"    {line}".rstrip())

    def end(self):
        """The last word; returns the exit status."""
        if not self._failed:
            print(f"\n{self._in(_GREEN, 'All as told.')}")
            return 0
        print(f"\n{self._in(_RED, 'Not as told:')}")
        for what in self._failed:
            print(f"  {what}")
        return 1

    def _pause(self):
        if sys.stdout.isatty():
            time.sleep(_A_MOMENT)

    def _note(self, what, as_told):
        if not as_told:
            self._failed.append(what)

    def _mark(self, good):
        return self._in(_GREEN, "✓") if good else self._in(_RED, "✗")

    def _in(self, style, text):
        return f"\x1b[{style}m{text}\x1b[0m" if self._coloured and text else text
