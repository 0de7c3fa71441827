# SPDX-License-Identifier: GPL-2.0
"""The kernel log, as records of /dev/kmsg."""

import dataclasses
import os
import re

PREFIX = "http_filter: "

# If one of these is in the kernel log, at whatever level, the test fails.
_TROUBLE = re.compile(
    r"WARNING: |BUG: |Oops|Call Trace|general protection fault|scheduling while atomic|"
    r"sleeping function called|rcu.*stall|soft lockup|hung_task|blocked for more than|panic|"
    r"refcount_t|use-after-free|leaked|unregister_netdevice: waiting|kernel NULL pointer|UBSAN|"
    r"possible recursive locking|suspicious RCU usage", re.IGNORECASE)

_WARNING = 4

# Complaints about the emulated machine's clock, and about messages that tests damage: not counted.
_NOISE = re.compile(r"clocksource|hrtimer: interrupt took|perf: interrupt took|netlink: .* (?:bytes leftover|invalid length)|nla\w*: \d+ callbacks suppressed")


@dataclasses.dataclass(frozen=True)
class Record:
    level: int
    # 0: the kernel; programs can write to its log, too.
    facility: int
    text: str

    @property
    def is_alarm(self):
        return bool(_TROUBLE.search(self.text)) and not _NOISE.search(self.text)

    @property
    def is_trouble(self):
        is_warning = self.facility == 0 and self.level <= _WARNING and not self.text.startswith(PREFIX)
        return self.is_alarm or is_warning and not _NOISE.search(self.text)


def _record(raw):
    """Parses a record of /dev/kmsg: `6,1234,5678,-;text\\n KEY=value`, with unusual bytes escaped as \\xNN."""
    head, _, rest = raw.partition(b";")
    text = re.sub(rb"\\x([0-9a-f]{2})", lambda code: bytes([int(code[1], 16)]), rest.split(b"\n", 1)[0])
    priority = int(head.split(b",")[0])
    return Record(priority & 7, priority >> 3, text.decode(errors="surrogateescape"))


class KernelLog:
    """The log from the moment the object is created."""

    def __init__(self):
        self._file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._file, 0, os.SEEK_END)
        self._records = []
        self._skipped = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def records(self):
        while True:
            try:
                self._records.append(_record(os.read(self._file, 8192)))
            except BlockingIOError:
                return self._records
            # EPIPE (records were overwritten before they were read) is an error.

    def skip(self):
        """Makes lines() omit what has been logged so far."""
        self._skipped = len(self.records())

    def lines(self):
        """The module's own lines, without its name."""
        records = self.records()[self._skipped:]
        return [record.text.removeprefix(PREFIX) for record in records if record.text.startswith(PREFIX)]

    def alarms(self):
        """Records of a kernel bug: oopses, warnings, stalls and the like."""
        return [record.text for record in self.records() if record.is_alarm]

    def trouble(self):
        """Alarms, and all other records of the level of a warning or worse that are not the module's."""
        return [record.text for record in self.records() if record.is_trouble]
