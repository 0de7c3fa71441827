# SPDX-License-Identifier: GPL-2.0
"""Listens to the module's events."""

import contextlib
import ipaddress
import socket
import struct

from support.genetlink import CONSTANTS, Client, parse

_NAMES = {value: name.removeprefix("A_EVENT_").lower() for name, value in CONSTANTS.items()
          if name.startswith("A_EVENT_")}
_TEXTS = {"device", "method", "target", "host"}
_FLAGS = {"accepted"}
# The enums, by the attributes that have one.
_ENUMS = {"type": "EVENT_TYPE_", "kind": "KIND_", "action": "RULE_ACTION_", "reason": "END_REASON_"}


def _value(name, value):
    if name in _TEXTS:
        return value.rstrip(b"\0").decode("ascii")
    if name in _FLAGS:
        assert value == b""
        return True
    if name in ("from", "to"):
        return str(ipaddress.ip_address(value))
    number = int.from_bytes(value, "little")
    prefix = _ENUMS.get(name)
    if prefix is None:
        return number
    return {value: constant.removeprefix(prefix).lower() for constant, value in CONSTANTS.items()
            if constant.startswith(prefix)}[number]


class Listener:
    """Listens in the network namespace of who makes it; an event is a dictionary, by the names of its attributes."""

    def __init__(self):
        self._client = Client().find()
        self._client.join("events")
        # In older kernels, root of a container may not.
        with contextlib.suppress(PermissionError):
            self._client.enlarge_buffers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.socket.close()

    def limit_buffer(self):
        """Makes its buffer as small as the kernel allows."""
        self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    def next(self, seconds=10):
        """The next event; raises TimeoutError if none comes."""
        self._client.socket.settimeout(seconds)
        message = self._client.socket.recv(1 << 16)
        length, = struct.unpack_from("=I", message)
        assert length == len(message) and message[16] == CONSTANTS["CMD_EVENT"]
        attributes = [(_NAMES[number], value) for number, value in parse(message[20:])]
        event = {name: _value(name, value) for name, value in attributes}
        assert len(event) == len(attributes)
        return event

    def next_found(self):
        """The next connection that is found. The ends of earlier ones are told whenever their sockets are gone."""
        while (event := self.next())["type"] != "found":
            pass
        return event

    def rest(self, seconds=0.5):
        """All that come until none has come for so long."""
        events = []
        while True:
            try:
                events.append(self.next(seconds))
            except TimeoutError:
                return events
